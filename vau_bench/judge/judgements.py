"""Judgements as they lie in `judgements.jsonl`: content-addressed, so that nothing is paid for twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from vau_bench.journal import read_lines

FILE = "judgements.jsonl"
ANSWER = "answer/"
"""Begins the purpose of a judgement of the model's own answer; behind it stands which part of it."""
PROBE = "probe/"
"""Begins the purpose of a judgement that checks the judge."""


class Decision(StrEnum):
    """What became of one question to a judge. With the answers that there are none of, they add up, always."""

    JUDGED = "judged"
    UNPARSED = "unparsed"
    ERRORED = "errored"


@dataclass(frozen=True, slots=True)
class Item:
    """A text that is to be judged.

    Attributes:
        task: the task that the sample belongs to.
        sample_id: of the sample.
        group: its source video, the cluster of the statistics.
        label: the true class, as the judge is told it.
        reference: the reference text.
        text: what is judged.
        purpose: `answer/final`, `answer/whole`, `answer/first`, or `probe/NAME`.
    """

    task: str
    sample_id: str
    group: str
    label: str
    reference: str
    text: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """One line of the journal.

    Attributes:
        key: hash of all that can change the verdict: judge, rubric, prompt with the judged text, repeat.
        judge: its name; `judge_digest` all that tells it from another.
        rubric: name and version; `rubric_digest` its whole content.
        prompt_digest: of the rendered prompt, judged text included, without the code of the markers.
        response_digest: of the judged text as the model wrote it.
        characters: of that text; `left_out` of them were not shown to the judge.
        repeat: from 0.
        scores: by dimension, for `judged`.
        reason: what the judge said for itself.
        error: why there is no verdict.
        reply: the beginning of the reply that could not be read.
        calls: that were answered for it: 2 with a repair, 0 where the verdict was there already.
        seconds: spent in those calls.
        cost: in US dollars, where the prices are known.
    """

    key: str
    judge: str
    judge_digest: str
    rubric: str
    rubric_digest: str
    prompt_digest: str
    task: str
    sample_id: str
    group: str
    purpose: str
    response_digest: str
    characters: int
    left_out: int
    repeat: int
    decision: Decision
    scores: Mapping[str, float] | None = None
    reason: str | None = None
    error: str | None = None
    reply: str | None = None
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    cost: float | None = None

    @property
    def total(self) -> float | None:
        """The sum of the scores; `None` where there is no verdict."""
        return None if self.scores is None else sum(self.scores.values())

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What the judgement says something about, and under which key."""
        return self.key, self.task, self.sample_id, self.purpose


_KNOWN = {field.name for field in fields(Judgement)}


def to_line(judgement: Judgement) -> bytes:
    """Return the line; keys that are `None` are left out."""
    record = {name: value for name, value in asdict(judgement).items() if value is not None}
    return json.dumps(record, ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def from_line(line: bytes) -> Judgement:
    """Return the judgement of a line.

    Raises:
        ValueError: if the line holds none.
    """
    try:
        record: dict[str, Any] = json.loads(line)
        known = {name: value for name, value in record.items() if name in _KNOWN}
        return Judgement(**{**known, "decision": Decision(record["decision"])})
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"not a judgement: {error}") from None


def read_judgements(folder: Path) -> Iterator[Judgement]:
    """Yield the last judgement of each key and purpose in a run folder; none where nothing was judged.

    Raises:
        RunError: naming the line, if one is damaged.
    """
    path = folder / FILE
    if path.is_file():
        yield from latest(read_lines(path, from_line))


def latest(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Return the last judgement for each place; a verdict is not replaced by a later failure."""
    last: dict[tuple[str, str, str, str], Judgement] = {}
    for judgement in judgements:
        before = last.get(judgement.place)
        if before is None or before.decision is Decision.ERRORED or judgement.decision is not Decision.ERRORED:
            last[judgement.place] = judgement
    return list(last.values())


def digest(*parts: str) -> str:
    """Return a hash of texts; no two lists of texts are hashed alike."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:32]
