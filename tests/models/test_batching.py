"""Batches lose and double no row, are alike in length, let none wait for ever, and find their own size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vau_bench.models.batching import AHEAD, MOST, BatchSize, batches

ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 500)), max_size=60)


def batched(rows: list[tuple[int, int]], size: int) -> list[list[tuple[int, tuple[int, int]]]]:
    numbered = list(enumerate(rows))
    return list(batches(numbered, BatchSize(size), group=lambda r: r[1][0], length=lambda r: r[1][1]))


@given(ROWS, st.integers(1, 8))
def test_each_row_is_in_one_batch_of_its_group_and_none_is_too_large(rows: list[tuple[int, int]], size: int) -> None:
    found = batched(rows, size)
    assert sorted(number for batch in found for number, _ in batch) == list(range(len(rows)))
    assert all(len(batch) <= size and len({group for _, (group, _) in batch}) == 1 for batch in found)


@given(ROWS, st.integers(1, 8))
def test_the_longest_waiting_row_is_always_next(rows: list[tuple[int, int]], size: int) -> None:
    left = set(range(len(rows)))
    for batch in batched(rows, size):
        assert min(left) in {number for number, _ in batch}
        left -= {number for number, _ in batch}


@given(ROWS)
def test_one_by_one_nothing_is_moved(rows: list[tuple[int, int]]) -> None:
    assert [number for batch in batched(rows, 1) for number, _ in batch] == list(range(len(rows)))


def test_less_is_padded_than_in_the_order_of_the_dataset() -> None:
    rows = [(0, 100 if number % 2 else 400) for number in range(64)]

    def padded(found: list[list[tuple[int, tuple[int, int]]]]) -> int:
        return sum(len(batch) * max(length for _, (_, length) in batch) for batch in found)

    assert padded(batched(rows, 8)) == sum(length for _, length in rows)


def test_rows_are_taken_no_more_than_a_few_batches_ahead() -> None:
    taken = []

    def rows() -> object:
        for number in range(1000):
            taken.append(number)
            yield number

    stream = batches(rows(), BatchSize(4), group=lambda r: 0, length=lambda r: 1)  # type: ignore[arg-type]
    next(stream)
    assert len(taken) == AHEAD * 4


class TestSize:
    def test_a_fixed_one_stays_until_memory_does_not_suffice(self) -> None:
        size = BatchSize(8)
        size.worked(8, 1.0)
        assert size.rows == 8
        size.failed(8)
        assert size.rows == 4
        size.worked(4, 0.1)
        assert size.rows == 4
        size.failed(1)
        assert size.rows == 1

    def test_auto_grows_while_rows_take_less_each_and_goes_back_when_they_do_not(self) -> None:
        size = BatchSize(None)
        for rows, seconds in ((1, 1.0), (2, 1.2), (4, 1.6)):
            assert size.rows == rows
            size.worked(rows, seconds)
        assert size.rows == 8
        size.worked(8, 3.1)
        assert size.rows == 4
        size.worked(4, 0.1)
        assert size.rows == 4

    def test_auto_learns_nothing_from_the_rest_of_a_dataset(self) -> None:
        size = BatchSize(None)
        size.worked(1, 1.0)
        size.worked(1, 9.0)
        assert size.rows == 2

    def test_auto_ends_where_memory_does(self) -> None:
        size = BatchSize(None)
        for rows in (1, 2, 4):
            size.worked(rows, 1.0)
        size.failed(8)
        assert size.rows == 4
        size.worked(4, 0.1)
        assert size.rows == 4

    def test_auto_has_a_limit(self) -> None:
        size = BatchSize(None)
        for _ in range(20):
            size.worked(size.rows, 1.0)
        assert size.rows == MOST
