"""Pixels: the same bytes everywhere, a pure function of scene, time and size, and the event is in them."""

import dataclasses
import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.synth import CLASSES, SynthParams, frame_times, render, render_at, scene_at
from vau_bench.synth.colours import HIGH, LOW
from vau_bench.synth.design import cell
from vau_bench.synth.figures import PHASES, person
from vau_bench.synth.render import Camera
from vau_bench.synth.sprites import OPAQUE, colour, paste, puff, rasterise

SMALL = (84, 84)
DIGESTS = {
    ("small", 0): "92ab5f09010ec9e2712d00046ec5c0b8",
    ("small", 1): "be2d44e8358f9052572361e2f83e2df4",
    ("small", 21): "387310aea4dd7b32ce207bfba1a32033",
    ("small", 64): "ca9226cedd7386b78885d4132c629032",
    ("large", "Fire"): "3df6d0433d057f5a0320b36ea9872fc8",
    ("large", "Explosion"): "00996e8edf429e50335883207d9b9304",
    ("large", "Fall"): "12e7d08e534fcd7647c62a57d6bb7287",
    ("large", "Fight"): "eac8d62f3ca1f90bfa450c1bdfac7fba",
    ("large", "Intrusion"): "8b823d0aea6dea93ba048afa670b23bb",
    ("large", "Wrong-way"): "97c2f5de7593e27f5acb74676366a158",
    ("large", "Collision"): "97e2f86dec9ca3f9acb25b1989e63420",
    ("large", "Abandoned object"): "2173a8ed4fd7a4b145cc8dad8d8b54cd",
}


def digest(frames):
    return hashlib.sha256(np.ascontiguousarray(frames).tobytes()).hexdigest()[:32]


def first_event(name):
    index = next(i for i in range(200) if (c := cell("test", 0, i)).anomalous and c.pair[0] == name)
    return scene_at("test", index)


@pytest.mark.parametrize("index", [0, 1, 21, 64])
def test_small_clips_have_the_pinned_bytes(index):
    assert digest(render(scene_at("test", index), size=SMALL, fps=1)) == DIGESTS["small", index]


@pytest.mark.parametrize("name", CLASSES)
def test_large_frames_have_the_pinned_bytes(name):
    scene = first_event(name)
    assert digest(render_at(scene, [0.0, scene.event.start + 0.3, scene.event.end])) == DIGESTS["large", name]


def test_shapes_and_times():
    scene = scene_at("test", 5)
    assert render(scene, size=SMALL, fps=1).shape == (16, 84, 84, 3)
    assert render_at(scene, [1.0, 2.0], (96, 64)).shape == (2, 64, 96, 3)
    assert frame_times(scene)[:3] == [0.0, 0.1, 0.2] and len(frame_times(scene)) == 160


@settings(max_examples=12, deadline=None)
@given(index=st.integers(0, 5000), times=st.lists(st.integers(0, 159), min_size=2, max_size=4))
def test_a_frame_depends_on_its_time_alone(index, times):
    scene = scene_at("train", index)
    seconds = [t / 10 for t in times]
    together = render_at(scene, seconds, SMALL)
    for frame, t in zip(together, seconds, strict=True):
        assert np.array_equal(frame, render_at(scene, [t], SMALL)[0])


def test_both_rates_show_the_same_instant():
    scene = scene_at("test", 3)
    slow, fast = render(scene, size=SMALL, fps=1), render(scene, size=SMALL, fps=10)
    assert np.array_equal(slow, fast[::10])


