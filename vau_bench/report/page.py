"""The report as one HTML page: its figures can be read without a script, nothing outside it is loaded."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vau_bench.records import JSON
from vau_bench.report.book import Book, Strips, packed
from vau_bench.report.command import repeat_command
from vau_bench.report.contents import RunContents
from vau_bench.report.excerpts import clipped, legible
from vau_bench.report.joining import LETTERS
from vau_bench.report.summary import JoinedPart, joined_parts
from vau_bench.report.wording import PAPER_RULE

TEMPLATES = Path(__file__).parent / "templates"
COLOURS = 8
"""That tell runs apart; more runs share them."""
SCRIPTS = ("elements.js", "store.js", "words.js", "timeline.js", "card.js", "filters.js", "list.js", "main.js")


@dataclass(frozen=True)
class RunHead:
    """One run as the head of the page tells it."""

    letter: str
    contents: RunContents
    identity: list[tuple[str, str]]
    packages: Mapping[str, JSON]
    command: str


@dataclass(frozen=True)
class Data:
    """What the page holds besides its figures; `None` in place of it: the page asks its server.

    Attributes:
        index: of the samples, packed; `chunks` of them.
        reels: pictures.
        with_frames: how many samples show frames.
    """

    index: str
    chunks: list[str]
    reels: list[str]
    with_frames: int


def data_of(book: Book, strips: Strips, reels: list[str]) -> Data:
    """Return the data of a page that stands alone."""
    with_frames = sum(any(strip.places for strip in own) for own in strips.values())
    chunks = [packed(book.chunk(number, strips)) for number in range(book.chunks)]
    return Data(packed(book.index()), chunks, reels, with_frames)


def render(book: Book, data: Data | None) -> str:
    """Return the page.

    Args:
        book: what it is about.
        data: of its samples; `None` for a page that asks its server for them.
    """
    parts = joined_parts(book.runs, book.tasks)
    script = _script()
    style = _asset("style.css") + _asset("samples.css")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            runs=[_head(number, run) for number, run in enumerate(book.runs)],
            tasks=parts,
            tables=_headline_tables(parts),
            colour=lambda letter: LETTERS.index(letter) % COLOURS,
            shown=len(book.pages),
            total=len(book.pages) + sum(book.left_out),
            left_out=[(task.name, count) for task, count in zip(book.tasks, book.left_out, strict=True) if count],
            data=data,
            paper_rule=PAPER_RULE,
            style=style,
            script=script,
            policy=policy(style, script, served=data is None),
        )
        + "\n"
    )


def policy(style: str, script: str, *, served: bool) -> str:
    """Return the content security policy: this style and this script run, nothing else is loaded or sent."""
    asked = "; connect-src 'self'" if served else ""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; img-src data:; script-src '{_hash(script)}'{asked}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _head(number: int, run: RunContents) -> RunHead:
    packages = run.manifest.environment.get("packages")
    return RunHead(
        letter=LETTERS[number],
        contents=run,
        identity=_flat(run.manifest.model_identity),
        packages=packages if isinstance(packages, dict) else {},
        command=repeat_command(run.options),
    )


def _headline_tables(parts: Sequence[JoinedPart]) -> dict[str, dict[str, Any]]:
    """Return per task of several runs: the names of its metrics, and the metrics of each run by name."""
    return {
        part.anchor: {
            "names": list(dict.fromkeys(row.name for own in part.parts for row in own.metrics)),
            "rows": {own.letter: {row.name: row for row in own.metrics} for own in part.parts},
        }
        for part in parts
        if len(part.parts) > 1
    }


def _environment() -> Environment:
    """Return the templates: everything that is not markup of ours is escaped, and made legible before that."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _finalize(value: Any) -> Any:
    return legible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _asset(name: str) -> Markup:
    """Return a file of ours that stands in the page as it is."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def _script() -> Markup:
    """Return all scripts as one, with names of its own."""
    own = Markup("").join(_asset(f"js/{name}") for name in SCRIPTS)
    return Markup('"use strict";\n(() => {\n') + own + Markup("})();\n")


def _flat(values: Mapping[str, JSON]) -> list[tuple[str, str]]:
    return [
        (name, clipped(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 500))
        for name, value in values.items()
        if value is not None
    ]
