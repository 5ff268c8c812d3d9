"""A real server, where one is named by VAU_BENCH_JUDGE_URL; docs/judge.md says how to start one."""

from __future__ import annotations

import os

import pytest

from vau_bench.judge.judgements import Decision

URL = os.environ.get("VAU_BENCH_JUDGE_URL")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::vau_bench.models.failures.EndpointWarning")  # it may answer under any name
@pytest.mark.skipif(URL is None, reason="names no server: set VAU_BENCH_JUDGE_URL, see docs/judge.md")
def test_a_real_server_is_asked_and_whatever_it_says_is_counted(judge, item) -> None:
    asked = judge(URL, model=os.environ.get("VAU_BENCH_JUDGE_MODEL", "any"), concurrency=1, timeout=120, max_tokens=200)
    made = [j for _, j in asked.ask([asked.question(item(n), 0) for n in range(2)])]
    assert len(made) == 2
    for judgement in made:
        assert judgement.decision in (Decision.JUDGED, Decision.UNPARSED), judgement.error
        assert judgement.calls in (1, 2) and judgement.completion_tokens > 0
