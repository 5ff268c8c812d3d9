"""vau_synth: short surveillance-like clips made by code, with exact ground truth.

>>> from vau_bench.synth import samples, scene_at, render
>>> samples("test", 200)[7].target.label
>>> render(scene_at("test", 7), size=(84, 84), fps=1).shape
(16, 84, 84, 3)
"""

from vau_bench.synth.dataset import DEFAULT_COUNTS, labels_at, sample_id, sample_of, samples
from vau_bench.synth.files import ensure_videos
from vau_bench.synth.language import Annotation, annotate
from vau_bench.synth.render import FPS, SIZE, frame_times, render, render_at
from vau_bench.synth.scene import scene_at
from vau_bench.synth.state import (
    CLASSES,
    DIFFICULTIES,
    GENERATOR_VERSION,
    LOOKALIKE,
    PLACES,
    Happening,
    Scene,
    SynthParams,
)

__all__ = [
    "CLASSES",
    "DEFAULT_COUNTS",
    "DIFFICULTIES",
    "FPS",
    "GENERATOR_VERSION",
    "LOOKALIKE",
    "PLACES",
    "SIZE",
    "Annotation",
    "Happening",
    "Scene",
    "SynthParams",
    "annotate",
    "ensure_videos",
    "frame_times",
    "labels_at",
    "render",
    "render_at",
    "sample_id",
    "sample_of",
    "samples",
    "scene_at",
]
