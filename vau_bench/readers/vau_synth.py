"""The procedural benchmark as a dataset: samples from the generator, clips made on first use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from vau_bench.declarations import validated
from vau_bench.errors import UnknownNameError
from vau_bench.paths import cache_dir
from vau_bench.readers.base import Advance, Dataset, Stage
from vau_bench.records import Sample
from vau_bench.synth import GENERATOR_VERSION, SynthParams, ensure_videos, samples


class SynthArgs(BaseModel):
    """Arguments of the reader in `task.yaml`.

    Attributes:
        sizes: clips per split.
        seed: another seed is another benchmark.
        seconds: length of a clip.
        difficulty: 0 to 1, or `easy`, `medium`, `hard`.
    """

    model_config = ConfigDict(extra="forbid")

    sizes: dict[str, int]
    seed: int = 0
    seconds: float = 16.0
    difficulty: float | str = "medium"


def read_vau_synth(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Return one split; clips are drawn by `prepare`, into the cache."""
    options = validated(SynthArgs, args, "dataset.args of vau_synth")
    if split not in options.sizes:
        raise UnknownNameError("split of vau_synth", split, options.sizes)
    params = SynthParams(options.seconds, options.difficulty)
    identity = {"generator": GENERATOR_VERSION, "split": split, **options.model_dump()}
    draw = partial(ensure_videos, cache_dir() / "synth", split, seed=options.seed, params=params)
    listed = tuple(samples(split, options.sizes[split], seed=options.seed, params=params))
    place = {sample.id: index for index, sample in enumerate(listed)}

    def prepare(wanted: Sequence[Sample], stage: Stage, advance: Advance) -> None:
        begun = False

        def drawn(done: int, total: int) -> None:
            nonlocal begun
            if not begun:
                stage("drawing", total)
                begun = True
            advance()

        draw(indices=[place[s.id] for s in wanted], progress=drawn)

    def find_video(sample: Sample) -> Path | None:
        path = draw(indices=()) / sample.video
        return path if path.is_file() else None

    return Dataset(
        samples=listed,
        digest=hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest(),
        find_video=find_video,
        prepare=prepare,
    )
