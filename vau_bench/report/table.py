"""Results as plain text: aligned columns, ASCII only, no colour, so that they can be read anywhere and piped."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from vau_bench.report.charts import judge_rows, text_rows
from vau_bench.report.wording import (
    PAPER_RULE,
    differing_answered_only,
    nonzero_outcomes,
    printable,
    standing,
    told,
    told_interval,
    told_reflection,
)
from vau_bench.results import Results, TaskResult, best_floor

INDENT = "  "
GUTTER = "  "
LEGEND = (
    "95% intervals are clustered by source video. answered: the same over the answered samples alone. MDE: the\n"
    "smallest difference to an equally noisy run that a test at 5% finds with 80% power. vs floors: where the\n"
    "interval lies to the best blind floor."
)
_RIGHT = frozenset({"n", "answered", "MDE"})


def plain_table(results: Results) -> str:
    """Return a block per task: how many samples and what became of them, then one line per metric."""
    blocks = ["\n".join(_task_lines(task)) for task in results.tasks]
    return "\n\n".join([_headline(results), *blocks, LEGEND])


def paper_table(results: Results) -> str:
    """Return the values in the manner of the VAU-R1 evaluation, with over how many samples they are."""
    blocks = ["\n".join(_paper_lines(task)) for task in results.tasks]
    return "\n\n".join([_headline(results), *blocks, textwrap.fill(PAPER_RULE, 110)])


def _headline(results: Results) -> str:
    status = "" if results.status == "success" else f"{GUTTER}status {results.status}"
    return printable(f"model {results.model}{GUTTER}run {results.run_id}{status}")


def _title(task: TaskResult) -> str:
    return printable(f"{task['task']}{GUTTER}{task['style']}{GUTTER}{task['split']}{GUTTER}expected {task['expected']}")


def _task_lines(task: TaskResult) -> Iterator[str]:
    yield _title(task)
    outcomes = " + ".join(f"{n} {outcome}" for outcome, n in nonzero_outcomes(task).items())
    yield f"{INDENT}{task['expected']} expected = {outcomes}"
    yield from aligned([_metric_row(task, name) for name in task["metrics"]])
    reflection = told_reflection(task)
    if reflection:
        yield f"{INDENT}reflection: {reflection}"
    for title, rows in (("text", text_rows(task)), ("judge", judge_rows(task))):
        for name, value, summary in rows:
            why = f" ({summary})" if value == "-" else ""
            yield printable(f"{INDENT}{title}: {name} {value}{why}")
    for title, counts in (("excluded", task["excluded"]), ("notes", task["notes"])):
        if counts:
            yield printable(f"{INDENT}{title}: " + ", ".join(f"{n} {reason}" for reason, n in counts.items()))
    for warning in task["warnings"]:
        yield printable(f"{INDENT}warning: {warning}")


def _metric_row(task: TaskResult, name: str) -> dict[str, str]:
    metric = task["metrics"][name]
    return {
        "metric": printable(name) + (" (lower is better)" if metric["higher_is_better"] is False else ""),
        "value [95% interval]": f"{told(metric['value'], metric['unit'])} {told_interval(metric)}".rstrip(),
        "n": str(metric["n"]),
        "best floor": printable(_floor_cell(task, name)),
        "answered": differing_answered_only(metric),
        "MDE": told(metric["mde"], metric["unit"]),
        "vs floors": standing(task, name),
    }


def _floor_cell(task: TaskResult, name: str) -> str:
    """Return the value and the name of the best floor, and on how many samples it rests where not on all."""
    floor, value = best_floor(task, name)
    if floor is None:
        return "-"
    answered = task["floors"][floor]["answered"]
    partly = f" (answers {answered})" if answered < task["expected"] else ""
    return f"{told(value, task['metrics'][name]['unit'])} {floor}{partly}"


def _paper_lines(task: TaskResult) -> Iterator[str]:
    yield _title(task)
    if not task["paper"]:
        yield f"{INDENT}paper mode counts no sample"
        return
    yield f"{INDENT}paper mode counts {task['paper_n']} of {task['expected']} samples"
    rows = []
    for name, metric in task["metrics"].items():
        strict = f"{told(metric['value'], metric['unit'])}"
        paper = told(task["paper"].get(name), metric["unit"])
        rows.append({"metric": printable(name), "paper": paper, "strict": strict, "strict n": str(metric["n"])})
    yield from aligned(rows, right=frozenset({"paper", "strict", "strict n"}))


def aligned(rows: Sequence[Mapping[str, str]], right: frozenset[str] = _RIGHT) -> Iterator[str]:
    """Yield rows with equal keys as aligned lines below their header; columns that are empty are left out."""
    names = [name for name in (rows[0] if rows else ()) if any(row[name] for row in rows)]
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in names}
    for row in ({name: name for name in names}, *rows) if rows else ():
        cells = [row[name].rjust(widths[name]) if name in right else row[name].ljust(widths[name]) for name in names]
        yield (INDENT + GUTTER.join(cells)).rstrip()
