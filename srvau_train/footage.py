"""Where the videos of a training sample lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from vau_bench.readers import Dataset
from vau_bench.readers.videos import VideoFinder
from vau_bench.records import Sample
from vau_bench.task import Task


def finder_of(task: Task, dataset: Dataset, videos: Sequence[Path]) -> Callable[[Sample], Path | None]:
    """Return what finds the videos of a task: below the folders `videos`, in order, else where the reader looks."""
    if not videos:
        return dataset.find_video
    finders = [VideoFinder(root, task.spec.dataset.args.get("videos", ())) for root in videos]
    return lambda sample: next(filter(None, (finder.find(sample.video) for finder in finders)), None)
