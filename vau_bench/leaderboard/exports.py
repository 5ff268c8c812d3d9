"""The leaderboard as CSV, LaTeX and model-card metadata; markdown is in `pages`."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import Any

import yaml

from vau_bench.errors import UsageError, suggestion
from vau_bench.leaderboard.board import Board
from vau_bench.leaderboard.escaping import csv_cell, latex
from vau_bench.leaderboard.published import REPORTED, Published
from vau_bench.leaderboard.ranking import Member, Ranking, Row, stems
from vau_bench.report.wording import told
from vau_bench.results import MetricResult

MEASURED = "measured"
HF_TASKS = {"mcq": "visual-question-answering", "classification": "video-classification"}
"""The task identifiers of the hub; other kinds are video texts."""

COLUMNS = (
    "provenance",
    "dataset",
    "task",
    "version",
    "split",
    "style",
    "mode",
    "model",
    "floor",
    "contaminated",
    "rank",
    "metric",
    "value",
    "low",
    "high",
    "unit",
    "n",
    "clusters",
    "mde",
    "unscored",
    "run_id",
    "entry",
    "report",
    "data",
    "prompts",
    "parser",
    "source",
    "where",
    "date",
    "protocol",
    "note",
)


def to_csv(board: Board) -> str:
    """Return one line per model, task and metric, measured ones first, then reported ones with their source."""
    out = StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for record in (*_measured(board.rankings), *_reported(board.published)):
        writer.writerow({name: csv_cell(value) for name, value in record.items()})
    return out.getvalue()


def _measured(rankings: Sequence[Ranking]) -> Iterator[dict[str, object]]:
    for ranking in rankings:
        key = ranking.key
        by_entry = {m.entry.where: m for m in ranking.members}
        for row in ranking.rows:
            member = by_entry.get(row.entry)
            for name, unit, figures in _metrics(ranking, row, member):
                yield {
                    "provenance": MEASURED,
                    **{field: getattr(key, field) for field in ("dataset", "task", "version", "split", "style")},
                    **{field: getattr(key, field) for field in ("mode", "data", "prompts", "parser")},
                    **{field: getattr(row, field) for field in ("model", "floor", "contaminated")},
                    "rank": row.rank if name == ranking.metric else None,
                    "metric": name,
                    "unit": "fraction" if unit == "%" else unit,
                    "unscored": _rounded(row.unscored),
                    "run_id": row.run_id,
                    "entry": row.entry,
                    "report": member.entry.report if member else None,
                    **figures,
                }


def _metrics(ranking: Ranking, row: Row, member: Member | None) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Yield name, unit and figures of all metrics of a row; those of reflections under `reflection/NAME`."""
    for name, unit in ranking.metrics.items():
        if name in row.metrics:
            own = member.task["metrics"][name] if member else None
            yield name, unit, _figures(own) if own else {"value": _rounded(row.metrics[name])}
    reflection = member.task.get("reflection") if member else None
    for name, metric in (reflection["metrics"] if reflection else {}).items():
        yield f"reflection/{name}", metric["unit"], _figures(metric)


def _figures(metric: MetricResult) -> dict[str, object]:
    return {
        **{field: _rounded(metric[field]) for field in ("value", "low", "high", "mde")},
        "n": metric["n"],
        "clusters": metric["clusters"],
    }


def _rounded(value: float | None) -> float | None:
    """Return a figure with the digits that agree on all machines."""
    return None if value is None else float(f"{value:.6g}")


def _reported(published: Sequence[Published]) -> Iterator[dict[str, object]]:
    for file in published:
        for table in file.tables:
            for row in table.rows:
                for name, value in row.values.items():
                    yield {
                        "provenance": REPORTED,
                        "dataset": row.dataset,
                        "task": table.name,
                        "style": row.style,
                        "model": row.model,
                        "metric": name,
                        "value": value,
                        "unit": table.columns[name].scale,
                        "n": table.n.get(row.dataset),
                        "source": f"{file.source.title} {file.source.url}",
                        "where": file.source.where + (" (third party)" if file.source.third_party else ""),
                        "date": file.source.date,
                        "protocol": table.protocol,
                        "note": row.note,
                    }


