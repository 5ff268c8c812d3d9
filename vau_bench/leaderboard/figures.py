"""Which plots a leaderboard has, and how they are named; nothing is drawn before it is asked for.

A ranking is drawn once a model that looks at videos stands in it: blind floors alone are told by their table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from vau_bench.declarations import validated
from vau_bench.leaderboard.board import Board
from vau_bench.leaderboard.published import Published
from vau_bench.leaderboard.ranking import Member, Ranking, is_floor, labels_of, stems
from vau_bench.records import Outcome
from vau_bench.results import TaskResult

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
    """The parts of a result that plots need."""

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
    found = []
    for number, (ranking, stem) in enumerate(zip(board.rankings, stems(board.rankings), strict=True)):
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


class _Plot(NamedTuple):
    """A plot of a ranking: what its file and its heading are called, what it shows, and what makes it."""

    kind: str
    heading: str
    told: str
    draw: Callable[[Theme], Figure]


@dataclass(frozen=True)
class _Scene:
    """A ranking as it is drawn: its members by name, and what was checked of each."""

    ranking: Ranking
    members: dict[str, Member]
    checked: dict[str, _Drawn]

    @property
    def seeing(self) -> dict[str, Member]:
        return {name: m for name, m in self.members.items() if not is_floor(m.entry)}

    def results(self, names: Iterable[str]) -> list[tuple[str, TaskResult]]:
        return [(name, self.members[name].task) for name in names]


def _of_ranking(ranking: Ranking, number: int, stem: str, radar: bool) -> Iterator[Drawing]:
    members = dict(zip(labels_of(ranking), ranking.members, strict=True))
    checked = {name: validated(_Drawn, m.task, m.entry.where) for name, m in members.items()}
    scene = _Scene(ranking, members, checked)
    if not scene.seeing:
        return
    what = f"{ranking.key.task}, {ranking.key.style}"
    for plot in (
        *_values(scene),
        *_classes(scene, radar),
        *_outcomes(scene),
        *_starts(scene),
        *_reflections(scene),
        *_judgements(scene),
        *_costs(scene),
    ):
        yield Drawing(f"{stem}-{plot.kind}", plot.heading, f"{plot.told}: {what}", number, plot.draw)


def _values(scene: _Scene) -> Iterator[_Plot]:
    from vau_bench import plots

    entries, metric = scene.results(scene.members), scene.ranking.metric
    told = f"{metric} of {len(entries)} rows with 95% intervals beside the blind floors"
    yield _Plot("forest", f"{metric} with intervals", told, lambda theme: plots.forest_plot(entries, theme=theme))
    if scene.ranking.key.kind == "grounding":
        scores = {name: m.rows for name, m in scene.members.items()}
        told = "share of anomalies found against the tIoU that counts as found"
        yield _Plot("recall", "Recall by tIoU", told, lambda theme: plots.recall_curve(scores, theme=theme))


def _classes(scene: _Scene, radar: bool) -> Iterator[_Plot]:
    from vau_bench import plots

    entries = scene.results(scene.seeing)
    rows = [row for name in scene.seeing for row in scene.checked[name].classes.items()]
    if len({name for name, row in rows if row.value is not None}) > 1:
        told = f"{scene.ranking.metric} by true class"
        yield _Plot("classes", "By class", told, lambda theme: plots.class_dots(entries, theme=theme))
        if radar:
            yield _Plot("radar", "By class, radar", told, lambda theme: plots.class_radar(entries, theme=theme))


def _outcomes(scene: _Scene) -> Iterator[_Plot]:
    from vau_bench import plots

    entries = scene.results(scene.members)
    if any(result["outcomes"].get(str(Outcome.SCORED), 0) < result["expected"] for _, result in entries):
        told = "what became of the expected samples"
        yield _Plot("outcomes", "Outcomes", told, lambda theme: plots.outcome_bars(entries, theme=theme))


def _starts(scene: _Scene) -> Iterator[_Plot]:
    from vau_bench import plots
    from vau_bench.plots.starts import prior_start

    answers = {name: [(row.true, row.predicted) for row in m.rows] for name, m in scene.seeing.items()}
    found = {name: own for name, pairs in answers.items() if (own := plots.Starts.of(pairs)).pairs}
    if found:
        prior = prior_start(next(iter(found.values())).true)
        told = "predicted against true start of the anomalies"
        yield _Plot(
            "starts", "Predicted starts", told, lambda theme: plots.predicted_starts(found, prior=prior, theme=theme)
        )


def _reflections(scene: _Scene) -> Iterator[_Plot]:
    from vau_bench import plots

    entries = scene.results(n for n in scene.seeing if (r := scene.checked[n].reflection) is not None and r.pairs)
    if entries:
        told = "answers repaired and broken by reflection"
        yield _Plot("reflection", "Reflection", told, lambda theme: plots.reflection_flow(entries, theme=theme))


def _judgements(scene: _Scene) -> Iterator[_Plot]:
    from vau_bench import plots

    def panel(judged: list[tuple[str, dict[str, Any]]]) -> Callable[[Theme], Figure]:
        return lambda theme: plots.judge_panel(judged, theme=theme)

    told = "scores of the judged explanations by dimension, as the runs tell them"
    for place, judged in enumerate(_judged({name: scene.checked[name].judge.judges for name in scene.seeing}), 1):
        kind = "judge" if place == 1 else f"judge-{place}"
        yield _Plot(kind, "Judged explanations, as the runs tell them", told, panel(judged))


def _costs(scene: _Scene) -> Iterator[_Plot]:
    from vau_bench import plots

    usages = {name: scene.checked[name].usage for name in scene.seeing}
    if sum(bool(usage.seconds or usage.tokens) for usage in usages.values()) > 1:  # one alone is told in its row
        priced = [
            plots.Priced(name, result["metrics"][result["headline"]], usages[name].seconds, usages[name].tokens)
            for name, result in scene.results(usages)
        ]
        told = f"{scene.ranking.metric} against seconds and tokens an answer"
        yield _Plot("cost", "Score against cost", told, lambda theme: plots.score_against_cost(priced, theme=theme))


def _judged(found: dict[str, list[_Judge]]) -> list[list[tuple[str, dict[str, Any]]]]:
    """Return what may stand in one panel: the same judge, rubric and part of the answer."""
    panels: dict[tuple[str, str, str], list[tuple[str, dict[str, Any]]]] = {}
    for name, judges in found.items():
        for one in judges:
            if one.total.value is not None:
                panels.setdefault((one.part, one.judge, one.rubric_digest), []).append((name, one.model_dump()))
    return [panels[key] for key in sorted(panels)]


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
