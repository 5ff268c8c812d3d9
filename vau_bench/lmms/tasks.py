"""A task of ours as a task object of lmms-eval: prompt, reading and metrics are those of `Task` and `Kind`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lmms_eval.api.instance import Instance
from lmms_eval.api.task import ConfigurableMessagesTask

from vau_bench.conversations import whole_conversations
from vau_bench.errors import DataError, UsageError
from vau_bench.lmms.documents import Answer, Documents, asked_for
from vau_bench.metrics.base import Metric
from vau_bench.models.lmms_wire import chat_of, settings_of, text_of
from vau_bench.records import Message, Outcome, Response, Sample
from vau_bench.runner import TaskRun
from vau_bench.scoring import score_sample, strict_value

Record = dict[str, Any]
EXPECTED = "expected"


class VauTask(ConfigurableMessagesTask):  # type: ignore[misc, unused-ignore]
    """One task of ours; the file that names this class holds its folder, and may hold data root, style and split."""

    def __init__(
        self,
        data_dir: Any = None,
        cache_dir: Any = None,
        download_mode: Any = None,
        config: Mapping[str, Any] | None = None,
        model_name: str | None = None,
    ) -> None:
        self.asked = asked_for(config or {})
        self._places = {sample.id: place for place, sample in enumerate(self._run.selection.samples)}
        self._asked_for: Sequence[int] = range(len(self._places))
        self._metrics = self._run.task.metrics(self._run.kind)
        self.args: Any = None
        super().__init__(data_dir, cache_dir, download_mode, _declared(self._run), model_name)

    @property
    def _run(self) -> TaskRun:
        return self.asked.run

    def download(self, dataset_kwargs: Any = None) -> None:
        """Take the documents from the task; nothing is downloaded."""
        self.dataset = {self.config.test_split: Documents(self.asked)}
        self.dataset_no_image = self.dataset

    def build_all_requests(self, *, limit: int | None = None, offset: int = 0, **others: Any) -> None:
        """Make the requests; clips that are generated are drawn first.

        Raises:
            DataError: if there is no video of any sample.
        """
        samples, dataset = self._run.selection.samples, self._run.selection.dataset
        end = len(samples) if not limit else min(len(samples), offset + int(limit))
        self._asked_for = range(min(offset, end), end)
        chosen = [samples[place] for place in self._asked_for]
        if dataset.prepare is not None:
            dataset.prepare(chosen, _silent, _silent)
        if chosen and not any(self.asked.video(sample) for sample in chosen):
            raise DataError(f"no video of {self._run.task.name} is there; set VAU_BENCH_EVALUATE_DATA to the data root")
        super().build_all_requests(limit=limit, offset=offset, **others)

    def construct_requests(self, doc_id: int, ctx: str, **about: Any) -> Any:
        """Return the request; none for a sample without its video, which counts as missing."""
        if self.asked.video(self._run.selection.samples[doc_id]) is None:
            return []
        settings, where = dict(self.config.generation_kwargs), (doc_id, self.config.task, about["metadata"]["split"])
        simple = _is_simple(self.args)
        if simple and self._run.turns > 1:
            style = f"{self._run.task.name} asks in several turns in the style {self._run.style}"
            raise UsageError(f"{style}, a simple model of lmms-eval once; set VAU_BENCH_EVALUATE_STYLE to another")
        asked = (ctx, settings, self.doc_to_visual, *where) if simple else (ctx, self.doc_to_messages, settings, *where)
        return Instance(request_type=self.OUTPUT_TYPE, arguments=asked, idx=0, **about)

    def doc_to_text(self, doc: Mapping[str, str]) -> str:
        """Return the prompt as one text."""
        return text_of(self._messages(doc))

    def doc_to_messages(
        self,
        doc: Mapping[str, str],
        *,
        round_idx: int | None = None,
        previous_output: Sequence[str] = (),
        previous_round_info: Any = None,
    ) -> Any:
        """Return the prompt as a conversation; of a later turn also whether the conversation has ended.

        Args:
            doc: the document.
            round_idx: of the turn, `None` for the first.
            previous_output: what the model said in the turns before.
            previous_round_info: not used.
        """
        video = self.asked.video(self._sample(doc))
        if round_idx is None:
            return chat_of(self._messages(doc), video)
        if round_idx >= self._run.turns:
            return None, True, previous_output, None
        return chat_of(self._messages(doc, previous_output), video), False, previous_output, None

    def doc_to_visual(self, doc: Mapping[str, str]) -> list[str]:
        """Return the path of the video."""
        path: Path | None = self.asked.video(self._sample(doc))
        return [] if path is None else [str(path)]

    def doc_to_target(self, doc: Mapping[str, str]) -> str:
        """Return the right answer as it would be written."""
        kind, sample = self._run.kind, self._sample(doc)
        return kind.write(kind.truth(sample))

    def process_results(self, doc: Mapping[str, str], results: Sequence[Any], full_docs: Any = None) -> Record:
        """Score one answer; the same record goes to every metric."""
        run, sample = self._run, self._sample(doc)
        response = _response(run, sample, results[0])
        score = score_sample(run.task.name, run.kind, sample, response, response.style if response else run.style)
        record = {"id": sample.id, "prediction": score.prediction, "values": dict(score.values)}
        counted = dict.fromkeys((EXPECTED, *map(str, Outcome)), score.outcome)
        return {**{metric.name: record for metric in self._metrics}, **counted}

    def aggregation(self) -> dict[str, Callable[[Any], float]]:
        """Return for each metric, and each outcome, what makes one number of the records."""
        counts: dict[str, Callable[[Any], float]] = {str(outcome): partial(self._count, outcome) for outcome in Outcome}
        values = {metric.name: partial(self._value, metric) for metric in self._metrics}
        return {**values, EXPECTED: lambda items: len(self._asked_for), **counts}

    def higher_is_better(self) -> dict[str, bool | None]:
        """Return for each metric whether more is better; a count is neither."""
        counts: dict[str, bool | None] = dict.fromkeys((EXPECTED, *map(str, Outcome)))
        return {**{metric.name: metric.higher_is_better for metric in self._metrics}, **counts}

    def _value(self, metric: Metric, items: Sequence[Record]) -> float:
        """Return a metric over all samples that were asked for; one without a record counts as wrong."""
        run, values = self._run, {item["id"]: item["values"] for item in items}
        samples = [run.selection.samples[place] for place in self._asked_for]
        rows = [values.get(s.id) or score_sample(run.task.name, run.kind, s, None, run.style).values for s in samples]
        value = strict_value(metric, rows, [sample.group for sample in samples])
        return math.nan if value is None else value

    def _count(self, outcome: Outcome, items: Sequence[str]) -> int:
        absent = len(self._asked_for) - len(items) if outcome is Outcome.MISSING else 0
        return absent + sum(item == outcome for item in items)

    def _sample(self, doc: Mapping[str, str]) -> Sample:
        return self._run.selection.samples[self._places[doc["id"]]]

    def _messages(self, doc: Mapping[str, str], said: Sequence[str] = ()) -> tuple[Message, ...]:
        return self._run.task.messages(self._run.kind, self._sample(doc), self._run.style, said)


def _declared(run: TaskRun) -> dict[str, Any]:
    """Return the task's configuration as lmms-eval records it; what it asks and scores is not read from there."""
    digests = {**run.task.digests, "data": run.selection.dataset.digest}
    return {
        "task": run.task.name,
        "test_split": "test",
        "output_type": "generate_until" if run.turns == 1 else "generate_until_multi_round",
        "generation_kwargs": settings_of(run.generation),
        "metric_list": [],
        "num_fewshot": 0,
        "reasoning_tags": "none",
        "metadata": {"version": run.task.version, "style": run.style, "digests": digests},
    }


def _response(run: TaskRun, sample: Sample, said: Any) -> Response | None:
    """Return the response that an answer stands for; models of others give a text, or one for each turn."""
    if isinstance(said, Answer):
        return said.response
    texts = [said or ""] if isinstance(said, str | None) else said
    turns = {
        turn: Response("", run.task.name, sample.id, run.style, turn, text, Outcome.SCORED)
        for turn, text in enumerate(texts)
    }
    return whole_conversations({sample.id: turns}, run.turns).get(sample.id)


def _is_simple(args: Any) -> bool:
    """Whether the command line has named a model that takes one text instead of a conversation."""
    if getattr(args, "model", None) is None:
        return False
    from lmms_eval.models import MODEL_REGISTRY_V2

    return bool(MODEL_REGISTRY_V2.resolve(args.model, force_simple=bool(args.force_simple)).model_type == "simple")


def _silent(*_: Any) -> None:
    pass
