"""The pages that `leaderboard build` writes: the same board gives the same bytes, on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from vau_bench.errors import RunError
from vau_bench.leaderboard.board import Board
from vau_bench.leaderboard.escaping import markdown
from vau_bench.leaderboard.exports import to_csv
from vau_bench.leaderboard.links import href
from vau_bench.leaderboard.published import Published, Table
from vau_bench.leaderboard.ranking import Ranking, Row, datasets_of
from vau_bench.leaderboard.reflections import ABOUT, GRADED, is_graded, reflected
from vau_bench.leaderboard.standings import Standing
from vau_bench.report.wording import told
from vau_bench.runs import write_atomically

INTRODUCTION = """\
# Leaderboard

Made by `vau-bench leaderboard build` from `entries/` (measured, every figure computed again from the samples) and
`published/` (reported by papers); do not edit. The same as data: [leaderboard.csv](leaderboard.csv).

How to read it:

- Rows stand in one table only if they were asked the same about the same samples, and read and scored the same way:
  one task version, data, prompts, parser, style and scoring mode.
- A **rank** is one more than the number of rows that are better beyond noise. Rows whose paired difference may be zero
  share a rank, however far apart their values look.
- Values are strict: what has no answer counts as wrong. **Unscored** is the share of such samples.
- Intervals hold 95 % and are clustered by source video. **MDE** is the smallest difference to an equally noisy run that
  a test at 5 % finds with 80 % power.
- **Floors** never look at a frame. A model that does not beat them has not been shown to see. A floor without a rank is
  stated by the results of other rows and has no samples of its own.
- **Trained on it**: the model's declared training data hold this dataset; `?` where nothing is declared.
- **Stale** rows were measured with an earlier task or parser.
- *Reported* figures follow the protocols of their papers and stand apart: they are never ranked with measured ones.

