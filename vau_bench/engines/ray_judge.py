"""Judges in the processes of a Ray cluster: blocks of questions go out, verdicts come back, one process keeps them.

Each process calls the judge's endpoint for itself, with as many calls in flight as the judge allows. A block whose
process was lost is asked again by another one.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from typing import Any

from vau_bench.engines.cluster import Cluster, ray_module
from vau_bench.engines.ray import RayEngine, keys_for
from vau_bench.judge.client import Judge, Question
from vau_bench.judge.judgements import Judgement

BLOCK = 64
"""Questions that a process gets at a time, and that are paid for twice at most if it is lost."""


class RayJudges:
    """Asks judges through Ray.

    Args:
        engine: how many processes there are.
    """

    def __init__(self, engine: RayEngine) -> None:
        self._engine = engine
        ray_module()

    def ask(self, judge: Judge, questions: Iterable[Question]) -> Generator[tuple[Question, Judgement]]:
        """Yield each question with its judgement, as they come; see `Judge.ask`.

        Raises:
            ModelError: if the endpoint is down or accepts nothing from us, or Ray gives up.
            UsageError: if there is no cluster at `$RAY_ADDRESS`.
        """
        questions = list(questions)
        if not questions:
            return
        cluster = Cluster(max(os.cpu_count() or 1, self._engine.most or self._engine.least))
        try:
            most = self._engine.most or max(self._engine.least, int(cluster.resources()[0]))
            seen: set[str] = set()
            for question, judgement in _through(judge, questions, self._engine.least, most):
                if question.key not in seen:  # a block that was computed twice
                    seen.add(question.key)
                    yield question, judgement
        finally:
            cluster.close()


def _through(judge: Judge, questions: list[Question], least: int, most: int) -> Generator[tuple[Question, Judgement]]:
    import ray

    from vau_bench.engines.cluster import quiet_data
    from vau_bench.engines.flow import WHOLE, desk_here, sentences
    from vau_bench.engines.wire import pickled, read_answers, request_table

    desk = desk_here((judge.config, judge.rubric), keys_for(judge.config))
    pool = ray.data.ActorPoolStrategy(min_size=least, max_size=most)
    blocks = [questions[start : start + BLOCK] for start in range(0, len(questions), BLOCK)]
    tables = [request_table(index, pickled(block)) for index, block in enumerate(blocks)]
    try:
        with sentences(), quiet_data(ray):
            asked = ray.data.from_arrow(tables).map_batches(
                Ask, fn_constructor_args=(desk,), compute=pool, num_cpus=1, **WHOLE
            )
            for table in asked.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                yield from read_answers(table)
    finally:
        ray.kill(desk)


class Ask:
    """Asks a judge about one block of questions after the other, in a process of Ray.

    Args:
        desk: tells which judge it is, and lends keys.
    """

    def __init__(self, desk: Any) -> None:
        self._desk = desk
        self._judge: Judge | None = None

    def __call__(self, table: Any) -> Any:
        """Return the judgements, or why there can be none."""
        from vau_bench.engines.stages import ready
        from vau_bench.engines.wire import answer_table, read_block
        from vau_bench.errors import ModelError, VauBenchError

        try:
            if self._judge is None:
                self._judge = Judge(*ready(self._desk))
            return answer_table(list(self._judge.ask(read_block(table))))
        except VauBenchError as error:
            return answer_table(ModelError(str(error)))
