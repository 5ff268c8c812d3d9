"""The requests of a run on paper: which samples, which frames of which videos, how many tokens.

Videos that are there are measured from their packets, which decodes one frame of each. Of those that are not there,
length and size are assumed, and so they are for footage of which only the hours are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vau_bench.errors import UsageError, VideoError
from vau_bench.models.base import Model
from vau_bench.models.feed import asks_video
from vau_bench.models.prepared import PromptSize
from vau_bench.models.windows import ANSWERED, Windows, frames_within
from vau_bench.planning.compute import Asked
from vau_bench.planning.lengths import Lengths
from vau_bench.planning.prompts import Counter
from vau_bench.progress import Progress
from vau_bench.records import Request, Sample
from vau_bench.runner import TaskRun
from vau_bench.video import ClipLoader, Shown, parse_plan
from vau_bench.video.looking import even_footage, shown_frames


@dataclass(frozen=True, slots=True)
class Footage:
    """What is assumed of videos that are not there.

    Attributes:
        seconds: that a video lasts, where its annotation does not tell.
        width: in pixels.
        height: in pixels.
        fps: frames a second, where the annotation does not tell.
        keyframe_seconds: from one keyframe to the next.
    """

    seconds: float = 60.0
    width: int = 1280
    height: int = 720
    fps: float = 25.0
    keyframe_seconds: float = 2.0

    def __str__(self) -> str:
        size = f"{self.width}x{self.height} at {self.fps:g} fps, a keyframe every {self.keyframe_seconds:g} s"
        return f"{self.seconds:g} s of {size}"

    def shown(self, plan: str, seconds: float | None = None, fps: float | None = None) -> Shown:
        """Return what a plan shows of such a video; `VideoError` if that is nothing."""
        timeline, info = even_footage(
            seconds or self.seconds,
            width=self.width,
            height=self.height,
            fps=fps or self.fps,
            keyframe_seconds=self.keyframe_seconds,
        )
        return shown_frames(timeline, parse_plan(plan), info)


@dataclass(frozen=True, slots=True)
class Viewed:
    """A clip that has to be decoded, and stays in the cache.

    Attributes:
        path: of the video; `None` if it is assumed.
        plan: of the frames.
        shown: what the plan shows.
        weight: how many such clips there are.
    """

    path: Path | None
    plan: str
    shown: Shown
    weight: float


@dataclass(frozen=True)
class Workload:
    """All requests, and all clips that they are about.

    Attributes:
        asked: the requests; without tokens where the model is no language model.
        viewed: the clips, each once however many tasks ask about it.
        failing: requests that could not be asked, by reason.
        lengths: what the lengths of answers rest on, by task.
        measured: share of the videos that were measured rather than assumed.
        footage: what is assumed of the others.
    """

    asked: tuple[Asked, ...]
    viewed: tuple[Viewed, ...]
    failing: dict[str, float]
    lengths: dict[str, str]
    measured: float
    footage: Footage

    @property
    def requests(self) -> float:
        """How many requests there are."""
        return sum(one.weight for one in self.asked)

    def total(self, name: str) -> float:
        """Return the sum over all requests of `text`, `visual`, `prompt` or `output` tokens."""
        return float(sum(one.weight * getattr(one, name) for one in self.asked))


@dataclass
class Reckoner:
    """Puts the requests of tasks on paper.

    Attributes:
        model: that would be asked.
        counter: of its tokens; `None` if it is no language model.
        lengths: of its answers.
        clips: measures videos.
        footage: what is assumed of videos that are not there.
        hours: of footage that is asked about instead of a data set.
        windows: that long videos are asked about in.
        most: samples of a task that are looked at; they stand for the others.
        progress: told how it goes.
    """

    model: Model[Any]
    counter: Counter | None
    lengths: Lengths
    clips: ClipLoader
    footage: Footage
    progress: Progress
    hours: float | None = None
    windows: Windows | None = None
    most: int = 500
    _asked: list[Asked] = field(default_factory=list)
    _viewed: dict[tuple[str, str], Viewed] = field(default_factory=dict)
    _failing: dict[str, float] = field(default_factory=dict)
    _told: dict[str, str] = field(default_factory=dict)

    def reckon(self, runs: Sequence[TaskRun]) -> Workload:
        """Return the requests of these tasks.

        Raises:
            UsageError: if the model chooses its frames itself.
        """
        if self.model.reads_video and self.model.own_frames is not None:
            raise UsageError(f"the frames of this model are {self.model.own_frames}, so no plan can count them")
        chosen = [(run, *self._chosen(run)) for run in runs]
        self.progress.stage("looking", sum(len(samples) for _, samples, _ in chosen))
        for run, samples, weight in chosen:
            for sample in samples:
                self._add(run, sample, weight)
                self.progress.advance()
        seen = [one for one in self._viewed.values() if one.path is not None]
        share = sum(one.weight for one in seen) / max(1e-9, sum(one.weight for one in self._viewed.values()))
        return Workload(
            tuple(self._asked), tuple(self._viewed.values()), self._failing, self._told, share, self.footage
        )

    def _chosen(self, run: TaskRun) -> tuple[Sequence[Sample], float]:
        """Return the samples that are looked at, and how many each stands for."""
        samples = run.selection.samples
        if self.hours is not None:
            return samples[:1], self.hours * 3600 / self.footage.seconds
        if len(samples) > self.most:
            chosen = [samples[i * len(samples) // self.most] for i in range(self.most)]
            return chosen, len(samples) / self.most
        return samples, 1.0

    def _add(self, run: TaskRun, sample: Sample, weight: float) -> None:
        try:
            for path, plan, shown, times in self._views(run, sample):
                if shown is not None:
                    key = (self._name(path, sample), plan)
                    self._viewed.setdefault(key, Viewed(path, plan, shown, weight * times))
                self._ask(run, sample, path, plan, shown, weight * times)
        except (VideoError, ValueError) as error:
            reason = type(error).__name__ if isinstance(error, VideoError) else str(error)
            self._failing[reason] = self._failing.get(reason, 0.0) + weight * run.turns

    def _views(self, run: TaskRun, sample: Sample) -> Iterator[tuple[Path | None, str, Shown | None, int]]:
        """Yield video, plan and frames of each request about a sample, and how many requests are like it."""
        if not self.model.reads_video or not asks_video(self._request(run, sample, 0, None, run.frames)):
            yield None, run.frames, None, 1
            return
        path = None if self.hours is not None else run.selection.dataset.find_video(sample)
        plan, times = run.frames, 1
        if self.windows is not None and run.kind.name in ANSWERED:
            length = self.footage.seconds if path is None else self.clips.probe(path).duration
            windows = self.windows.of(length)
            plan, times = frames_within(plan, windows[len(windows) // 2]), len(windows)
        yield path, plan, self._shown(path, plan, sample), times

    def _shown(self, path: Path | None, plan: str, sample: Sample) -> Shown:
        if path is not None:
            known = self._viewed.get((self._name(path, sample), plan))
            return known.shown if known else self.clips.look(path, plan)
        told = sample.fields if self.hours is None else {}
        return self.footage.shown(plan, _number(told.get("duration")), _number(told.get("fps")))

    def _name(self, path: Path | None, sample: Sample) -> str:
        """Return what tells a video from others; all footage of which only the hours are known is one."""
        return str(path) if path else sample.video if self.hours is None else ""

    def _ask(
        self, run: TaskRun, sample: Sample, path: Path | None, plan: str, shown: Shown | None, weight: float
    ) -> None:
        said = 0.0
        for turn in range(run.turns):
            length = self.lengths.of(run.task.name, run.kind.name, run.style, turn, run.generation.max_new_tokens)
            self._told[run.task.name] = length.told
            request = self._request(run, sample, turn, path, plan)
            size, output = PromptSize(0), 0.0
            if self.counter is not None:
                size, output = self.counter.size(request, shown), length.tokens
            self._asked.append(
                Asked(
                    task=run.task.name,
                    sample_id=sample.id,
                    turn=turn,
                    text=size.text + said,
                    visual=size.visual,
                    pictures=size.pictures,
                    output=output,
                    weight=weight,
                )
            )
            said += output

    def _request(self, run: TaskRun, sample: Sample, turn: int, path: Path | None, plan: str) -> Request:
        """Return the request without what the model would have said before."""
        return Request(
            key="",
            task=run.task.name,
            kind=run.kind.name,
            style=run.style,
            turn=turn,
            sample=sample,
            messages=run.task.messages(run.kind, sample, run.style, ("",) * turn),
            generation=run.generation,
            video=path,
            plan=plan,
            choices=run.kind.choices(sample),
        )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
