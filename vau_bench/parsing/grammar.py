"""The response grammar: reading it, however broken, and writing it canonically.

direct   `<answer>B</answer>`, with `<glue>[5.2, 10.4]</glue>` behind it in grounding tasks
think    `<think>..</think>` before it
reflect  a think answer, `<reflect>..</reflect>`, a think answer: the last answer is the prediction
"""

from __future__ import annotations

from vau_bench.parsing.answers import Attempt, Reflection, Span, Style
from vau_bench.parsing.tags import Block, find_blocks, is_blank
from vau_bench.records import ANOMALY, NORMAL, Segment


def parse_grammar(text: str) -> Reflection:
    """Read a response by the grammar; broken tags are named in `problems`, never an error."""
    blocks, problems = find_blocks(text)
    attempts, reflect = _attempts(text, blocks, problems)
    names = [block.name for block in blocks]
    style: Style = "reflect" if "reflect" in names else "think" if "think" in names else "direct"
    last = attempts[-1]
    if last.answer is None:
        problems.append("missing_answer")
    elif not last.answer:
        problems.append("empty_answer")
    if style == "reflect" and not _is_revised(blocks):
        problems.append("no_revised_answer")
    if not problems and _has_text_outside(text, blocks):
        problems.append("text_outside_tags")
    if not problems and style == "reflect" and any(attempt.think is None for attempt in attempts):
        problems.append("missing_think")
    return Reflection(
        first=attempts[-2] if len(attempts) > 1 else None,
        reflect=reflect,
        last=last,
        style=style,
        well_formed=not problems,
        problems=tuple(dict.fromkeys(problems)),
    )


def _attempts(text: str, blocks: list[Block], problems: list[str]) -> tuple[list[Attempt], str | None]:
    """Cut the elements into attempts: at each reflection, and wherever an element would come twice."""
    groups: list[dict[str, Block]] = [{}]
    starts, ends = [0], list[int]()
    reflect: str | None = None
    for block in blocks:
        current = groups[-1]
        if block.name == "reflect":
            if reflect is not None:
                problems.append("repeated_reflect")
            elif not ("answer" in current or "glue" in current):
                problems.append("no_first_answer")
            reflect = text[block.start : block.end].strip()
            groups.append({})
            ends.append(block.outer[0])
            starts.append(block.outer[1])
            continue
        answered = "answer" in current or "glue" in current
        if block.name in current:
            problems.append(f"repeated_{block.name}")
        elif block.name == "answer" and "glue" in current:
            problems.append("glue_before_answer")
        if block.name in current or (block.name == "think" and answered):
            if block.name == "think" and block.name not in current:
                problems.append("late_think")
            groups.append({})
            ends.append(block.outer[0])
            starts.append(block.outer[0])
        groups[-1][block.name] = block
    spans = zip(starts, [*ends, len(text)], strict=True)
    made = [_attempt(text, group, span) for group, span in zip(groups, spans, strict=True)]
    kept = [
        attempt
        for attempt, group in zip(made, groups, strict=True)
        if "answer" in group or "glue" in group or _has_free_text(text, group, attempt.span)
    ]
    return kept or made[-1:], reflect


def _attempt(text: str, group: dict[str, Block], span: Span) -> Attempt:
    content = {name: text[block.start : block.end].strip() for name, block in group.items()}
    return Attempt(content.get("think"), content.get("answer"), content.get("glue"), span)


def _has_free_text(text: str, group: dict[str, Block], span: Span) -> bool:
    """Tell whether an attempt without tags around its answer still says something."""
    thought = group.get("think")
    if thought is None:
        return not is_blank(text[span[0] : span[1]])
    return not is_blank(text[thought.outer[1] : span[1]]) or not is_blank(text[span[0] : thought.outer[0]])


def _is_revised(blocks: list[Block]) -> bool:
    last = max(index for index, block in enumerate(blocks) if block.name == "reflect")
    return any(block.name == "answer" for block in blocks[last + 1 :])


def _has_text_outside(text: str, blocks: list[Block]) -> bool:
    at = 0
    for block in blocks:
        if not is_blank(text[at : block.outer[0]]):
            return True
        at = max(at, block.outer[1])
    return not is_blank(text[at:])


def write_option(letter: str) -> str:
    """Return the canonical answer to a multiple-choice question."""
    return f"<answer>{letter}</answer>"


def write_label(label: str) -> str:
    """Return the canonical answer to a classification question."""
    return f"<answer>{label}</answer>"


def write_interval(segment: Segment | None, *more: Segment) -> str:
    """Return the canonical grounding answer; `None` means normal.

    Times are written with the fewest digits that give the same float back, so that an answer made from the truth
    has tIoU 1. Several segments are written as a list of lists.
    """
    if segment is None:
        return f"<answer>{NORMAL}</answer><glue>[-1.0, -1.0]</glue>"
    pairs = [f"[{float(start)!r}, {float(end)!r}]" for start, end in (segment, *more)]
    glue = pairs[0] if len(pairs) == 1 else f"[{', '.join(pairs)}]"
    return f"<answer>{ANOMALY}</answer><glue>{glue}</glue>"


def write_think(think: str, answer: str) -> str:
    """Return reasoning and, behind it, an answer written by one of the writers above."""
    return f"<think>{think}</think>{answer}"


def write_reflection(think: str, answer: str, reflect: str, revised: str, final: str) -> str:
    """Return first reasoning and answer, what reflection found, revised reasoning and the final answer."""
    return f"{write_think(think, answer)}<reflect>{reflect}</reflect>{write_think(revised, final)}"
