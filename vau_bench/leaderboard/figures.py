"""Which plots a leaderboard has, and how they are named; nothing is drawn before it is asked for.

A ranking is drawn once a model that looks at videos stands in it: blind floors alone are told by their table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from vau_bench.declarations import validated
from vau_bench.leaderboard.board import Board
from vau_bench.leaderboard.published import Published
from vau_bench.leaderboard.ranking import FLOORS, Member, Ranking
from vau_bench.records import Outcome
from vau_bench.results import TaskResult
from vau_bench.runs import slug

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vau_bench.plots import Reported, Theme

REPORTED_STEM = "reported-grounding"


@dataclass(frozen=True)
class Drawing:
    """A plot of the leaderboard.

    Attributes:
        stem: of its files.
        heading: what the page calls it.
        told: what it shows, for those who cannot see it.
        ranking: its place among the rankings, `None` for a plot of reported figures.
        draw: makes the figure in a theme.
    """

    stem: str
    heading: str
    told: str
    ranking: int | None
    draw: Callable[[Theme], Figure]


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _Class(_Record):
    n: int
    value: float | None


class _Scored(_Record):
    value: float | None
    low: float | None = None
    high: float | None = None


class _Judge(_Record):
    judge: str
    rubric_digest: str = ""
    part: str = ""
    judged: int
    expected: int
    highest: float = Field(gt=0)
    total: _Scored
    dimensions: dict[str, _Scored]


class _Judges(_Record):
    judges: list[_Judge] = []


class _Cells(_Record):
    repaired: int = Field(ge=0)
    broken: int = Field(ge=0)
    kept_right: int = Field(ge=0)
    kept_wrong: int = Field(ge=0)


class _Reflection(_Record):
    pairs: int = Field(ge=0)
    cells: _Cells


class Usage(_Record):
    """What an answer cost on average, as the run recorded it."""

    seconds: float | None = Field(default=None, ge=0)
    tokens: float | None = Field(default=None, ge=0)


class _Drawn(_Record):
    """The parts of a result that plots need and that no aggregate is held to."""

    classes: dict[str, _Class] = {}
    judge: _Judges = _Judges()
    reflection: _Reflection | None = None
    usage: Usage = Usage()


def drawings(board: Board, *, radar: bool = False) -> list[Drawing]:
    """Return the plots of a leaderboard, in the order of the page.

    Args:
        board: the leaderboard.
        radar: draw classes as radars, too.

    Raises:
        DataError: if an entry holds what cannot be drawn.
    """
    names = [f"{r.key.task}-{r.key.style}" for r in board.rankings]
    several = Counter(names)
    found = []
    for number, (ranking, name) in enumerate(zip(board.rankings, names, strict=True)):
        stem = slug(name if several[name] == 1 else f"{name}-v{ranking.key.version}-{number + 1}")
        found += list(_of_ranking(ranking, number, stem, radar))
    figures = reported_figures(board.published)
    if figures:
        found.append(_reported(figures))
    return found


def _reported(figures: Sequence[Reported]) -> Drawing:
    from vau_bench import plots

    return Drawing(
        REPORTED_STEM,
        "Reported grounding beside one constant interval",
        "mIoU as papers report it by dataset, beside the line that one constant interval reaches",
        None,
        lambda theme: plots.reported_beside_floor(figures, theme=theme),
    )


def labels_of(ranking: Ranking) -> list[str]:
    """Return names of the members, each once: of several runs of a model with the run."""
    count = Counter(m.entry.model for m in ranking.members)
    return [
        m.entry.model if count[m.entry.model] == 1 else f"{m.entry.model} {m.entry.manifest.run_id}"
        for m in ranking.members
    ]


def _of_ranking(ranking: Ranking, number: int, stem: str, radar: bool) -> Iterator[Drawing]:
    from vau_bench import plots

    members = dict(zip(labels_of(ranking), ranking.members, strict=True))
    seeing = {name: m for name, m in members.items() if not m.entry.manifest.model.startswith(FLOORS)}
    if not seeing:
        return
    checked = {name: validated(_Drawn, m.task, m.entry.where) for name, m in members.items()}
    entries = [(name, m.task) for name, m in members.items()]
    looking = [(name, m.task) for name, m in seeing.items()]
    what = f"{ranking.key.task}, {ranking.key.style}"

    def made(kind: str, heading: str, told: str, draw: Callable[[Theme], Figure]) -> Drawing:
        return Drawing(f"{stem}-{kind}", heading, f"{told}: {what}", number, draw)

    yield made(
        "forest",
        f"{ranking.metric} with intervals",
        f"{ranking.metric} of {len(entries)} rows with 95% intervals beside the blind floors",
        lambda theme: plots.forest_plot(entries, theme=theme),
    )
    if ranking.key.kind == "grounding":
        scores = {name: m.rows for name, m in members.items()}
        told = "share of anomalies found against the tIoU that counts as found"
        yield made("recall", "Recall by tIoU", told, lambda theme: plots.recall_curve(scores, theme=theme))
    if len({c for name in seeing for c, row in checked[name].classes.items() if row.value is not None}) > 1:
        told = f"{ranking.metric} by true class"
        yield made("classes", "By class", told, lambda theme: plots.class_dots(looking, theme=theme))
        if radar:
            yield made("radar", "By class, radar", told, lambda theme: plots.class_radar(looking, theme=theme))
    if any(m.task["outcomes"].get(str(Outcome.SCORED), 0) < m.task["expected"] for m in members.values()):
        told = "what became of the expected samples"
        yield made("outcomes", "Outcomes", told, lambda theme: plots.outcome_bars(entries, theme=theme))
    reflecting = [(n, m.task) for n, m in seeing.items() if (r := checked[n].reflection) is not None and r.pairs]
    if reflecting:
        told = "answers repaired and broken by reflection"
        yield made("reflection", "Reflection", told, lambda theme: plots.reflection_flow(reflecting, theme=theme))
    for place, judged in enumerate(_judged({name: checked[name].judge.judges for name in seeing})):
        told = "scores of the judged explanations by dimension"
        kind = "judge" if not place else f"judge-{place + 1}"
        yield made(kind, "Judged explanations", told, _judge_panel(judged))
    priced = [_priced(n, m, checked[n]) for n, m in seeing.items()]
    if sum(bool(p.seconds or p.tokens) for p in priced) > 1:  # one alone is told in its row
        told = f"{ranking.metric} against seconds and tokens an answer"
        yield made("cost", "Score against cost", told, lambda theme: plots.score_against_cost(priced, theme=theme))


def _judge_panel(judged: list[tuple[str, dict[str, Any]]]) -> Callable[[Theme], Figure]:
    from vau_bench import plots

    return lambda theme: plots.judge_panel(judged, theme=theme)


def _judged(found: dict[str, list[_Judge]]) -> list[list[tuple[str, dict[str, Any]]]]:
    """Return what may stand in one panel: the same judge, rubric and part of the answer."""
    panels: dict[tuple[str, str, str], list[tuple[str, dict[str, Any]]]] = {}
    for name, judges in found.items():
        for one in judges:
            if one.total.value is not None:
                panels.setdefault((one.part, one.judge, one.rubric_digest), []).append((name, one.model_dump()))
    return [panels[key] for key in sorted(panels)]


def _priced(name: str, member: Member, checked: _Drawn) -> Any:
    from vau_bench.plots import Priced

    task: TaskResult = member.task
    return Priced(name, task["metrics"][task["headline"]], checked.usage.seconds, checked.usage.tokens)


def reported_figures(published: Sequence[Published]) -> list[Reported]:
    """Return the reported mIoU of the datasets of VAU-Bench, by its protocol."""
    from vau_bench.plots import CONSTANT_INTERVALS, Reported

    return [
        Reported(row.model, row.dataset, row.style, value)
        for file in published
        for table in file.tables
        if table.kind == "grounding" and "miou" in table.columns and table.columns["miou"].scale == "percent"
        for row in table.rows
        if row.dataset in CONSTANT_INTERVALS and (value := row.values.get("miou")) is not None
    ]