Enter a run: `vau-bench leaderboard add RUN`. Check all entries: `vau-bench leaderboard check`.
"""


def to_markdown(board: Board) -> str:
    """Return the whole leaderboard as one markdown page."""
    parts = [INTRODUCTION, *_measured(board), *_stale(board)]
    parts.append("## Reported\n\nNot measured here, and not comparable with the tables above.\n")
    for file in board.published:
        parts += _published(file)
    return "\n".join(parts)


def _measured(board: Board) -> Iterator[str]:
    yield "## Measured\n"
    if not board.rankings:
        yield "Nothing is entered yet.\n"
    outdated = board.outdated
    for dataset in datasets_of(board.rankings):
        yield f"### {markdown(dataset)}\n"
        for (of, split, style), (tasks, standings) in board.standings.items():
            if of == dataset:
                yield _standing_table(split, style, tasks, standings)
        for ranking in (r for r in board.rankings if r.key.dataset == dataset):
            yield _ranking_table(ranking, outdated)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a table whose first `left` columns are text and the others figures."""
    lines = [header, ["---" if i < left else "--:" for i in range(len(header))], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _standing_table(split: str, style: str, tasks: Sequence[str], standings: Sequence[Standing]) -> str:
    rows = [
        (
            markdown(s.model),
            f"{100 * s.win_rate:.1f} [{100 * s.win_low:.1f}, {100 * s.win_high:.1f}]",
            f"{s.mean_rank:.2f} [{s.rank_low:.2f}, {s.rank_high:.2f}]",
        )
        for s in standings
    ]
    told_tasks = ", ".join(markdown(task) for task in tasks)
    return (
        f"#### Over {len(tasks)} tasks, {markdown(style)}\n\n"
        f"Split {markdown(split)}: {told_tasks}. Only models that answered all of them.\n\n"
        + _table(("model", "mean win rate % [95 %]", "mean rank [95 %]"), rows)
    )


def _ranking_table(ranking: Ranking, outdated: Mapping[tuple[str, str], str]) -> str:
    key = ranking.key
    reports = {m.entry.where: m.entry.report for m in ranking.members if m.entry.report is not None}
    others = list(ranking.metrics)[1:]
    header = [
        "model",
        "rank",
        f"{markdown(ranking.metric)} [95 %]",
        *map(markdown, others),
        "unscored %",
        "trained on it",
        *(["report"] if reports else []),
    ]
    rows = [
        [
            _model(row, (row.entry, key.task) in outdated),
            *_cells(ranking, row, others),
            *([f"[report]({href(reports[row.entry])})" if row.entry in reports else ""] if reports else []),
        ]
        for row in ranking.rows
    ]
    mde = f", MDE {told(ranking.mde, ranking.unit)}" if ranking.mde is not None else ""
    facts = (
        f"n = {ranking.n} of {ranking.clusters} source videos{mde}. Version {key.version}, split {markdown(key.split)}"
    )
    shuffled = f", options shuffled with seed {markdown(key.options)}" if key.options else ""
    digests = f"data `{_digest(key.data)}`, prompts `{_digest(key.prompts)}`, parser `{_digest(key.parser)}`"
    return (
        f"#### {markdown(key.task)}, {markdown(key.style)}\n\n{facts}, {key.mode} scoring{shuffled}; {digests}.\n\n"
        + _table(header, rows)
        + _reflection_table(ranking)
    )


def _digest(text: str) -> str:
    """Return the beginning of a digest as it can stand between backticks."""
    return "".join(c for c in text[:12] if c.isascii() and c.isalnum()) or "-"


def _reflection_table(ranking: Ranking) -> str:
    found = reflected(ranking)
    if not found:
        return ""
    graded = is_graded(found)
    header = ["model", "pairs", "right first %", "right revised %", "net gain [95 %]", "repaired", "broken"]
    rows = [
        [
            markdown(r.model),
            f"{r.pairs} of {r.expected}",
            told(r.first, "%"),
            told(r.revised, "%"),
            r.gain,
            str(r.repaired),
            str(r.broken),
            *([r.graded] if graded else []),
        ]
        for r in found
    ]
    about = f"{ABOUT} {GRADED}" if graded else ABOUT
    return (
        "\nFirst answer against the revised one:\n\n"
        + _table([*header, *(["graded gain [95 %]"] if graded else [])], rows)
        + f"\n{about}\n"
    )


def _model(row: Row, stale: bool) -> str:
    name = f"*{markdown(row.model)}* (floor)" if row.floor else markdown(row.model)
    return f"{name} (stale)" if stale else name


def _cells(ranking: Ranking, row: Row, others: Sequence[str]) -> list[str]:
    value = told(row.value, ranking.unit)
    if row.low is not None and row.high is not None:
        value += f" [{told(row.low, ranking.unit)}, {told(row.high, ranking.unit)}]"
    return [
        "" if row.rank is None else str(row.rank),
        f"**{value}**" if row.best_alone else value,
        *(told(row.metrics.get(name), ranking.metrics[name]) for name in others),
        f"{100 * row.unscored:.1f}",
        {None: "" if row.floor else "?", True: "yes", False: "no"}[row.contaminated],
    ]


def _stale(board: Board) -> Iterator[str]:
    if board.stale:
        yield "### Stale\n\nMeasured with an earlier task or parser; ranked among themselves.\n"
        yield "".join(f"- {markdown(f.entry)}: {markdown(f.told)}\n" for f in board.stale)


def _published(file: Published) -> Iterator[str]:
    source = file.source
    third = "; **a third party's listing**" if source.third_party else ""
    note = f" {markdown(source.note)}" if source.note else ""
    yield (f"### {markdown(source.title)}\n\n<{source.url}>, {source.date}; {markdown(source.where)}{third}.{note}\n")
    for table in file.tables:
        yield f"#### {markdown(table.title)} (reported)\n\n{markdown(table.protocol)}\n\n" + _published_table(table)


def _published_table(table: Table) -> str:
    notes = any(row.note for row in table.rows)
    header = ["model", "dataset", "style", "n", *(markdown(c.summary) for c in table.columns.values())]
    rows = []
    for row in table.rows:
        figures = ["-" if (v := row.values.get(name)) is None else f"{v:g}" for name in table.columns]
        note = [markdown(row.note or "")] if notes else []
        n = str(table.n.get(row.dataset, "-"))
        rows.append([markdown(row.model), markdown(row.dataset), row.style or "-", n, *figures, *note])
    return _table([*header, *(["note"] if notes else [])], rows, left=3)


PAGES: Mapping[str, Callable[[Board], str]] = {"README.md": to_markdown, "leaderboard.csv": to_csv}
"""The files that `build` writes, by name."""


def build(board: Board, folder: Path) -> list[Path]:
    """Write all pages, each at once; where nothing has changed, nothing is written.

    Raises:
        RunError: if the folder cannot be written.
    """
    made = {folder / name: page(board) for name, page in PAGES.items()}
    for path, text in made.items():
        try:
            old = path.read_text(encoding="utf-8") if path.exists() else None
        except (OSError, ValueError) as error:
            raise RunError(f"cannot read {path}: {error}") from None
        if old != text:
            write_atomically(path, text)
    return list(made)
