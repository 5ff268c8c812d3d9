"""The audit page: some chains beside the frames that they speak of, in one offline HTML file."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from srvau_train.rocot.config import Recipe
from srvau_train.rocot.records import CHAINS, read_records
from srvau_train.rocot.source import Picture, Source
from srvau_train.rocot.streams import stream_of
from vau_bench.errors import DataError, RunError
from vau_bench.models.jpeg import encode_jpeg

_STYLE = (
    "body{font:15px/1.5 system-ui;margin:2em auto;max-width:1100px}section{border-top:1px solid #ccc;padding:1em 0}"
    "figure{display:inline-block;margin:2px;text-align:center}figcaption,small{color:#666}"
    "dt{font-weight:600}dd{margin:0 0 .6em}"
)


def write_audit(folder: Path, config: Recipe, count: int) -> Path:
    """Write `audit.html` with `count` chains, drawn by the seed, and their frames.

    Raises:
        DataError: if the folder holds no chain.
        RunError: if the page cannot be written.
    """
    records = list(read_records(folder / CHAINS))
    if not records:
        raise DataError(f"{folder} holds no chain to look at")
    order = stream_of("audit", config.seed).shuffled(range(len(records)))
    chosen = [records[i] for i in sorted(order[:count])]
    path = folder / "audit.html"
    with closing(config.source()) as source:
        page = audit_page(chosen, source)
    try:
        path.write_text(page, "utf-8")
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from None
    return path


def audit_page(records: Sequence[Mapping[str, Any]], source: Source) -> str:
    """Return the page."""
    sections = "\n".join(_section(r, source.pictures(r)) for r in records)
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>RoCoT audit</title><style>{_STYLE}</style>'
    return f"{head}\n<h1>RoCoT audit: {len(records)} chains</h1>\n{sections}\n</html>\n"


def _section(record: Mapping[str, Any], pictures: Sequence[Picture]) -> str:
    truth = record["truth"]
    told = (
        f"{record['kind']}, {record['action']}, error: {record['mistake']}; "
        f"truth: {truth['label']} {truth['segments'] or ''}"
        f"{', option ' + truth['option'] if record['kind'] == 'mcq' else ''}"
    )
    parts = "".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in record["parts"].items())
    title = f"<h2>{html.escape(record['sample_id'])}</h2><small>{html.escape(told)}</small>"
    shown = "".join(map(_figure, pictures)) or "<p>The video is not there, or cannot be read.</p>"
    return f"<section>{title}<div>{shown}</div><dl>{parts}</dl></section>"


def _figure(picture: Picture) -> str:
    data = base64.b64encode(encode_jpeg(picture.frame, 70)).decode()
    height, width, _ = picture.frame.shape
    at = f"{picture.time:g} s"
    image = f'<img src="data:image/jpeg;base64,{data}" width="{width}" height="{height}" alt="frame at {at}">'
    return f"<figure>{image}<figcaption>{at}</figcaption></figure>"
