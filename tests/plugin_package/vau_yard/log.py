"""The yard's log: one JSON object a line, `{"video": ..., "from": seconds, "to": seconds}`, without times if normal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vau_bench.errors import DataError
from vau_bench.readers import Dataset
from vau_bench.records import Sample, Segment, Target


def read_log(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read the log of one split; `args` holds its file name by split."""
    if data is None:
        raise DataError("the yard's log needs --data DIR")
    path = data / args[split]
    try:
        content = path.read_bytes()
        samples = tuple(_sample(json.loads(line)) for line in content.splitlines())
    except FileNotFoundError:
        raise DataError(f"no log {path}") from None
    return Dataset(samples, hashlib.sha256(content).hexdigest(), lambda sample: _video(data, sample))


def _sample(row: Mapping[str, Any]) -> Sample:
    segments = (Segment(row["from"], row["to"]),) if "from" in row else ()
    return Sample(row["video"], row["video"], row["video"], Target(segments=segments))


def _video(data: Path, sample: Sample) -> Path | None:
    path = data / "videos" / sample.video
    return path if path.is_file() else None
