"""The `motion` model: finds when something unusual moves, and is not fooled by noise, light, cuts or clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vau_bench.errors import VideoError, VideoMissingError, VideoUnreadableError
from vau_bench.kinds.grounding import best_constant_interval
from vau_bench.metrics.grounding import tiou
from vau_bench.models import create_model
from vau_bench.models.motion import Motion, MotionConfig, answer, rationale
from vau_bench.models.motion_cues import Ramp, best_stretch, findings
from vau_bench.models.motion_scene import ROWS, cuts, pooled, see
from vau_bench.models.motion_stays import bridged, linked, runs
from vau_bench.parsing import parse_grammar, parse_interval, parse_label
from vau_bench.profiling import Profile
from vau_bench.records import ANOMALY, NORMAL, Generation, Message, Outcome, Request, Sample, Segment, Target
from vau_bench.synth import SynthParams
from vau_bench.synth.render import render_at
from vau_bench.synth.scene import scene_at
from vau_bench.video import Clip, VideoInfo, parse_plan

Frames = NDArray[np.uint8]

FPS = 8.0
SECONDS = 12.0
TIMES = tuple(k / FPS for k in range(int(SECONDS * FPS)))


def street(height: int = 60, width: int = 80, *, noise: float = 1.0, seed: int = 0, seconds: float = SECONDS) -> Frames:
    """Return an empty scene of large blocks of grey, the same picture at any size, under camera noise."""
    rng = np.random.default_rng(seed)
    blocks = np.random.default_rng(99).integers(60, 180, (6, 8, 3))
    picture = blocks[np.arange(height)[:, None] * 6 // height, np.arange(width)[None] * 8 // width]
    frames = picture + rng.normal(0, noise, (int(seconds * FPS), height, width, 1))
    return np.clip(frames.round(), 0, 255).astype(np.uint8)


def with_runner(frames: Frames, start: float, end: float, *, speed: float = 4.0) -> Frames:
    """Let a black square, a fifth of the picture high, run to and fro from `start` to `end`."""
    frames = frames.copy()
    n, height, width, _ = frames.shape
    side = height // 5
    for k in range(n):
        t = k / FPS
        if start <= t < end:
            x = int((0.5 + 0.35 * np.sin(speed * (t - start))) * (width - side))
            frames[k, height // 2 : height // 2 + side, x : x + side] = 10
    return frames


def clip_of(frames: Frames, path: str = "a.mp4", fps: float = FPS) -> Clip:
    n, height, width, _ = frames.shape
    info = VideoInfo(Path(path), 1, n / fps, n, width, height, fps, "h264", 0, False)
    return Clip(frames, tuple(range(n)), tuple(k / fps for k in range(n)), info)


def said(frames: Frames, fps: float = FPS, threshold: float = 0.3) -> Segment | None:
    """Return the interval that the model answers with, `None` for Normal."""
    clip = clip_of(frames, fps=fps)
    scene = see(clip.frames, clip.times, clip.info.duration)
    parsed = parse_interval(answer("grounding", "direct", scene, findings(scene), threshold))
    assert parsed is not None and parsed.value.valid is not None and not parsed.value.flags
    return parsed.value.valid[0] if parsed.value.valid else None


class Clips:
    """A loader of made clips that counts what it loads."""

    def __init__(self, **clips: Clip | VideoError) -> None:
        self.clips = clips
        self.loaded: list[str] = []
        self.profile = Profile()

    def stream(self, items: Iterable[Any], locate: Callable[[Any], tuple[Path, str]]) -> Iterator[tuple[Any, Any]]:
        for item in items:
            path, plan = locate(item)
            parse_plan(plan)
            self.loaded.append(path.stem)
            yield item, self.clips[path.stem]


def request(id: str, *, kind: str = "grounding", style: str = "direct", video: str | None = "a") -> Request:
    return Request(
        key=f"key-{id}",
        task="t",
        kind=kind,
        style=style,
        turn=0,
        sample=Sample(id, f"{video}.mp4", id, Target()),
        messages=(Message("user", "When?", video=True),),
        generation=Generation(),
        video=None if video is None else Path(f"{video}.mp4"),
        plan=Motion.frames or "",
    )


def model(clips: Clips, **config: Any) -> Motion:
    return Motion(MotionConfig(**config), clips)  # type: ignore[arg-type]


class TestFindsWhatIsUnusual:
    @pytest.mark.parametrize("start", [2.0, 4.5, 7.0])
    def test_a_runner_is_found_when_it_is_there(self, start: float) -> None:
        found = said(with_runner(street(), start, start + 3))
        assert found is not None
        assert found.start == pytest.approx(start, abs=0.75)
        assert found.end == pytest.approx(start + 3, abs=0.75)

    @pytest.mark.parametrize("height", [60, 120, 240, 360])
    def test_the_answer_does_not_depend_on_the_size_of_the_frames(self, height: int) -> None:
        found = said(with_runner(street(height, height * 4 // 3), 4.0, 7.0))
        assert found is not None
        assert tiou(np.array(found), np.array([4.0, 7.0])) > 0.7

    def test_a_portrait_picture_is_as_good(self) -> None:
        found = said(with_runner(street(80, 60), 4.0, 7.0))
        assert found is not None
        assert tiou(np.array(found), np.array([4.0, 7.0])) > 0.6

    def test_a_flickering_fire_is_found_to_the_frame(self) -> None:
        frames = street()
        rng = np.random.default_rng(1)
        for k in range(32, 64):
            flames = rng.integers(0, 2, (16, 14, 1)) * np.array([60, 100, 20])
            frames[k, 20:36, 30:44] = np.array([190, 90, 20]) + flames
        assert said(frames) == Segment(4.0, 8.0)

    def test_a_bag_that_is_left_is_found_to_the_frame(self) -> None:
        frames = street()
        frames[32:72, 40:44, 30:34] = (200, 20, 20)
        assert said(frames) == Segment(4.0, 9.0)

    def test_noise_does_not_hide_a_runner(self) -> None:
        found = said(with_runner(street(noise=6.0), 4.0, 7.0))
        assert found is not None
        assert tiou(np.array(found), np.array([4.0, 7.0])) > 0.7


class TestIsNotFooled:
    def test_a_still_scene_is_normal(self) -> None:
        assert said(street(noise=0.0)) is None

    @settings(max_examples=10, deadline=None)
    @given(noise=st.floats(0.5, 12.0), seed=st.integers(0, 100))
    def test_noise_is_normal(self, noise: float, seed: int) -> None:
        assert said(street(noise=noise, seed=seed)) is None

    @pytest.mark.parametrize("gain", [0.0, 0.15])
    def test_drifting_light_is_normal(self, gain: float) -> None:
        light = np.sin(np.arange(96) / 12)[:, None, None, None]
        frames = street().astype(float) * (1 + gain * light) + 15 * light
        assert said(np.clip(frames, 0, 255).astype(np.uint8)) is None

    def test_a_sudden_change_of_light_is_normal(self) -> None:
        frames = street().astype(float)
        frames[40:70] *= 0.7
        assert said(frames.astype(np.uint8)) is None

    def test_a_cut_to_another_scene_is_normal(self) -> None:
        frames = street()
        frames[48:] = 255 - frames[48:, ::-1, ::-1]
        assert cuts(pooled(frames), 8) == (0, 48)
        assert said(frames) is None

    def test_a_runner_is_found_in_the_second_of_two_shots(self) -> None:
        first, second = street(seconds=8), with_runner(street(seconds=12, seed=1), 5.0, 8.0)
        found = said(np.concatenate([first, 255 - second]))
        assert found is not None
        assert tiou(np.array(found), np.array([13.0, 16.0])) > 0.7

    def test_a_flash_is_no_cut(self) -> None:
        frames = street()
        frames[50:52] = 255
        assert cuts(pooled(frames), 8) == (0,)

    def test_a_running_clock_is_normal(self) -> None:
        frames = street()
        digits = np.random.default_rng(3).integers(0, 2, (96, 3, 8, 1)) * 255
        frames[:, 2:5, 60:68] = digits
        assert said(frames) is None

    def test_a_clock_does_not_hide_a_runner(self) -> None:
        frames = with_runner(street(), 4.0, 7.0)
        frames[:, 2:5, 60:68] = np.random.default_rng(3).integers(0, 2, (96, 3, 8, 1)) * 255
        found = said(frames)
        assert found is not None
        assert tiou(np.array(found), np.array([4.0, 7.0])) > 0.7

    def test_a_walker_who_passes_all_the_time_is_normal(self) -> None:
        frames = street()
        for k in range(96):
            x = int(k * 0.5 % 76)
            frames[k, 30:40, x : x + 4] = 10
        assert said(frames) is None

    def test_a_camera_that_turns_is_no_motion(self) -> None:
        frames = street()
        wide = np.tile(frames[0], (1, 2, 1))
        for k in range(48, 96):
            shift = min(40, k - 48)
            frames[k] = wide[:, shift : shift + 80]
        scene = see(frames, TIMES, SECONDS)
        assert scene.present[70:].mean() < 0.1


class TestHostileClips:
    @pytest.mark.parametrize("n", [1, 2, 3, 5])
    def test_a_few_frames_are_normal(self, n: int) -> None:
        rng = np.random.default_rng(0)
        assert said(rng.integers(0, 256, (n, 60, 80, 3), dtype=np.uint8)) is None

    @pytest.mark.parametrize("level", [0, 128, 255])
    def test_constant_frames_are_normal(self, level: int) -> None:
        assert said(np.full((40, 60, 80, 3), level, np.uint8)) is None

    @pytest.mark.parametrize("size", [(2, 2), (4, 300), (300, 4), (61, 61), (8, 8)])
    def test_any_shape_of_frames_will_do(self, size: tuple[int, int]) -> None:
        assert said(np.full((40, *size, 3), 90, np.uint8)) is None

    @pytest.mark.parametrize("fps", [0.5, 2.0, 30.0, 240.0])
    def test_any_rate_of_frames_will_do(self, fps: float) -> None:
        assert said(street(), fps=fps) is None

    @settings(max_examples=15, deadline=None)
    @given(
        n=st.integers(1, 40),
        height=st.integers(2, 40),
        width=st.integers(2, 40),
        seed=st.integers(0, 1000),
        fps=st.sampled_from([0.2, 1.0, 8.0, 25.0]),
    )
    def test_whatever_is_answered_lies_in_the_clip(
        self, n: int, height: int, width: int, seed: int, fps: float
    ) -> None:
        frames = np.random.default_rng(seed).choice([0, 90, 255], (n, height, width, 3), p=[0.02, 0.96, 0.02])
        found = said(frames.astype(np.uint8), fps=fps, threshold=0.0)
        assert found is None or 0 <= found.start < found.end <= n / fps + 0.011

    def test_uneven_times_are_taken_as_they_are(self) -> None:
        times = tuple(t + 0.05 * (k % 2) for k, t in enumerate(TIMES))
        scene = see(with_runner(street(), 4.0, 7.0), times, SECONDS)
        best = findings(scene)[0].segment
        assert tiou(np.array(best), np.array([4.0, 7.0])) > 0.7

    def test_the_frames_are_left_as_they_were(self) -> None:
        frames = with_runner(street(), 4.0, 7.0)
        before = frames.copy()
        said(frames)
        assert (frames == before).all()


class TestParts:
    def test_runs_are_the_unbroken_coverings_of_each_cell(self) -> None:
        present = np.zeros((5, 1, 2), bool)
        present[[0, 1, 3], 0, 0] = True
        present[4, 0, 1] = True
        found = runs(present)
        assert list(zip(*(part.tolist() for part in found), strict=True)) == [(0, 0, 2), (0, 3, 4), (1, 4, 5)]

    @given(st.integers(0, 1000))
    @settings(max_examples=25, deadline=None)
    def test_the_voxels_of_the_runs_are_what_is_present(self, seed: int) -> None:
        present = np.random.default_rng(seed).random((9, 3, 4)) < 0.5
        _, frame, cell = runs(present).voxels()
        again = np.zeros_like(present)
        again.reshape(9, -1)[frame, cell] = True
        assert (again == present).all()
        assert len(frame) == present.sum()

    def test_short_gaps_are_bridged_within_a_cell_only(self) -> None:
        present = np.zeros((8, 1, 2), bool)
        present[[0, 2, 7], 0, 0] = True
        present[0, 0, 1] = True
        joined = bridged(runs(present), 1)
        assert joined.start.tolist() == [0, 7, 0]
        assert joined.stop.tolist() == [3, 8, 1]

    def test_runs_are_linked_when_they_touch_in_space_and_overlap_in_time(self) -> None:
        present = np.zeros((6, 3, 3), bool)
        present[0:4, 0, 0] = True
        present[3:6, 1, 1] = True  # touches by its corner, overlaps
        present[0:2, 1, 2] = True  # touches, but is over before
        found = runs(present)
        groups = dict(zip(found.cell.tolist(), linked(found, present.shape).tolist(), strict=True))
        assert groups[0] == groups[4] != groups[5]

    @given(st.lists(st.integers(-5, 5), min_size=1, max_size=12))
    def test_the_best_stretch_has_the_largest_sum(self, values: list[int]) -> None:
        gain = np.array(values, float)
        found = best_stretch(gain)
        sums = [gain[i:j].sum() for i in range(len(values)) for j in range(i + 1, len(values) + 1)]
        if max(sums) <= 0:
            assert found is None
        else:
            assert found is not None
            assert gain[slice(*found)].sum() == pytest.approx(max(sums))

    def test_a_ramp_runs_from_0_to_1_either_way(self) -> None:
        up, down = Ramp(1.0, 3.0), Ramp(3.0, 1.0)
        assert [up(0), up(2), up(9)] == [0.0, 0.5, 1.0]
        assert [down(0), down(2), down(9)] == [1.0, 0.5, 0.0]

    def test_large_frames_become_means_of_blocks(self) -> None:
        frames = np.random.default_rng(0).integers(0, 256, (2, 150, 200, 3), dtype=np.uint8)
        small = pooled(frames)
        assert small.shape == (2, 75, 100, 3)
        assert small.shape[1] >= ROWS
        assert small[1, 3, 4] == pytest.approx(frames[1, 6:8, 8:10].mean((0, 1)))


class TestModel:
    def test_it_is_found_by_its_name_and_documents_its_arguments(self) -> None:
        made = create_model("motion", {"threshold": "0.4"}, Clips())  # type: ignore[arg-type]
        assert isinstance(made, Motion)
        assert made.config.threshold == 0.4
        assert all(field.description for field in MotionConfig.model_fields.values())
        assert made.identity().keys() == {"threshold", "revision"}

    def test_its_frame_plan_is_one_and_bounds_the_frames_of_a_long_video(self) -> None:
        assert Motion.frames is not None
        plan = parse_plan(Motion.frames)
        chosen = plan.pick(np.arange(0, 7200, 0.04), 7200.0)
        assert len(chosen) <= 480
        assert min(plan.fit(1920, 1080)) == ROWS

    def test_it_answers_in_the_words_of_each_kind(self) -> None:
        clips = Clips(a=clip_of(with_runner(street(), 4.0, 7.0)), b=clip_of(street()))
        asked = [request(f"{k}{v}", kind=k, video=v) for k in ("grounding", "classification") for v in "ab"]
        texts = {r.sample_id: r.text for r in model(clips).generate(asked)}
        assert texts["groundinga"].startswith("<answer>Anomaly</answer><glue>[")
        assert texts["groundingb"] == "<answer>Normal</answer><glue>[-1.0, -1.0]</glue>"
        assert texts["classificationa"] == "<answer>Anomaly</answer>"
        assert texts["classificationb"] == "<answer>Normal</answer>"
        label = parse_label(texts["classificationa"], ["Fire"])
        assert label is not None and label.value == ANOMALY != NORMAL

    def test_a_response_records_what_was_seen_and_how_long_it_took(self) -> None:
        clip = clip_of(street())
        (response,) = model(Clips(a=clip)).generate([request("s")])
        assert response.outcome is Outcome.SCORED
        assert response.seen == clip.seen()
        assert response.usage is not None and (response.usage.seconds or 0) > 0

    @pytest.mark.parametrize("style", ["think", "reflect"])
    @pytest.mark.parametrize("video", ["a", "b"])
    def test_asked_to_think_it_says_what_it_measured(self, style: str, video: str) -> None:
        clips = Clips(a=clip_of(with_runner(street(), 4.0, 7.0)), b=clip_of(street()))
        (direct,) = model(clips).generate([request("s", video=video)])
        (thought,) = model(clips).generate([request("s", style=style, video=video)])
        read = parse_grammar(thought.text)
        assert read.well_formed and read.style == "think"
        assert "96 frames of 12.0 s" in (read.last.think or "")
        assert thought.text.endswith(direct.text)

    def test_the_rationale_names_what_falls_short(self) -> None:
        scene = see(with_runner(street(), 4.0, 7.0), TIMES, SECONDS)
        assert "at least" in rationale(scene, findings(scene), 1.0)
        assert "unusual" in rationale(scene, [], 0.3)

    @pytest.mark.parametrize("kind", ["mcq", "reasoning"])
    def test_it_refuses_what_it_cannot_answer_without_looking(self, kind: str) -> None:
        clips = Clips()
        (response,) = model(clips).generate([request("s", kind=kind)])
        assert response.outcome is Outcome.REFUSED
        assert kind in (response.error or "")
        assert clips.loaded == []

    def test_a_broken_or_absent_video_costs_its_sample_alone(self) -> None:
        clips = Clips(
            a=clip_of(street()),
            broken=VideoUnreadableError("broken.mp4 is damaged"),
            gone=VideoMissingError("no video gone.mp4"),
        )
        asked = [request(str(v), video=v) for v in ("broken", "a", "gone", None)]
        responses = {r.sample_id: r for r in model(clips).generate(asked)}
        assert {k: r.outcome for k, r in responses.items()} == {
            "broken": Outcome.ERRORED,
            "a": Outcome.SCORED,
            "gone": Outcome.MISSING,
            "None": Outcome.MISSING,
        }
        assert responses["broken"].error == "broken.mp4 is damaged"

    def test_mixed_requests_get_one_response_each(self) -> None:
        clips = Clips(a=clip_of(street()))
        asked = [request(str(k), kind=("mcq", "grounding", "classification")[k % 3]) for k in range(7)]
        assert [r.sample_id for r in model(clips).generate(iter(asked))] == [str(k) for k in range(7)]

    def test_the_same_clip_gets_the_same_answer(self) -> None:
        clips = Clips(a=clip_of(with_runner(street(), 4.0, 7.0)))
        texts = [r.text for r in model(clips).generate([request(str(k), style="think") for k in range(3)])]
        assert len(set(texts)) == 1

    def test_the_threshold_decides_what_is_an_anomaly(self) -> None:
        clips = Clips(a=clip_of(with_runner(street(), 4.0, 7.0)))
        (strict,) = model(clips, threshold=1.0).generate([request("s")])
        assert "Normal" in strict.text


def test_on_drawn_clips_it_beats_the_best_constant_interval() -> None:
    params = SynthParams()
    scenes = [s for s in (scene_at("val", k, params=params) for k in range(40)) if s.segment]
    scores = []
    for scene in scenes:
        times = [k / FPS for k in range(int(scene.seconds * FPS))]
        frames = render_at(scene, times, (160, 120))
        found = said(frames)
        assert scene.segment is not None
        scores.append(float(tiou(np.array(found), np.array(scene.segment))) if found else 0.0)
    truth = [s.segment for s in scenes if s.segment]
    constant = best_constant_interval(truth)
    assert constant is not None
    blind = np.mean([float(tiou(np.array(constant), np.array(segment))) for segment in truth])
    assert len(scores) == 20
    assert np.mean(scores) > blind + 0.1
