"""A baseline that sees, without training and without a network: what moves unusually in front of a still background.

A clip becomes cells that are covered or not (`motion_scene`), cells that are covered become things that stay
(`motion_stays`), and a handful of cues say how unusual each is (`motion_cues`). The clearest finding is the answer,
if it is clear enough. There is nothing learnt: the limits of the cues were set by hand on the `train` split of
VAU-Synth and can be read where they are used. It knows nothing of what it sees, so it can say when, never what.

It is made for a camera that stands still. Of a clip that is cut to the event, shows titles or follows what happens it
sees little, and what stays for more than half of a shot is background to it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from vau_bench.errors import VideoError, VideoMissingError
from vau_bench.kinds.detection import write_scores
from vau_bench.models.base import Model, ModelConfig
from vau_bench.models.motion_cues import Finding, findings
from vau_bench.models.motion_scene import Scene, see
from vau_bench.parsing import write_interval, write_label, write_think
from vau_bench.records import ANOMALY, JSON, NORMAL, Outcome, Request, Response, Segment, Usage

if TYPE_CHECKING:
    from vau_bench.video import Clip

REVISION = 1
"""Raise it when the same frames may get another answer."""

ANSWERED = ("grounding", "classification", "detection", "verdict")
"""Kinds of task that this can answer."""


class MotionConfig(ModelConfig):
    """Arguments of the `motion` model."""

    threshold: float = Field(
        0.3,
        ge=0,
        le=1,
        description="score from which the clearest finding is an anomaly: roughly how often such a finding is "
        "right, so lower values miss less and raise more false alarms",
    )


class Motion(Model[MotionConfig]):
    """Answers grounding, classification and detection tasks by what moves; refuses what asks for words."""

    Config: ClassVar[type[ModelConfig]] = MotionConfig
    summary: ClassVar[str] = "what moves unusually: classical, nothing learnt, says when but not what"
    frames: str | None = "fps(8, max=480) short_side=60"

    def identity(self) -> dict[str, JSON]:
        """Return the arguments, and the revision of what they apply to."""
        return {**super().identity(), "revision": REVISION}

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:  # noqa: D102
        for treat, group in groupby(requests, _treatment):
            if treat == "see":
                for request, clip in self.clips.stream(group, _locate):
                    yield self._respond(request, clip)
            else:
                yield from map(_unseen, group)

    def _respond(self, request: Request, clip: Clip | VideoError) -> Response:
        if isinstance(clip, VideoError):
            missing = isinstance(clip, VideoMissingError)
            return request.failure(Outcome.MISSING if missing else Outcome.ERRORED, str(clip))
        start = time.perf_counter()
        with self.clips.profile.at("generate"):
            scene = see(clip.frames, clip.times, clip.info.duration)
            text = answer(request.kind, request.style, scene, findings(scene), self.config.threshold)
        usage = Usage(seconds=time.perf_counter() - start)
        return request.answer(text, seen=clip.seen(), usage=usage)


def answer(kind: str, style: str, scene: Scene, found: list[Finding], threshold: float) -> str:
    """Return the answer in the response grammar; with what was measured before it, unless the style is `direct`.

    Args:
        kind: one of `ANSWERED`; of `detection` every finding is told with its score.
        style: of the prompt.
        scene: that was looked at.
        found: in it, the clearest first.
        threshold: score from which a finding is an anomaly.
    """
    best = found[0] if found and found[0].score >= threshold else None
    if kind == "detection":
        said = write_scores(tuple((*_written(finding.segment), finding.score) for finding in found))
    elif kind == "grounding":
        said = write_interval(_written(best.segment) if best else None)
    else:
        said = write_label(ANOMALY if best else NORMAL)
    return said if style == "direct" else write_think(rationale(scene, found, threshold), said)


def rationale(scene: Scene, found: list[Finding], threshold: float) -> str:
    """Return what was measured, in sentences."""
    told = [
        f"{len(scene.times)} frames of {scene.end:.1f} s: on average {scene.present.mean():.1%} of the picture is off "
        f"its background, and {scene.changed.mean():.1%} changes from one frame to the next."
    ]
    for finding in found[:2]:
        start, end = _written(finding.segment)
        told.append(f"From {start} s to {end} s: {finding.told} ({finding.cue}, score {finding.score:.2f}).")
    if not found:
        told.append("Nothing in it is unusual.")
    elif found[0].score < threshold:
        told.append(f"An anomaly would score {threshold:g} at least.")
    return " ".join(told)


def _written(segment: Segment) -> Segment:
    """Return the segment in hundredths of a second: no frame is known more closely."""
    start = round(segment.start, 2)
    return Segment(start, max(round(segment.end, 2), start + 0.01))


def _treatment(request: Request) -> str:
    if request.kind not in ANSWERED:
        return "refuse"
    return "see" if request.video is not None else "miss"


def _unseen(request: Request) -> Response:
    if _treatment(request) == "refuse":
        return request.failure(
            Outcome.REFUSED, f"motion can say when something happens, not answer a {request.kind} question"
        )
    return request.failure(Outcome.MISSING, f"no file for video {request.sample.video!r}")


def _locate(request: Request) -> tuple[Path, str]:
    assert request.video is not None
    return request.video, request.plan
