"""Times written into prompts are the times of the frames, rounded as written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.errors import ModelError
from vau_bench.models.told_times import ToldTimesError, assert_told, read_labels, time_labels, times_sentence

ascending = st.lists(st.floats(0, 20_000), min_size=1, max_size=40, unique=True).map(sorted)


@given(ascending)
def test_what_is_written_reads_back_as_what_is_shown(times):
    assert_told(read_labels(" ".join(time_labels(times))), times)
    assert_told(read_labels(times_sentence(times)), times)


@given(st.integers(1, 200), st.sampled_from([1.0, 0.5, 0.1, 0.04, 1 / 29.97, 0.002]))
def test_no_two_frames_are_told_the_same_time(count, step):
    labels = time_labels([step * i for i in range(count)])
    assert len(set(labels)) == count


def test_one_decimal_where_it_suffices():
    assert time_labels((0.0, 1.04, 12.96)) == ("[0.0s]", "[1.0s]", "[13.0s]")
    assert time_labels((0.0, 0.04)) == ("[0.00s]", "[0.04s]")
    assert time_labels(()) == ()


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (["1.0"], [1.06]),
        (["1.00"], [1.006]),
        (["0.0", "1.0"], [0.0]),
        (["1.0"], [0.0, 1.0]),
        ([], [0.0]),
        (["0.0", "2.0"], [0.0, 1.0]),
    ],
)
def test_any_other_time_stops_the_run(told, shown):
    with pytest.raises(ToldTimesError):
        assert_told(told, shown)
    assert issubclass(ToldTimesError, ModelError)


def test_only_labels_are_read():
    assert read_labels("at 3.2s [4s] [5.0] [6.1s] [-1.0s]") == ["6.1"]