def to_latex(board: Board) -> str:
    """Return one booktabs table per ranking; bold is the best row, only where it is better beyond noise."""
    head = "% needs \\usepackage{booktabs}; bold: better than every other row beyond noise (paired, 95%)\n"
    named = zip(board.rankings, stems(board.rankings), strict=True)
    return head + "\n".join(_latex_table(ranking, stem) for ranking, stem in named)


def _latex_table(ranking: Ranking, stem: str) -> str:
    names = list(ranking.metrics)
    lines = [
        "\\begin{table}",
        f"\\caption{{{latex(_caption(ranking))}}}",
        f"\\begin{{tabular}}{{rl{'r' * len(names)}r}}",
        "\\toprule",
        " & ".join(["Rank", "Model", *(latex(name.replace("_", " ")) for name in names), "Unscored"]) + " \\\\",
        "\\midrule",
    ]
    for row in ranking.rows:
        cells = [told(row.metrics.get(name), unit) for name, unit in ranking.metrics.items()]
        if row.low is not None and row.high is not None:
            low, high = (told(x, ranking.unit) for x in (row.low, row.high))
            cells[0] = f"{_bold(cells[0], row.best_alone)} [{low}, {high}]"
        model = latex(row.model) + (" (floor)" if row.floor else "")
        rank = "--" if row.rank is None else str(row.rank)
        lines.append(" & ".join([rank, model, *cells, f"{100 * row.unscored:.1f}"]) + " \\\\")
    lines += [
        "\\bottomrule",
        "\\end{tabular}",
        f"\\label{{tab:{stem.replace('_', '-')}}}",
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _bold(text: str, best: bool) -> str:
    return f"\\textbf{{{text}}}" if best else text


def _caption(ranking: Ranking) -> str:
    key = ranking.key
    mde = f"; MDE {told(ranking.mde, ranking.unit)}" if ranking.mde is not None else ""
    return (
        f"{key.dataset}, {key.task} version {key.version}, {key.style}: {ranking.n} samples of {ranking.clusters} "
        f"source videos{mde}. 95% intervals clustered by source video."
    )


def to_model_index(board: Board, model: str | None = None) -> str:
    """Return the `model-index` of a model card for each measured model, or for one.

    Args:
        board: the leaderboard.
        model: its name on the leaderboard.

    Raises:
        UsageError: if no entry has the name.
    """
    models: dict[str, list[dict[str, Any]]] = {}
    for ranking in board.rankings:
        for member in ranking.members:
            models.setdefault(member.entry.model, []).append(_result(ranking, member))
    if model is not None and model not in models:
        raise UsageError(f"no entry of the model {model!r}{suggestion(model, models)}")
    chosen = sorted(models) if model is None else [model]
    record = {"model-index": [{"name": name, "results": models[name]} for name in chosen]}
    text: str = yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=120)
    return text


def _result(ranking: Ranking, member: Member) -> dict[str, Any]:
    key, entry = ranking.key, member.entry
    made = entry.manifest.environment.get("commit") or "release"
    result: dict[str, Any] = {
        "task": {"type": HF_TASKS.get(key.kind, "video-text-to-text"), "name": key.task},
        "dataset": {
            "type": key.dataset.lower().replace(" ", "-"),
            "name": key.dataset,
            "split": key.split,
            "revision": key.data[:16],
        },
        "metrics": [
            {
                "type": name,
                "name": f"{name} ({key.style}, strict)",
                "value": _hub_value(metric, "value"),
                "args": {
                    "low": _hub_value(metric, "low"),
                    "high": _hub_value(metric, "high"),
                    "n": metric["n"],
                    "vau_bench": made,
                },
                "verified": False,
            }
            for name, metric in member.task["metrics"].items()
            if metric["value"] is not None
        ],
    }
    if entry.report is not None and entry.report.startswith("https://"):  # the hub takes no source without an address
        result["source"] = {"name": "report", "url": entry.report}
    return result


def _hub_value(metric: Mapping[str, Any], figure: str) -> float | None:
    value = metric[figure]
    return None if value is None else float(f"{value * (100 if metric['unit'] == '%' else 1):.4g}")
