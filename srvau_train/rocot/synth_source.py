"""VAU-Synth clips as the source of chains: the scene is known, a clip is drawn only when somebody looks at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from srvau_train.rocot.answers import KINDS, Kind
from srvau_train.rocot.config import RocotConfig
from srvau_train.rocot.findings import mistaken_for
from srvau_train.rocot.mistakes import Decoy
from srvau_train.rocot.source import About, Picture, Subject
from srvau_train.rocot.splits import check_training_split
from vau_bench.errors import DataError
from vau_bench.paths import cache_dir
from vau_bench.records import Response, Sample, Segment
from vau_bench.synth import CLASSES, ensure_videos, render_at, sample_of, scene_at
from vau_bench.synth.state import Scene

PLAN = "fps(2, max=32)"
PICTURE = (160, 120)
PICTURES = 16


class SynthSource:
    """The clips of a configuration."""

    def __init__(self, config: RocotConfig) -> None:
        self.config = config
        self.split = config.split
        self.tags: tuple[str, ...] = config.kinds

    @property
    def about(self) -> About:
        """What the dataset card says."""
        config = self.config
        return About(
            name="VAU-Synth",
            licence="apache-2.0",
            tags=("synthetic",),
            clips="procedural clips",
            videos=f"VAU-Synth, split `{config.split}`, seed {config.data_seed}, {config.clips} clips of "
            f"{config.seconds:g} s,\n  difficulty {config.difficulty}. No video of a validation or test split.",
            limits="The clips are drawn, not filmed",
        )

    def identity(self) -> dict[str, Any]:
        """Return the identity of the clips."""
        return {"dataset": self.config.dataset}

    def count(self) -> int:
        """Return how many subjects there are."""
        return self.config.clips * len(self.config.kinds)

    def subjects(self) -> Iterator[Subject]:
        """Yield every clip in each of the tasks, without drawing a frame."""
        for index in self.config.numbers:
            scene = self._scene(index)
            sample = sample_of(scene)
            for kind in self.config.kinds:
                yield subject_of(
                    scene, sample, kind, index=index, dataset=self.config.dataset, footage=partial(self._drawn, index)
                )

    def check(self, held_out: Sequence[Sample]) -> None:
        """Refuse another split than the training split, and clips of another one."""
        check_training_split([], self.split)
        samples = (sample_of(self._scene(index)) for index in self.config.numbers)
        check_training_split(samples, self.split, held_out)

    def tag_of(self, response: Response) -> str | None:
        """Return the kind that a response answers.

        Raises:
            DataError: if it is not about a clip of the training split.
        """
        if not response.sample_id.startswith(f"{self.split}-"):
            raise DataError(
                f"the first answers hold {response.sample_id}, which is not of the split {self.split}; chains are "
                "built on training splits only"
            )
        return next((kind for kind in KINDS if response.task.endswith(kind)), None)

    def duration(self, subject: Subject) -> float:
        """Return the length of the clip in seconds."""
        return float(subject.sample.fields["duration"])

    def pictures(self, record: Mapping[str, Any]) -> list[Picture]:
        """Return frames of a clip, drawn for this."""
        config = self.config
        scene = self._scene(int(record["sample_id"].rpartition("-")[2]))
        step = max(config.manner.step, config.seconds / PICTURES)
        times = [round(k * step, 3) for k in range(int(-(-config.seconds // step)))]
        return [Picture(t, frame) for t, frame in zip(times, render_at(scene, times, size=PICTURE), strict=True)]

    def close(self) -> None:
        """Nothing is held."""

    def _scene(self, index: int) -> Scene:
        return scene_at(self.config.split, index, seed=self.config.data_seed, params=self.config.params)

    def _drawn(self, index: int) -> Path:
        config = self.config
        folder = ensure_videos(
            cache_dir() / "synth", config.split, indices=[index], seed=config.data_seed, params=config.params
        )
        return folder / sample_of(self._scene(index)).video


def subject_of(scene: Scene, sample: Sample, kind: Kind, **more: Any) -> Subject:
    """Return a clip as it is asked about in one task; `more` are further fields of `Subject`."""
    return Subject(
        task=f"vau_synth_{kind}", tag=kind, kind=kind, sample=sample, classes=tuple(CLASSES), plan=PLAN, scene=scene,
        decoys=tuple(decoys(scene)), **more,
    )  # fmt: skip


def decoys(scene: Scene) -> list[Decoy]:
    """Return what in a scene can be taken for an anomaly."""
    return [Decoy(mistaken_for(h), Segment(h.start, h.end)) for h in scene.distractors]
