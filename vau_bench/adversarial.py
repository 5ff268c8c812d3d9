"""Answers that a model should not give and will: what parsers must survive."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

_LONG = 2_000

PLAIN = (
    "",
    " \n\t\r ",
    "\x00",
    "\ufeff",
    "\ud800 a lone surrogate",
    "\u202eright to left\u202c",
    "🙂🚨🔥",
    "。、「答え」",
    "I cannot watch videos.",
    "Failed to obtain answer via API.",
    "None",
    "null",
    "NaN",
    "-1",
    "{}",
    "[]",
    "{",
    "}" * 20,
    "<answer>",
    "</answer>",
    "<answer></answer>",
    "<answer> </answer><glue></glue>",
    "</answer><answer>",
    "<answer><answer>A</answer></answer>",
    "<ANSWER>A</ANSWER >",
    "<answer>A</answer><answer>B</answer><answer>C</answer>",
    "<think>the answer is A",
    "<think></think><answer>",
    "<think>A</think><answer>B</answer><reflect>no</reflect><think>C</think>",
    "<reflect><reflect></reflect>",
    "&lt;answer&gt;A&lt;/answer&gt;",
    '```json\n{"answer": "A"\n```',
    "```\n" * 50,
    '{"answer": {"answer": ["A", {"start": "5", "end": null}]}}',
    "\\boxed{A} and \\boxed{B}",
    "%s %d {0} {question} ${x}",
    "(?:a+)+$ [a-z]* \\1 \\Q",
    "<glue>[5.2, 10.4</glue>",
    "<glue>[10.4, 5.2]</glue>",
    "<glue>[5, 5]</glue>",
    "<glue>[-3, -1]</glue>",
    "<glue>[nan, inf]</glue>",
    "<glue>[1e308, 1e309]</glue>",
    f"<glue>[0, {'9' * 400}]</glue>",
    "<glue>[1,000.5, 2.000,7]</glue>",
    "<glue>[\u0663, \u0667]</glue>",  # digits, but not ours
    "<glue>[1, 2, 3]</glue>",
    "<glue>[[1, 2], [3, 4], [5</glue>",
    "<glue>[[1, 2], []]</glue>",
    "from 00:61 to 99:99:99",
    "between 5 and five seconds, or frames 3-9, on 2024-05-01 at 12:30",
    "Normal Anomaly Normal Anomaly",
    "not normal, never anomalous, neither",
    "A or B, possibly C; not D",
)
"""Texts that hold for every kind of task."""


def adversarial_answers(choices: Sequence[str] = (), options: Sequence[str] = ()) -> Iterator[str]:
    """Yield the answers: the plain ones, very long ones, and some made of what the sample offers to choose from.

    Args:
        choices: the answers to choose from, as they are to be written.
        options: the texts of the options of a question.
    """
    yield from PLAIN
    for part in ("A", "<", "<answer>", "<think>", "</answer>", "[", "[1, 2], ", "9", "12:3", "normal ", "A. b\n", "\\"):
        yield part * (_LONG // len(part))
    offered = [*choices, *options]
    if offered:
        yield " ".join(offered)
        yield "\n".join(f"- {text}" for text in reversed(offered))
        yield "".join(f"<answer>{text}</answer>" for text in offered)
        yield json.dumps({"answer": offered})
    for text in offered:
        yield f"It is not {text}."
        yield f"<answer>{text.swapcase()}!?</answer>"
        yield f"<answer>{text[: len(text) // 2]}"
        yield f"<think>{text}</think>"
