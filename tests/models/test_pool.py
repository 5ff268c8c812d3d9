"""Each call goes to the server with the least to do for what it bears; nobody waits for one that is not well."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.models.endpoint_settings import EndpointSettings
from vau_bench.models.health import IN_A_ROW
from vau_bench.models.pool import Pool
from vau_bench.models.server import Server


def pool(*slots: int, first_pause: float = 60.0) -> Pool:
    """Return a pool of servers `h0`, `h1`, ... that bear so many calls."""
    servers = []
    for number, most in enumerate(slots):
        patience = EndpointSettings((f"http://h{number}",), concurrency=most, first_pause=first_pause)
        servers.append(Server(f"h{number}", patience, None, lambda sentence: None))
    return Pool(servers)


def drain(server: Server) -> None:
    for _ in range(IN_A_ROW):
        server.suspect(RuntimeError("gone"))


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 10))


async def held(made: Pool, stack: contextlib.AsyncExitStack, count: int, avoid: tuple[Server, ...] = ()) -> list[str]:
    """Take so many slots, and return where they are."""
    return [(await stack.enter_async_context(made.slot(avoid))).url for _ in range(count)]


def test_calls_are_spread_by_what_each_server_bears() -> None:
    async def test() -> None:
        made = pool(8, 4, 2)
        async with contextlib.AsyncExitStack() as stack:
            assert Counter(await held(made, stack, 7)) == {"h0": 4, "h1": 2, "h2": 1}
            assert Counter(await held(made, stack, 7)) == {"h0": 4, "h1": 2, "h2": 1}
        assert [server.load.taken for server in made.servers] == [0, 0, 0]

    run(test)


def test_a_server_that_bears_less_than_before_gets_less() -> None:
    async def test() -> None:
        made = pool(8, 8)
        made.servers[0].load.limit = 2.0
        async with contextlib.AsyncExitStack() as stack:
            assert Counter(await held(made, stack, 10)) == {"h0": 2, "h1": 8}

    run(test)


def test_a_retry_waits_for_another_server_rather_than_take_the_one_that_failed() -> None:
    async def test() -> None:
        made = pool(1, 1)
        first, second = made.servers
        async with contextlib.AsyncExitStack() as stack:
            assert await held(made, stack, 1, avoid=(first,)) == ["h1"]
            retry = asyncio.create_task(held(made, stack, 1, avoid=(first,)))
            await asyncio.sleep(0)
            assert await held(made, stack, 1) == ["h0"], "who comes later does not wait behind it"
            await asyncio.sleep(0.01)
            assert not retry.done()
            second.load.limit = second.load.most = 2
            made._wake()
            assert await retry == ["h1"]

    run(test)


def test_with_nowhere_else_to_go_a_retry_takes_the_same_server() -> None:
    async def test() -> None:
        made = pool(1)
        async with contextlib.AsyncExitStack() as stack:
            assert await held(made, stack, 1, avoid=made.servers) == ["h0"]

    run(test)


def test_what_waits_for_a_server_that_is_drained_goes_to_the_others() -> None:
    async def test() -> None:
        made = pool(1, 1)
        first, second = made.servers
        async with contextlib.AsyncExitStack() as at_first, contextlib.AsyncExitStack() as at_second:
            await held(made, at_first, 1, avoid=(second,))
            await held(made, at_second, 1)
            async with contextlib.AsyncExitStack() as stack:
                waiting = asyncio.create_task(held(made, stack, 1, avoid=(second,)))
                await asyncio.sleep(0)
                drain(first)
                await at_first.aclose()
                await asyncio.sleep(0.01)
                assert not waiting.done(), "the one that is drained gets nothing"
                await at_second.aclose()
                assert await waiting == ["h1"]

    run(test)


def test_where_none_is_well_all_are_tried() -> None:
    async def test() -> None:
        made = pool(2, 2)
        for server in made.servers:
            drain(server)
        async with contextlib.AsyncExitStack() as stack:
            assert Counter(await held(made, stack, 4)) == {"h0": 2, "h1": 2}

    run(test)


def test_a_drained_server_is_probed_by_one_call_even_if_no_other_ends() -> None:
    async def test() -> None:
        made = pool(4, 1, first_pause=0.05)
        first, _ = made.servers
        drain(first)
        async with contextlib.AsyncExitStack() as stack:
            assert await held(made, stack, 1) == ["h1"]
            probe, other = (asyncio.create_task(held(made, stack, 1)) for _ in range(2))
            await asyncio.sleep(0.02)
            assert not probe.done(), "its pause is not over"
            assert await probe == ["h0"]
            await asyncio.sleep(0.05)
            assert not other.done(), "one call is enough to see whether it is well"
            first.health.worked()
            made._wake()
            assert await other == ["h0"]

    run(test)


def test_no_more_than_the_slots_are_held_and_nobody_starves() -> None:
    async def test() -> None:
        made = pool(8)
        made.servers[0].load.limit = 3.0
        taken = peak = done = 0

        async def call(number: int) -> None:
            nonlocal taken, peak, done
            async with made.slot():
                taken += 1
                peak = max(peak, taken)
                await asyncio.sleep(0.001 * (number % 3))
                taken -= 1
            done += 1

        calls = [asyncio.create_task(call(n)) for n in range(60)]
        await asyncio.sleep(0.002)
        for victim in calls[10:40:3]:
            victim.cancel()
        for task in calls:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert made.servers[0].load.taken == 0
        assert peak == 3 and done >= 50

    run(test)


@settings(max_examples=30, deadline=None)
@given(
    slots=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    calls=st.integers(1, 60),
    seed=st.integers(0, 2**16),
)
def test_whatever_happens_each_call_gets_its_turn_and_no_server_too_many(
    slots: list[int], calls: int, seed: int
) -> None:
    """Servers fall ill and recover, calls are cancelled and avoid servers: all who are left are served."""
    draw = random.Random(seed)

    async def test() -> None:
        made = pool(*slots, first_pause=0.001)
        served = 0

        async def call() -> None:
            nonlocal served
            avoid = draw.sample(made.servers, draw.randint(0, len(slots)))
            async with made.slot(avoid) as server:
                assert server.load.taken <= server.load.slots
                await asyncio.sleep(0.0005 * draw.random())
                if draw.random() < 0.4:
                    server.suspect(RuntimeError("oops"))
                else:
                    server.health.worked()
            served += 1

        tasks = [asyncio.create_task(call()) for _ in range(calls)]
        await asyncio.sleep(0.001 * draw.random())
        cancelled = draw.sample(tasks, calls // 4)
        for task in cancelled:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert served + sum(isinstance(r, asyncio.CancelledError) for r in results) == calls
        assert not any(isinstance(r, AssertionError) for r in results)
        assert [server.load.taken for server in made.servers] == [0] * len(slots)
        await made.close()

    run(test)