def test_both_sizes_show_the_same_picture():
    scene = dataclasses.replace(scene_at("test", 3))
    large = render_at(scene, [4.0])[0].astype(float)
    small = render_at(scene, [4.0], (112, 84))[0].astype(float)
    reduced = large.reshape(84, 4, 112, 4, 3).mean(axis=(1, 3))
    assert np.corrcoef(reduced.ravel(), small.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("name", ["Fire", "Explosion"])
def test_fire_and_smoke_are_there_exactly_during_the_segment(name):
    scene = first_event(name)
    (effect,) = (e for e in scene.effects if e.kind in ("fire", "blast"))
    without = dataclasses.replace(scene, effects=tuple(e for e in scene.effects if e is not effect))
    times = [i / 10 for i in range(160)]
    shown, missing = render_at(scene, times, SMALL), render_at(without, times, SMALL)
    changed = [t for t, a, b in zip(times, shown, missing, strict=True) if not np.array_equal(a, b)]
    assert changed == [t for t in times if effect.start <= t < effect.end]
    assert (effect.start, effect.end) == scene.segment


@pytest.mark.parametrize("name", CLASSES)
def test_the_anomaly_covers_a_part_of_a_small_picture(name):
    """Compared with an empty scene, moving things in the middle of the event cover some pixels."""
    scene = first_event(name)
    empty = dataclasses.replace(scene, actors=(), effects=())
    middle = [(scene.event.start + scene.event.end) / 2]
    differs = (render_at(scene, middle, SMALL) != render_at(empty, middle, SMALL)).any(axis=-1)
    assert differs.sum() > 40


def test_people_are_an_eighth_of_the_picture_high_or_more():
    for level in (0.0, 0.4, 1.0):
        params = SynthParams(difficulty=level)
        scene = scene_at("test", 0, params=params)
        camera = Camera(scene, 448, 336)
        heights = []
        for actor in scene.actors:
            if actor.shape != "person":
                continue
            pose = camera.pose(actor, (actor.keys[0].t + actor.keys[1].t) / 2)
            if pose:
                heights.append(camera._mask(actor, pose, 0.0)[0].weights.shape[0] / 336)
        assert heights and min(heights) >= 0.12


def test_clean_frames_leave_room_for_noise():
    for index in range(12):
        scene = scene_at("train", index)
        quiet = dataclasses.replace(scene, look=dataclasses.replace(scene.look, noise=0.0, drift=0.0))
        frames = render(quiet, size=SMALL, fps=1)
        assert frames.min() >= LOW - 2 and frames.max() <= HIGH + 2


def test_noise_has_the_deviation_of_the_look():
    scene = scene_at("test", 0, params=SynthParams(difficulty="hard"))
    still = dataclasses.replace(scene, actors=(), effects=(), look=dataclasses.replace(scene.look, drift=0.0))
    frames = render(still, size=SMALL, fps=1).astype(float)
    assert abs(frames.std(axis=0).mean() - scene.look.noise) < 0.6


def test_harder_is_noisier_paler_and_busier():
    easy, hard = (
        [scene_at("train", i, params=SynthParams(difficulty=level)) for i in range(60)] for level in ("easy", "hard")
    )
    assert np.mean([s.look.noise for s in hard]) > np.mean([s.look.noise for s in easy]) + 1
    assert hard[0].look.contrast < easy[0].look.contrast
    assert sum(len(s.actors) for s in hard) > sum(len(s.actors) for s in easy)
    assert sum(len(s.distractors) for s in hard) > sum(len(s.distractors) for s in easy)


def test_a_sprite_is_cut_at_the_edges_of_the_frame():
    sprite = colour(rasterise(person("walk", 2), 7, 40, 1.0, False), np.full((7, 3), 200, np.uint16))
    for x, y in ((-100, 10), (0, 0), (31, 31), (200, 200)):
        frame = np.full((32, 32, 3), 50, np.uint8)
        paste(frame, sprite, x, y)
        puff(frame, x, y, (9, 5), (60, 60, 60), 0.5)
        assert frame.min() >= 50 and frame.max() <= 200


@pytest.mark.parametrize("action", ["walk", "run", "stand", "talk", "fight", "crouch", "bend", "fall", "rise", "lie"])
def test_weights_never_exceed_opaque_and_mirror(action):
    for phase in range(PHASES):
        right, left = (rasterise(person(action, phase, True, True), 7, 30, 1.0, mirror) for mirror in (False, True))
        assert right.weights.sum(axis=-1).max() == OPAQUE
        assert np.array_equal(right.weights, left.weights[:, ::-1])


def test_walking_moves_the_legs():
    masks = [rasterise(person("walk", phase), 7, 40, 1.0, False).weights.sum(axis=-1) for phase in (0, 3)]
    assert masks[0].shape != masks[1].shape or not np.array_equal(*masks)


@pytest.mark.benchmark
def test_time_of_rendering(capsys):
    from time import perf_counter

    began = perf_counter()
    for index in range(60):
        frames = render(scene_at("train", index), size=SMALL, fps=1)
    small = (perf_counter() - began) / 60
    began = perf_counter()
    render(scene_at("test", 2))
    large = perf_counter() - began
    with capsys.disabled():
        print(f"\nsynth: {1000 * small:.1f} ms a clip of 16 x 84 x 84, {1000 * large:.0f} ms of 160 x 448 x 336")
    assert frames.any()
