"""The leaderboard as one offline page, and its plots as files; the same board gives the same bytes.

Tables can be read without a script; a script lets them be sorted and filtered. Measured and reported rows never stand
in one table.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vau_bench.declarations import validated
from vau_bench.errors import RunError
from vau_bench.extras import needed
from vau_bench.leaderboard.board import Board
from vau_bench.leaderboard.figures import Drawing, Usage, drawings
from vau_bench.leaderboard.links import href
from vau_bench.leaderboard.ranking import Member, Ranking, Row, datasets_of
from vau_bench.leaderboard.reflections import ABOUT, GRADED, Reflected, is_graded, reflected
from vau_bench.report.excerpts import clipped, legible
from vau_bench.report.page import TEMPLATES as REPORT_TEMPLATES
from vau_bench.report.wording import told

TEMPLATES = Path(__file__).parent / "templates"
PAGE, PLOTS = "index.html", "plots"
_IDENTITY = 300


@dataclass(frozen=True)
class Shown:
    """A plot in the page.

    Attributes:
        svg: the drawing.
        files: names of its files below `plots/`, by what they are.
    """

    drawing: Drawing
    svg: Markup
    files: dict[str, str]


@dataclass(frozen=True)
class Line:
    """One row of a ranking, with where it comes from.

    Attributes:
        facts: of the run, by name; empty for a floor that other rows state.
        links: to the report of the run, if any, and to the files of the entry, by name.
        report: address of the report; empty without one.
        stale: why the row is of an earlier task; empty where it is not.
    """

    row: Row
    facts: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    report: str = ""
    stale: str = ""


@dataclass(frozen=True)
class Part:
    """One ranking of the page.

    Attributes:
        reflected: what reflections did to its answers; empty where nothing reflected.
    """

    anchor: str
    ranking: Ranking
    lines: list[Line]
    figures: list[Shown]
    reflected: list[Reflected]

    @property
    def reports(self) -> bool:
        """Tell whether a row has a report."""
        return any(line.report for line in self.lines)


def build_page(board: Board, folder: Path, *, radar: bool = False) -> list[Path]:
    """Write `index.html` and the plots below `plots/` anew, and return their paths.

    Everything is made before anything is written. What is the same already is not written again; plots of an earlier
    board are removed.

    Args:
        board: the leaderboard.
        folder: `leaderboards`.
        radar: draw classes as radars, too.

    Raises:
        MissingExtraError: without the extra [plots].
        DataError: if an entry holds what cannot be drawn.
        RunError: if the folder cannot be written.
    """
    needed("matplotlib", "drawing the leaderboard", "plots")
    found = drawings(board, radar=radar)
    files: dict[Path, bytes] = {}
    shown = [_shown(drawing, number, folder / PLOTS, files) for number, drawing in enumerate(found)]
    made = {folder / PAGE: render(board, shown).encode(), **files}
    try:
        (folder / PLOTS).mkdir(parents=True, exist_ok=True)
        for path, content in made.items():
            _replace(path, content)
        for old in sorted(p for p in (folder / PLOTS).iterdir() if p.suffix in (".svg", ".png") and p not in made):
            old.unlink()
    except OSError as error:
        raise RunError(f"cannot write {error.filename or folder}: {error.strerror}") from None
    return list(made)


def _shown(drawing: Drawing, number: int, folder: Path, files: dict[Path, bytes]) -> Shown:
    """Draw a plot; its files are added to `files`."""
    from vau_bench.plots.files import inline, png, recoloured, svg
    from vau_bench.plots.theme import DARK, LIGHT

    light = drawing.draw(LIGHT)
    outlines = svg(light)
    page = inline(light, prefix=f"p{number}", label=drawing.told)
    contents = {
        "SVG": (f"{drawing.stem}.svg", outlines.encode()),
        "PNG": (f"{drawing.stem}.png", png(light)),
        "SVG, dark": (f"{drawing.stem}-dark.svg", recoloured(outlines, DARK).encode()),
        "PNG, dark": (f"{drawing.stem}-dark.png", png(drawing.draw(DARK))),
    }
    for name, content in contents.values():
        files[folder / name] = content
    return Shown(drawing, Markup(page), {what: name for what, (name, _) in contents.items()})


def render(board: Board, shown: Sequence[Shown]) -> str:
    """Return the page.

    Args:
        board: the leaderboard.
        shown: its plots.
    """
    from vau_bench.plots.files import theme_variables
    from vau_bench.plots.theme import DARK, LIGHT

    parts = [_part(board, n, [s for s in shown if s.drawing.ranking == n]) for n in range(len(board.rankings))]
    script = _asset("leaderboard.js")
    return (
        _environment()
        .get_template("leaderboard.html.j2")
        .render(
            board=board,
            datasets=_by_dataset(parts),
            reported_figures=[s for s in shown if s.drawing.ranking is None],
            choices=_choices(board),
            count={
                "measured": sum(len(p.lines) for p in parts),
                "reported": sum(len(t.rows) for f in board.published for t in f.tables),
            },
            told=told,
            about_reflection=ABOUT,
            about_graded=GRADED,
            is_graded=is_graded,
            light=Markup(theme_variables(LIGHT)),
            dark=Markup(theme_variables(DARK)),
            style=Markup((REPORT_TEMPLATES / "style.css").read_text(encoding="utf-8")),
            own_style=_asset("leaderboard.css"),
            script=script,
            script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
        + "\n"
    )


def _part(board: Board, number: int, figures: list[Shown]) -> Part:
    ranking = board.rankings[number]
    members = {m.entry.where: m for m in ranking.members}
    outdated = board.outdated
    lines = [
        _line(row, members.get(row.entry), outdated.get((row.entry, ranking.key.task), "")) for row in ranking.rows
    ]
    return Part(f"ranking-{number + 1}", ranking, lines, figures, reflected(ranking))


def _line(row: Row, member: Member | None, stale: str) -> Line:
    if member is None:
        return Line(row)
    report = href(member.entry.report) if member.entry.report is not None else ""
    where = quote(f"entries/{member.entry.where}")
    files = [(name, f"{where}/{name}") for name in ("manifest.json", "results.json", "scores.jsonl.gz")]
    return Line(row, _facts(member, row, stale), [*([("report", report)] if report else []), *files], report, stale)


def _facts(member: Member, row: Row, stale: str) -> list[tuple[str, str]]:
    """Return what is known of the run behind a row."""
    manifest = member.entry.manifest
    environment = manifest.environment
    identity = {name: value for name, value in manifest.model_identity.items() if value is not None}
    commit = environment.get("commit")
    packages = environment.get("packages")
    facts = {
        "stale": stale,
        "run": row.run_id,
        "measured": manifest.started,
        "frames": row.frames,
        "model": clipped(", ".join(f"{k}: {_bare(v)}" for k, v in sorted(identity.items())), _IDENTITY),
        "cost": _cost(member),
        "commit": f"{commit}{' with changes' if environment.get('dirty') else ''}" if commit else "",
        "packages": ", ".join(f"{k} {v}" for k, v in sorted(packages.items())) if isinstance(packages, dict) else "",
        "python": _bare(environment.get("python") or ""),
    }
    return [(name, value) for name, value in facts.items() if value]


def _cost(member: Member) -> str:
    usage = validated(Usage, member.task.get("usage") or {}, member.entry.where)
    told_cost = (
        f"{usage.seconds:.3g} s" if usage.seconds else "",
        f"{usage.tokens:,.0f} tokens" if usage.tokens else "",
    )
    named = ", ".join(filter(None, told_cost))
    return f"{named} an answer, as the run recorded it" if named else ""


def _bare(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _by_dataset(parts: Sequence[Part]) -> dict[str, list[Part]]:
    datasets = datasets_of(part.ranking for part in parts)
    return {name: [part for part in parts if part.ranking.key.dataset == name] for name in datasets}


def _choices(board: Board) -> dict[str, list[str]]:
    """Return what can be filtered by: the values that occur, by name."""
    keys = [r.key for r in board.rankings]
    tables = [(table, row) for file in board.published for table in file.tables for row in table.rows]
    return {
        "dataset": sorted({k.dataset for k in keys} | {row.dataset for _, row in tables}),
        "kind": sorted({k.kind for k in keys} | {table.kind for table, _ in tables}),
        "task": sorted({k.task for k in keys}),
        "style": sorted({k.style for k in keys} | {row.style for _, row in tables if row.style}),
        "provenance": ["measured", "reported"],
    }


def _replace(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _environment() -> Environment:
    """Return the templates: everything that is not markup of ours is made legible and escaped."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda v: legible(v) if isinstance(v, str) and not isinstance(v, Markup) else v,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _asset(name: str) -> Markup:
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))
