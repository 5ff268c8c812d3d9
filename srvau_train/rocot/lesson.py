"""What a model that teaches is asked, and what counts as its reply: our own text in `lesson.yaml`, read strictly."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from srvau_train.grading import LETTERS
from srvau_train.rocot.answers import TIMED, Answer, Kind, is_right, read_answer
from srvau_train.rocot.filters import leak
from srvau_train.rocot.teacher import Assignment, Chain
from vau_bench.declarations import read_declaration
from vau_bench.judge.fence import fenced, material, new_code
from vau_bench.models.structured import NoObjectError, kind_of, read_object
from vau_bench.readers.texts import normalised
from vau_bench.records import ANOMALY, NORMAL, Message

FILE = Path(__file__).parent / "lesson.yaml"
LONGEST = 6_000
"""Characters that a part of a chain may have."""
REPLY_KEYS = ("first_reasoning", "reflection", "revised_reasoning", "final_answer")

_TAG = re.compile(r"</?\s*(?:think|answer|glue|reflect)\b", re.IGNORECASE)


class Lesson(BaseModel):
    """The contents of `lesson.yaml`; every key that is not listed here is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(ge=1)
    system: str
    questions: dict[Kind, str]
    user: str
    wanted: dict[str, str]
    forms: dict[Kind, str]
    aims: dict[str, str]
    repair: str
    faults: dict[str, str]

    @property
    def digest(self) -> str:
        """Hash of all that is said."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()[:12]

    def messages(self, assignment: Assignment) -> tuple[Message, Message]:
        """Return what is said about an assignment; the frames belong before the second message."""
        keys = wanted_keys(assignment)
        fill = {
            "named": named(assignment.first, assignment.kind),
            "aim": self.aims[assignment.action],
            "final": said(assignment.final, assignment),
            "form": self.forms[assignment.kind],
        }
        code = new_code()
        known = _known(assignment)
        user = self.user.format(
            asked=fenced("QUESTION", material(self._question(assignment)).text, code),
            truth=said(assignment.truth, assignment),
            known=f"What is known about it:\n{fenced('NOTES', material(known).text, code)}\n" if known else "",
            first=said(assignment.first, assignment),
            thought=(
                f"The reasoning that led to it:\n{fenced('REASONING', material(assignment.think).text, code)}\n"
                if assignment.think
                else ""
            ),
            wanted="\n".join(f"- {self.wanted[key].format(**fill)}" for key in keys),
        )
        return Message("system", self.system.format(form=form(keys))), Message("user", user, video=True)

    def complaint(self, problem: str, keys: Sequence[str]) -> str:
        """Return what is said about a reply that cannot be used."""
        return self.repair.format(problem=problem, form=form(keys))

    def fault(self, reason: str, chain: Chain, assignment: Assignment) -> str:
        """Return what is wrong with a chain, as a clause."""
        told = leak(f"{chain.think} {chain.reflect} {chain.revised}")
        return self.faults[reason].format(leak=told, named=named(assignment.first, assignment.kind))

    def _question(self, assignment: Assignment) -> str:
        fields = assignment.sample.fields
        options = zip(LETTERS, fields.get("options", ()), strict=False)
        return self.questions[assignment.kind].format(
            classes=", ".join(assignment.subject.classes),
            question=fields.get("question", ""),
            options="\n".join(f"{letter}. {text}" for letter, text in options),
        )


@cache
def lesson() -> Lesson:
    """Return the lesson that is shipped."""
    return read_declaration(Lesson, FILE)


def wanted_keys(assignment: Assignment) -> tuple[str, ...]:
    """Return the keys of the reply: the first reasoning only where the first answer came without one."""
    return REPLY_KEYS[1:] if assignment.think else REPLY_KEYS


def schema(keys: Sequence[str]) -> dict[str, Any]:
    """Return the JSON schema of a reply."""
    properties = {key: {"type": "string"} for key in keys}
    return {"type": "object", "properties": properties, "required": list(keys), "additionalProperties": False}


def form(keys: Sequence[str]) -> str:
    """Return the form of a reply, as a model is shown it."""
    return json.dumps(dict.fromkeys(keys, "..."))


def read_chain(text: str, assignment: Assignment) -> Chain:
    """Return the chain that a reply makes of an assignment.

    Raises:
        NoObjectError: if the reply is not exactly what was asked for; says why, as a clause.
    """
    record = read_object(text)
    keys = wanted_keys(assignment)
    if absent := [key for key in keys if key not in record]:
        raise NoObjectError(f"the key {absent[0]!r} is missing")
    if unknown := sorted(record.keys() - set(keys)):
        raise NoObjectError(f"the key {unknown[0][:40]!r} was not asked for")
    parts = {key: _part(key, record[key]) for key in keys}
    return Chain(
        think=assignment.think or parts["first_reasoning"],
        first=assignment.first.text(assignment.kind),
        reflect=parts["reflection"],
        revised=parts["revised_reasoning"],
        final=_final(parts["final_answer"], assignment).text(assignment.kind),
    )


def said(answer: Answer, assignment: Assignment) -> str:
    """Return an answer in words."""
    if assignment.kind == "mcq":
        options = assignment.sample.fields["options"]
        return f"{answer.option}. {material(options[LETTERS.index(answer.option or 'A')]).text}"
    if answer.normal:
        return "Normal, nothing anomalous happens"
    if answer.segment is None or assignment.kind not in TIMED:
        return answer.label
    what = "an anomaly" if answer.label == ANOMALY else answer.label
    return f"{what} from {answer.segment.start:g} s to {answer.segment.end:g} s"


def named(answer: Answer, kind: Kind) -> str:
    """Return by what a reflection has to name an answer."""
    if kind == "mcq":
        return f'"option {answer.option}"'
    if answer.normal:
        return '"Normal"'
    if answer.segment is None or kind not in TIMED:
        return f'"{answer.label}"'
    return f"from {answer.segment.start:g} s to {answer.segment.end:g} s"


def _final(text: str, assignment: Assignment) -> Answer:
    """Return the answer that the writer came to; one that is right in the words of the assignment."""
    sample, kind = assignment.sample, assignment.kind
    found = read_answer(text, sample, kind, (NORMAL, *assignment.subject.classes))
    if found is None:
        raise NoObjectError("final_answer holds no answer that can be read")
    return assignment.final if is_right(found, sample, kind) else found


def _part(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise NoObjectError(f"{key} is {kind_of(value)} and no text")
    text = " ".join(value.split())
    if not text:
        raise NoObjectError(f"{key} is empty")
    if len(text) > LONGEST:
        raise NoObjectError(f"{key} has {len(text)} characters, more than {LONGEST}")
    if _TAG.search(text):
        raise NoObjectError(f"{key} holds a tag of the response grammar")
    return text


def _known(assignment: Assignment) -> str:
    """Return what the annotation says beside the answer: the class where another thing is asked, texts, objects."""
    sample = assignment.sample
    texts = [normalised(text) for text in sample.target.texts.values() if text]
    label = sample.target.label
    if assignment.kind in ("mcq", "grounding") and label:
        texts.insert(0, f"Class: {label}.")
    if sample.target.segments and assignment.kind != "grounding":
        texts.append("; ".join(f"It happens from {s.start:g} s to {s.end:g} s." for s in sample.target.segments))
    return "\n\n".join(texts)
