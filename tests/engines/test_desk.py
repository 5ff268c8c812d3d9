"""The desk tells the same block again for ever, and counts over which requests processes are lost."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

pytest.importorskip("pyarrow")
Desk = pytest.importorskip("vau_bench.engines.desk").Desk

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(coroutine, 10))


def test_blocks_come_in_order_as_they_are_put_and_none_behind_the_last() -> None:
    async def talk() -> list[bytes | None]:
        desk = Desk(b"")
        taken = [asyncio.create_task(desk.take(index)) for index in range(3)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in taken)
        await desk.put(b"first")
        await desk.put(b"second")
        await desk.end()
        return [await task for task in taken]

    assert run(talk()) == [b"first", b"second", None]


def test_a_block_is_told_again_and_is_empty_when_it_is_answered() -> None:
    async def talk() -> list[bytes]:
        desk = Desk(b"")
        await desk.put(b"first")
        await desk.put(b"second")
        await desk.forget(0)
        await desk.forget(0)
        return [await desk.take(index) for index in (0, 1, 1)]

    answered, second, again = run(talk())
    assert pickle.loads(answered) == [] and second == again == b"second"


def test_nobody_is_counted_twice_who_was_not_lost() -> None:
    async def talk() -> None:
        desk = Desk(b"")
        assert await desk.begin(["a", "b"]) == ([0, 0], {}, 0)
        await desk.done(["a", "b"])
        assert await desk.begin(["a", "b"]) == ([0, 0], {}, 0)

    run(talk())


def test_after_a_loss_requests_count_alone_and_their_answers_are_kept() -> None:
    async def talk() -> None:
        desk = Desk(b"")
        await desk.begin(["a", "b"])
        assert (await desk.begin(["a", "b"])).tries == [1, 1]
        await desk.begin_alone("a")
        await desk.done(["a"], b"answer")
        await desk.begin_alone("b")
        tries, kept, _ = await desk.begin(["a", "b"])
        assert tries == [0, 2] and kept == {"a": b"answer"}

    run(talk())


@pytest.mark.parametrize("answered", [True, False])
def test_losses_are_told_until_something_is_answered(answered: bool) -> None:
    async def talk() -> int:
        desk = Desk(b"")
        if answered:
            await desk.begin(["fine"])
            await desk.done(["fine"])
        for _ in range(4):
            begun = await desk.begin(["a"])
        return int(begun.losses)

    assert run(talk()) == (0 if answered else 3)


def test_a_decoded_block_is_no_answer() -> None:
    async def talk() -> int:
        desk = Desk(b"")
        assert await desk.begin_alone("decode/0") == 0
        assert await desk.begin_alone("decode/0") == 1
        await desk.decoded("decode/0")
        assert await desk.begin_alone("decode/0") == 0
        await desk.begin(["a"])
        return int((await desk.begin(["a"])).losses)

    assert run(talk()) == 1


def test_keys_are_lent_and_stand_in_no_setup() -> None:
    async def talk() -> tuple[bytes, dict[str, str]]:
        desk = Desk(b"setup")
        await desk.lend({"OPENAI_API_KEY": "sk-canary"})
        return await desk.setup(), await desk.environment()

    assert run(talk()) == (b"setup", {"OPENAI_API_KEY": "sk-canary"})
