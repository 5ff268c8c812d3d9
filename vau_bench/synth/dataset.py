"""The synthetic benchmark as samples, without drawing a single frame."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from vau_bench.records import NORMAL, Sample, Target
from vau_bench.synth.language import annotate
from vau_bench.synth.render import FPS
from vau_bench.synth.scene import scene_at
from vau_bench.synth.state import Scene, SynthParams, check_identity

DEFAULT_COUNTS = {"train": 12000, "val": 200, "test": 200}
"""How many clips a split has where nobody says otherwise."""

_DEFAULT = SynthParams()


def sample_id(split: str, index: int) -> str:
    """Return the stable name of a clip within one (seed, parameters)."""
    return f"{split}-{index:04d}"


def samples(
    split: str = "test", n: int | None = None, *, seed: int = 0, params: SynthParams = _DEFAULT, fps: float = FPS
) -> list[Sample]:
    """Return the first `n` samples of a split.

    Their `fields` are `question`, `options` (four texts without letters), `key_object`, `duration` (seconds), `fps` and
    `place`; their `target` holds label, segments, letter and the texts `description` and `reasoning`. Each is its own
    group.

    Args:
        split: `train`, `val` or `test`.
        n: how many; the split's default count when `None`. A larger `n` only appends.
        seed: another seed gives another benchmark.
        params: length and difficulty.
        fps: frame rate of the video files, for `fields`.

    Raises:
        UsageError: for an unknown split or a seed outside 32 bits.
    """
    check_identity(split, seed, 0)
    count = DEFAULT_COUNTS[split] if n is None else n
    return list(_samples(split, count, seed, params, fps))


@lru_cache(maxsize=2)
def _samples(split: str, count: int, seed: int, params: SynthParams, fps: float) -> tuple[Sample, ...]:
    """Return the samples, those of the last splits as before: each task of a benchmark asks for the same."""
    return tuple(sample_of(scene_at(split, i, seed=seed, params=params), fps=fps) for i in range(count))


def sample_of(scene: Scene, *, fps: float = FPS) -> Sample:
    """Return a scene as a sample."""
    truth = annotate(scene)
    name = sample_id(scene.split, scene.index)
    fields: dict[str, Any] = {
        "question": truth.question,
        "options": list(truth.options),
        "key_object": truth.key_object,
        "duration": scene.seconds,
        "fps": fps,
        "place": scene.place,
    }
    target = Target(
        label=truth.label,
        segments=(truth.segment,) if truth.segment else (),
        option=truth.letter,
        texts={"description": truth.description, "reasoning": truth.reasoning},
    )
    return Sample(id=name, video=f"{name}.mp4", group=name, target=target, fields=fields)


def labels_at(scene: Scene, times: Sequence[float]) -> list[str]:
    """Return the class that holds at each time, `NORMAL` where nothing is wrong."""
    segment = scene.segment
    return [scene.label if segment and segment.start <= t < segment.end else NORMAL for t in times]
