"""ShanghaiTech Campus: one NumPy file a test video, with 1 for each anomalous frame and 0 for each other one.

    testing/test_frame_mask/01_0014.npy
    testing/frames/01_0014/000.jpg ...

The test videos come as pictures, which are joined to a video in the cache when they are first shown. In the original
split each test video has a mask; with a table of test videos, one without a mask is normal, as in the split for weak
supervision.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from vau_bench.declarations import validated
from vau_bench.errors import DataError, NoAnnotationError
from vau_bench.readers.base import Dataset
from vau_bench.readers.frame_table import Frames, Listed, frame_sample, read_frame_table
from vau_bench.readers.tables import annotation_path, content_of
from vau_bench.readers.videos import VideoFinder, joined_frames
from vau_bench.records import ANOMALY, NORMAL, Sample


class ShanghaiTechArgs(BaseModel):
    """Arguments of the reader in `task.yaml`.

    Attributes:
        annotations: folder of the masks per split, below the data root.
        frames: path of the table of test videos per split; without it they are those that have a mask.
        pictures: folder that holds a folder of pictures a video, for videos of which there is no file.
        fps: frames a second.
        videos: folders below the data root that are searched first.
    """

    model_config = ConfigDict(extra="forbid")

    annotations: dict[str, str]
    frames: dict[str, str] = {}
    pictures: str
    fps: int = Field(ge=1)
    videos: list[str] = []


class _Mask(NamedTuple):
    frames: int
    events: list[Frames]
    where: str


def read_shanghaitech_masks(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read one split.

    Raises:
        DataError: naming the file, when the folder is absent or a file breaks the format.
    """
    options = validated(ShanghaiTechArgs, args, "dataset.args")
    folder = annotation_path(data, split, options.annotations)
    assert data is not None  # or there would be no path
    if not folder.is_dir():
        raise NoAnnotationError(f"no folder {folder}; pass --data DIR, the folder that holds it")
    contents = {path: content_of(path) for path in sorted(folder.glob("*.npy"))}
    if not contents:
        raise DataError(f"{folder} holds no mask: no file *.npy")
    masks = {path.stem: _mask(path, content) for path, content in contents.items()}
    videos = {name: Listed(name, mask.frames, options.fps, mask.where) for name, mask in masks.items()}
    digest = hashlib.sha256()
    for path, content in contents.items():
        digest.update(f"{path.name}\0{len(content)}\0".encode() + content)
    if split in options.frames:
        table = annotation_path(data, split, options.frames)
        counted = content_of(table)
        digest.update(counted)
        videos = read_frame_table(table, counted, options.fps)
    notes: Counter[str] = Counter()
    samples = tuple(_sample(listed, masks.get(name), notes) for name, listed in videos.items())
    finder, pictures = VideoFinder(data, options.videos), data / options.pictures
    return Dataset(
        samples,
        digest.hexdigest(),
        lambda s: finder.find(s.video) or joined_frames(pictures / s.id, options.fps),
        dict(notes),
    )


def _mask(path: Path, content: bytes) -> _Mask:
    try:
        mask = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile):
        mask = None
    if not isinstance(mask, np.ndarray) or mask.ndim != 1 or not mask.size or mask.dtype.kind not in "biuf":
        raise DataError(f"{path}: not a NumPy array of one number a frame")
    strange = np.flatnonzero((mask != 0) & (mask != 1))
    if strange.size:
        raise DataError(f"{path}: frame {strange[0]} is neither 0 nor 1: {mask[strange[0]]}")
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0)).tolist()
    return _Mask(len(mask), list(zip(edges[::2], edges[1::2], strict=True)), str(path))


def _sample(listed: Listed, mask: _Mask | None, notes: Counter[str]) -> Sample:
    if mask is None:
        return frame_sample(listed, NORMAL, (), listed.where, notes)
    if mask.frames != listed.frames:
        raise DataError(f"{listed.where}: {listed.name} has {listed.frames} frames, its mask {mask.frames}")
    return frame_sample(listed, ANOMALY if mask.events else NORMAL, mask.events, mask.where, notes)
