"""How numbers, intervals and their standing are told; shared by the terminal table and the HTML report."""

from __future__ import annotations

import unicodedata
from typing import Literal

from vau_bench.records import Outcome
from vau_bench.results import MetricResult, TaskResult, best_floor

Standing = Literal["better", "worse", "within noise", "no interval", ""]
"""A metric beside its best blind floor; empty where there is nothing to compare."""

REFLECTION_CELLS = ("repaired", "broken", "kept_right", "kept_wrong")

PAPER_RULE = (
    "Paper mode follows the evaluation of the task's paper, VAU-R1 where it names no other: its own parser, and only "
    "the samples that it counts. It drops samples without an answer; strict scoring counts them."
)


def told(value: float | None, unit: str) -> str:
    """Return a value as people read it: fractions as percentages, seconds with their unit, `-` for none."""
    if value is None:
        return "-"
    return f"{_bare(value, unit)} s" if unit == "s" else _bare(value, unit)


def told_interval(metric: MetricResult) -> str:
    """Return `[low, high]` in the metric's unit, empty where there is no interval."""
    low, high = metric["low"], metric["high"]
    if low is None or high is None:
        return ""
    return f"[{_bare(low, metric['unit'])}, {_bare(high, metric['unit'])}]"


def _bare(value: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * value:.1f}"
    return f"{value:.2f}" if unit == "s" else f"{value:.4g}"


def standing(task: TaskResult, name: str) -> Standing:
    """Return how the interval of a metric lies to the point of the best blind floor."""
    metric = task["metrics"][name]
    _, floor = best_floor(task, name)
    if floor is None or metric["value"] is None:
        return ""
    low, high = metric["low"], metric["high"]
    if low is None or high is None:
        return "no interval"
    if low <= floor <= high:
        return "within noise"
    return "better" if (low > floor) == bool(metric["higher_is_better"]) else "worse"


def differing_answered_only(metric: MetricResult) -> str:
    """Return the value over the answered samples where it reads differently from the value, else nothing."""
    answered = metric["answered_only"]
    if answered is None:
        return ""
    text = told(answered, metric["unit"])
    return text if text != told(metric["value"], metric["unit"]) else ""


def nonzero_outcomes(task: TaskResult) -> dict[str, int]:
    """Return the outcomes with their counts: `scored` always, the others where they occur."""
    return {o: n for o in map(str, Outcome) if (n := task["outcomes"].get(o, 0)) or o == Outcome.SCORED}


def printable(text: str) -> str:
    """Return one line of text that cannot steer a terminal, reorder what is read or break an encoding.

    Control, format and surrogate characters are written as Python writes them in a literal.
    """
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else _escape(c) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def told_reflection(task: TaskResult) -> str:
    """Return how many answers a reflection repaired and broke, as a sum, and its gain; empty where none reflected."""
    reflection = task.get("reflection")
    if reflection is None:
        return ""
    counts = reflection["cells"]
    cells = " + ".join(f"{counts[name]} {name.replace('_', ' ')}" for name in REFLECTION_CELLS)
    gain = reflection["metrics"]["graded_gain"]
    value = "" if gain["value"] is None else f"; gain {100 * gain['value']:+.1f} {told_interval(gain)}".rstrip()
    return f"{reflection['pairs']} pairs = {cells}; {reflection['without_pair']} samples without a pair{value}"
