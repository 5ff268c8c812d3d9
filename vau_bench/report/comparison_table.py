"""Two runs compared, as plain text."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

from vau_bench.comparison import Comparison, DecisiveSample, MetricDifference, TaskComparison
from vau_bench.records import JSON, Outcome
from vau_bench.report.table import GUTTER, INDENT, aligned
from vau_bench.report.wording import printable, told

LEGEND = (
    "A - B over the common samples, with 95% intervals clustered by source video. p: of a test that swaps the two runs "
    "within source videos; Holm: headlines, adjusted for the number of tasks. MDE: the smallest true difference that "
    "these samples show with 80% power. Other metrics are not adjusted for their number."
)
_LONGEST_ANSWER = 40


def comparison_table(comparison: Comparison) -> str:
    """Return a block per task: one line per metric, then per sample who is better, flips and the decisive samples."""
    head = [
        printable(f"A: model {comparison.model_a}{GUTTER}run {comparison.run_a}"),
        printable(f"B: model {comparison.model_b}{GUTTER}run {comparison.run_b}"),
    ]
    for side, names in (("A", comparison.only_a), ("B", comparison.only_b)):
        if names:
            head.append(printable(f"of {side} alone, not compared: {', '.join(names)}"))
    blocks = ["\n".join(_task_lines(task)) for task in comparison.tasks]
    return "\n\n".join(["\n".join(head), *blocks, textwrap.fill(LEGEND, 110)])


def _task_lines(task: TaskComparison) -> Iterator[str]:
    style = task.style_a if task.style_a == task.style_b else f"{task.style_a} / {task.style_b}"
    yield printable(
        f"{task.task}{GUTTER}{style}{GUTTER}{task.common} common samples of {task.clusters} source videos"
        + (f" ({task.only_a} of A and {task.only_b} of B left out)" if task.only_a or task.only_b else "")
    )
    for note in task.notes:
        yield printable(f"{INDENT}note: {note}")
    rows = [_metric_row(metric) for metric in task.metrics]
    yield from aligned(rows, right=frozenset({"A", "B", "p", "Holm", "MDE", "n"}))
    yield f"{INDENT}per sample: A better on {task.wins}, equal on {task.ties}, B better on {task.losses}"
    flips = [f for f in task.flips if f.only_a or f.only_b]
    if flips:
        names = ("right by class", "only A", "only B", "both", "neither")
        told_ = [(printable(f.label), str(f.only_a), str(f.only_b), str(f.both), str(f.neither)) for f in flips]
        yield from aligned([dict(zip(names, cells, strict=True)) for cells in told_], right=frozenset(names[1:]))
    if task.decisive:
        yield from aligned([_sample_row(sample) for sample in task.decisive], right=frozenset({"worth A", "worth B"}))


def _metric_row(metric: MetricDifference) -> dict[str, str]:
    return {
        "metric": printable(metric.name) + (" (lower is better)" if metric.higher_is_better is False else ""),
        "A": told(metric.a, metric.unit),
        "B": told(metric.b, metric.unit),
        "A - B [95% interval]": told_difference(metric),
        "p": told_p(metric.p),
        "Holm": told_p(metric.p_holm) if metric.p_holm is not None else "",
        "MDE": told(metric.mde, metric.unit),
        "n": str(metric.n),
        "verdict": told_verdict(metric),
    }


def told_difference(metric: MetricDifference) -> str:
    """Return `+3.1 [+0.4, +5.8]`, `-` where the difference is undefined."""
    if metric.difference is None:
        return "-"
    value = _signed(metric.difference, metric.unit)
    if metric.low is None or metric.high is None:
        return value
    return f"{value} [{_signed(metric.low, metric.unit)}, {_signed(metric.high, metric.unit)}]"


def _signed(value: float, unit: str) -> str:
    text = told(value, unit).removesuffix(" s")
    return text if value < 0 else f"+{text}"


def told_p(p: float | None) -> str:
    """Return a p-value with as many digits as it bears."""
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def told_verdict(metric: MetricDifference) -> str:
    """Return who is better, or that the samples cannot tell and what they could have told."""
    if metric.difference is None:
        return "undefined"
    if metric.verdict is not None:
        return f"{metric.verdict} {'higher' if metric.higher_is_better is None else 'better'}"
    if metric.mde is None:
        return "cannot tell"
    return f"cannot tell (MDE {told(metric.mde, metric.unit)})"


def _sample_row(sample: DecisiveSample) -> dict[str, str]:
    return {
        "samples that decide": printable(sample.sample_id),
        "class": printable(sample.label or "unknown"),
        "truth": _answer(sample.truth),
        "A": _answer(sample.a, sample.outcome_a),
        "B": _answer(sample.b, sample.outcome_b),
        "worth A": f"{sample.worth_a:.2f}",
        "worth B": f"{sample.worth_b:.2f}",
    }


def _answer(answer: JSON, outcome: str = Outcome.SCORED) -> str:
    if answer is None:
        return outcome if outcome != Outcome.SCORED else "-"
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    return printable(text if len(text) <= _LONGEST_ANSWER else text[: _LONGEST_ANSWER - 3] + "...")
