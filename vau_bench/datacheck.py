"""Checking a dataset before it is used: what is absent, what cannot be read, what contradicts the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vau_bench.errors import DataError, VideoError
from vau_bench.evaluation import Progress
from vau_bench.records import Sample
from vau_bench.task import Task
from vau_bench.video import ClipLoader

TOLERANCE = 1.0
"""Seconds that a true interval may reach past the end of its video: annotations are rounded."""


@dataclass
class DataReport:
    """What was found.

    Attributes:
        samples: that take part in the task.
        excluded: that cannot, by reason.
        notes: special rows, by reason.
        videos: files that are there.
        absent: names of videos that are not.
        faults: one sentence each.
    """

    task: str
    samples: int
    excluded: Mapping[str, int]
    notes: Mapping[str, int]
    videos: int = 0
    absent: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return asdict(self)


def check_task(
    task: Task,
    data: Path | None,
    split: str | None,
    clips: ClipLoader,
    *,
    decode: bool,
    progress: Progress,
    limit: int | None = None,
) -> DataReport:
    """Check the samples of a task and their videos.

    Args:
        task: the task.
        data: the user's data root.
        split: default: the task's.
        clips: opens the videos, each in a process of its own.
        decode: also decode the first, a middle and the last part.
        progress: told how it goes.
        limit: check this many samples, evenly spread.
    """
    selection = task.select(data, split=split, limit=limit)
    dataset = selection.dataset
    if dataset.prepare is not None:
        dataset.prepare(selection.samples, progress.stage, progress.advance)
    report = DataReport(
        task.name, len(selection.samples), dict(selection.excluded), {k: v for k, v in dataset.notes.items() if v}
    )
    progress.stage(task.name, len(selection.samples))
    for sample in selection.samples:
        try:
            path = dataset.find_video(sample)
            if path is None:
                report.absent.append(sample.video)
            else:
                report.videos += 1
                report.faults += _faults(sample, path, clips, decode)
        except (DataError, VideoError) as error:
            report.faults.append(str(error))
        progress.advance()
    return report


def _faults(sample: Sample, path: Path, clips: ClipLoader, decode: bool) -> list[str]:
    duration = clips.load(path, "uniform(3)" if decode else "uniform(1)").info.duration
    segments = sample.target.segments or ()
    if segments and segments[-1].end > duration + TOLERANCE:
        return [f"{sample.video}: the true interval ends at {segments[-1].end:g} s, the video at {duration:.2f} s"]
    return []
