"""What a scene shows at each time, in words: the evidence that a reflection walks through."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple, TypeAlias

from srvau_train.rocot import wording
from vau_bench.records import Segment
from vau_bench.synth import labels_at
from vau_bench.synth.draws import Draw
from vau_bench.synth.state import Happening, Scene

Walk: TypeAlias = Literal["seconds", "runs"]


class Moment(NamedTuple):
    """What is seen at one time, in seconds, and the class that holds then."""

    t: float
    seen: str
    label: str


@dataclass(frozen=True)
class Timeline:
    """A scene with one wording for its calm.

    Attributes:
        scene: what happens.
        quiet: how it is put that nothing is to be seen.
        step: seconds between two moments.
    """

    scene: Scene
    quiet: str
    step: float

    @classmethod
    def of(cls, scene: Scene, step: float, draw: Draw) -> Timeline:
        """Choose the wording."""
        return cls(scene, draw.pick(wording.QUIET), step)

    def seen(self, t: float) -> str:
        """Say what is seen at a time: the anomaly first, then what could be taken for one."""
        parts = [put(h) for h in _happenings(self.scene) if h.start <= t < h.end]
        return ", ".join(parts) or self.quiet

    def moments(self) -> list[Moment]:
        """Return what is seen at each step from 0 on."""
        count = int(-(-self.scene.seconds // self.step))
        times = [round(k * self.step, 3) for k in range(count)]
        return [Moment(t, self.seen(t), label) for t, label in zip(times, labels_at(self.scene, times), strict=True)]

    def text(self, walk: Walk, held: Segment | None = None) -> str:
        """Write the moments, each for itself or joined into runs of the same sight.

        Args:
            walk: how.
            held: the times at which the anomaly begins and is over; each is named behind the first moment that shows
                it to be so, the end of one that lasts as long as the clip behind the last. `None`: neither is named.
        """
        runs: list[list[Moment]] = []
        for moment in self.moments():
            if walk == "runs" and runs and runs[-1][-1].seen == moment.seen:
                runs[-1].append(moment)
            else:
                runs.append([moment])
        said = [[f"{_times(run)} {run[0].seen}"] for run in runs]
        shown = self.shown(self.scene.event) if self.scene.event else None
        if held and shown:
            begins = next(i for i, run in enumerate(runs) if run[-1].t >= shown[0])
            over = next((i for i, run in enumerate(runs) if run[0].t > shown[1]), len(runs) - 1)
            said[begins].append(wording.IT_BEGINS.format(start=f"{held.start:g}"))
            said[over].append(wording.IT_IS_OVER.format(end=f"{held.end:g}"))
        return "; ".join(chain.from_iterable(said)) + "."

    def shown(self, happening: Happening) -> tuple[float, float] | None:
        """Return the first and the last step at which something is seen, `None` where it is at none."""
        times = [m.t for m in self.moments() if happening.start <= m.t < happening.end]
        return (times[0], times[-1]) if times else None


def put(happening: Happening) -> str:
    """Say what is seen of something, and on which side."""
    return f"{wording.SEEN[happening.kind]} {placed(happening)}"


def placed(happening: Happening) -> str:
    """Say on which side something is seen."""
    return wording.SIDE.format(side=happening.side) if happening.side else wording.PASSING


def _happenings(scene: Scene) -> list[Happening]:
    return [*([scene.event] if scene.event else []), *scene.distractors]


def _times(run: list[Moment]) -> str:
    return f"{run[0].t:g} s" if len(run) == 1 else f"{run[0].t:g}-{run[-1].t:g} s"
