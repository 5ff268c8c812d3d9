"""The audit page: some chains beside the frames that they speak of, in one offline HTML file."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from srvau_train.rocot.build import CHAINS, read_records
from srvau_train.rocot.plan import RocotConfig, stream_of
from vau_bench.errors import DataError, RunError
from vau_bench.models.jpeg import encode_jpeg
from vau_bench.synth import render_at, scene_at

SIZE = (160, 120)
MOST_FRAMES = 16
_STYLE = (
    "body{font:15px/1.5 system-ui;margin:2em auto;max-width:1100px}section{border-top:1px solid #ccc;padding:1em 0}"
    "figure{display:inline-block;margin:2px;text-align:center}figcaption,small{color:#666}"
    "dt{font-weight:600}dd{margin:0 0 .6em}"
)


def write_audit(folder: Path, config: RocotConfig, count: int) -> Path:
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
    try:
        path.write_text(audit_page(chosen, config), "utf-8")
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from None
    return path


def audit_page(records: Sequence[Mapping[str, Any]], config: RocotConfig) -> str:
    """Return the page."""
    sections = "\n".join(_section(r, config) for r in records)
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>RoCoT audit</title><style>{_STYLE}</style>'
    return f"{head}\n<h1>RoCoT audit: {len(records)} chains</h1>\n{sections}\n</html>\n"


def _section(record: Mapping[str, Any], config: RocotConfig) -> str:
    truth = record["truth"]
    told = (
        f"{record['kind']}, {record['action']}, error: {record['mistake']}; "
        f"truth: {truth['label']} {truth['segments'] or ''}"
        f"{', option ' + truth['option'] if record['kind'] == 'mcq' else ''}"
    )
    parts = "".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in record["parts"].items())
    title = f"<h2>{html.escape(record['sample_id'])}</h2><small>{html.escape(told)}</small>"
    return f"<section>{title}<div>{_frames(record['sample_id'], config)}</div><dl>{parts}</dl></section>"


def _frames(sample_id: str, config: RocotConfig) -> str:
    index = int(sample_id.rpartition("-")[2])
    scene = scene_at(config.split, index, seed=config.data_seed, params=config.params)
    step = max(config.manner.step, config.seconds / MOST_FRAMES)
    times = [round(k * step, 3) for k in range(int(-(-config.seconds // step)))]
    figures = []
    for t, frame in zip(times, render_at(scene, times, size=SIZE), strict=True):
        data = base64.b64encode(encode_jpeg(frame, 70)).decode()
        image = f'<img src="data:image/jpeg;base64,{data}" width="{SIZE[0]}" height="{SIZE[1]}" alt="frame at {t:g} s">'
        figures.append(f"<figure>{image}<figcaption>{t:g} s</figcaption></figure>")
    return "".join(figures)
