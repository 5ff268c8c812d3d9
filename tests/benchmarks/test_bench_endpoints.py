"""How near several servers of different speeds come to the ideal split. Prints ratios."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vau_bench.models.endpoint import Endpoint, EndpointSettings, Reply, one_call

pytestmark = pytest.mark.benchmark

LATENCIES = (0.1, 0.2, 0.3, 0.4)
SLOTS = 4
CALLS = 600
MESSAGES = [{"role": "system", "content": "Judge."}, {"role": "user", "content": "answer 7"}]


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Any]]]:
    """Start servers in processes of their own: `servers(0.02, 0.04)`."""
    spec = importlib.util.spec_from_file_location("judges", Path(__file__).parents[1] / "judge" / "conftest.py")
    assert spec is not None and spec.loader is not None
    judges = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = judges
    spec.loader.exec_module(judges)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    started: list[Any] = []

    def start(*latencies: float) -> list[Any]:
        started.extend(judges.JudgeProcess(latency) for latency in latencies)
        return started

    yield start
    for server in started:
        server.close()


def seconds(urls: list[str], calls: int) -> float:
    """Return how long so many calls to servers take, after one to each has opened its connections."""
    settings = EndpointSettings(tuple(f"{url}/chat/completions" for url in urls), concurrency=SLOTS, timeout=10.0)
    talk = one_call(lambda item: {"model": "m", "messages": MESSAGES})
    endpoint: Endpoint[int, Reply] = Endpoint(settings, talk, quick=True)
    begun = None
    for number, (_, result) in enumerate(endpoint.map(range(settings.lanes + calls)), 1):
        assert isinstance(result, Reply), result
        if number == settings.lanes:
            begun = time.perf_counter()
    assert begun is not None
    return time.perf_counter() - begun


@pytest.mark.timeout(300)
def test_four_servers_of_different_speeds(servers: Callable[..., list[Any]]) -> None:
    urls = [server.url for server in servers(*LATENCIES)]
    rates = [calls / seconds([url], calls) for url, calls in zip(urls, (200, 100, 66, 50), strict=True)]
    took = seconds(urls, CALLS)
    ideal, by_latency = CALLS / sum(rates), CALLS / sum(SLOTS / latency for latency in LATENCIES)
    evenly = CALLS / len(LATENCIES) / min(rates)
    print(
        f"\n{CALLS} calls to 4 servers of 100, 200, 300, 400 ms with {SLOTS} slots each took {took:.2f} s: "
        f"{took / ideal:.2f} times the ideal split by what each does alone (target 1.1), "
        f"{took / by_latency:.2f} times that by latency, {took / evenly:.2f} times an even split",
        end="",
    )


@pytest.mark.timeout(300)
def test_four_servers_cost_no_more_than_one(servers: Callable[..., list[Any]]) -> None:
    four = servers(*[0.04] * 4)
    alone = seconds([four[0].url], CALLS // 4)
    together = seconds([server.url for server in four], CALLS)
    print(f"\n4 servers of 40 ms do 4 times the calls of one in {together / alone:.2f} times its time", end="")
