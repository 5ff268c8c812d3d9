"""Pixels of a scene: a pure function of the scene, the time and the size of the picture.

The noise is keyed by the scene and the time as well, so that any frame can be drawn alone. Two sizes show the same
event at the same times; the smaller one is not a resampled copy of the larger.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vau_bench.synth.background import background
from vau_bench.synth.colours import actor_palette
from vau_bench.synth.draws import mix, mix_unit, stream
from vau_bench.synth.effects import depth, draw_effect
from vau_bench.synth.figures import PHASES, person_mask, thing_mask, vehicle_mask
from vau_bench.synth.sprites import Image, Mask, Sprite, colour, paste, puff, shade
from vau_bench.synth.stage import ASPECT, person_height, vehicle_length
from vau_bench.synth.state import Actor, Scene

SIZE = (448, 336)
FPS = 10.0
_NOISE_STREAM = 5
_NOISE_ROOM = 32
_STRIDES = {"walk": 0.87, "run": 1.6}
_CYCLES = {"talk": 1.1, "fight": 2.4}


class Pose(NamedTuple):
    """An actor at one time."""

    x: float
    y: float
    action: str
    phase: int
    face: int
    carry: bool


def render(scene: Scene, *, size: tuple[int, int] = SIZE, fps: float = FPS) -> Image:
    """Draw the whole clip.

    Args:
        scene: what to draw.
        size: width and height in pixels.
        fps: frames a second; frame `i` shows the time `i / fps`.

    Returns:
        (frames, height, width, 3), RGB.
    """
    return render_at(scene, frame_times(scene, fps), size)


def frame_times(scene: Scene, fps: float = FPS) -> list[float]:
    """Return the times of the clip's frames, in seconds."""
    return [i / fps for i in range(round(scene.seconds * fps))]


def render_at(scene: Scene, times: Sequence[float], size: tuple[int, int] = SIZE) -> Image:
    """Draw the frames of these times, (len(times), height, width, 3), RGB."""
    width, height = size
    camera = Camera(scene, width, height)
    frames = np.empty((len(times), height, width, 3), np.uint8)
    for frame, t in zip(frames, times, strict=True):
        camera.shoot(t, frame)
    return frames


def pose_at(actor: Actor, t: float, tall: float = 0.2) -> Pose | None:
    """Return where an actor is and what it does, or `None` when it is not there.

    Args:
        actor: who.
        t: the time in seconds.
        tall: its height, in image heights; strides are in proportion to it.
    """
    keys = actor.keys
    if not keys[0].t <= t < keys[-1].t:
        return None
    i = bisect_right(keys, t, key=lambda key: key.t) - 1
    key, ahead = keys[i], keys[i + 1]
    u = (t - key.t) / (ahead.t - key.t)
    if key.action in ("brake", "jolt"):
        u = 1 - (1 - u) * (1 - u)
    elif key.action == "start":
        u = u * u
    x, y = key.x + u * (ahead.x - key.x), key.y + u * (ahead.y - key.y)
    phase = 0
    if key.action in _STRIDES:
        gone = abs(x - key.x) * ASPECT + abs(y - key.y)
        phase = int(gone / (tall * _STRIDES[key.action]) * PHASES) % PHASES
    elif key.action in _CYCLES:
        phase = int((t * _CYCLES[key.action] + (actor.seed & 7) / 8) * PHASES) % PHASES
    elif key.action in ("fall", "rise", "bend"):
        phase = int(u * PHASES)
    return Pose(x, y, key.action, phase, key.face, key.carry)


class Camera:
    """Draws one scene at one size; holds the empty scene, the coloured sprites and the noise."""

    def __init__(self, scene: Scene, width: int, height: int) -> None:
        self.scene = scene
        self.width, self.height = width, height
        self.squeeze = width / (height * ASPECT)
        self._empty = background(scene.place, scene.look, scene.props, width, height)
        self._noise = _noise_tile(scene.look.seed, scene.look.noise, width, height)
        self._palettes = [actor_palette(actor, scene.look) for actor in scene.actors]
        self._sprites: dict[tuple[int, int], Sprite] = {}
        self._effects = sorted(scene.effects, key=depth)

    def pose(self, actor: Actor, t: float) -> Pose | None:
        """Return where an actor is at a time and what it does, or `None` when it is not there."""
        return pose_at(actor, t, person_height(self.scene.params.level, actor.keys[0].y))

    def frame(self, t: float) -> Image:
        """Draw the frame of time `t`, (height, width, 3)."""
        out = np.empty((self.height, self.width, 3), np.uint8)
        self.shoot(t, out)
        return out

    def shoot(self, t: float, out: Image) -> None:
        """Draw the frame of time `t` into `out`, (height, width, 3)."""
        out[:] = self._empty
        queue: list[tuple[float, int, Pose | None]] = []
        for k, effect in enumerate(self._effects):
            if depth(effect) < 0:
                draw_effect(out, effect, t)
            else:
                queue.append((depth(effect), k, None))
        for k, actor in enumerate(self.scene.actors):
            pose = self.pose(actor, t)
            if pose is not None:
                queue.append((pose.y, k, pose))
        for _, k, pose in sorted(queue, key=lambda item: item[:2]):
            if pose is None:
                draw_effect(out, self._effects[k], t)
            else:
                self._act(out, k, pose, t)
        out += self._grain(t)

    def _act(self, out: Image, k: int, pose: Pose, t: float) -> None:
        actor = self.scene.actors[k]
        mask, reach = self._mask(actor, pose, t)
        x, y = int(pose.x * self.width), int(pose.y * self.height)
        paste(out, shade(int(reach * self.squeeze), reach // 5), x, y)
        sprite = self._sprites.get((k, id(mask)))
        if sprite is None:
            sprite = self._sprites[k, id(mask)] = colour(mask, self._palettes[k])
        paste(out, sprite, x, y)
        self._beacons(out, actor, pose, t)

    def _mask(self, actor: Actor, pose: Pose, t: float) -> tuple[Mask, int]:
        """Return the actor's shape and half the width of its shadow in pixels."""
        level = self.scene.params.level
        left = pose.face < 0
        if actor.shape == "person":
            tall = max(int(person_height(level, pose.y) * actor.scale * self.height + 0.5), 6)
            vest = actor.colours[0] == "hi-vis"
            return person_mask(pose.action, pose.phase, pose.carry, vest, tall, self.squeeze, left), tall // 4
        if actor.shape == "bag":
            tall = max(int(0.32 * person_height(level, pose.y) * self.height + 0.5), 3)
            return thing_mask("bag", tall, self.squeeze), tall
        long = max(int(vehicle_length(level, pose.y) * self.width / self.squeeze + 0.5), 12)
        struck = any(key.action == "jolt" and t >= key.t for key in actor.keys)
        tilt = 4 if pose.action == "crashed" else 0
        return vehicle_mask(actor.shape, tilt, struck, long, self.squeeze, left), long // 2

    def _beacons(self, out: Image, actor: Actor, pose: Pose, t: float) -> None:
        """Flash an ambulance's blue lights, or the hazard lights of a wreck."""
        long = vehicle_length(self.scene.params.level, pose.y) * self.width
        x, y = pose.x * self.width, pose.y * self.height
        radius = (max(int(long * 0.07), 1), max(int(long / self.squeeze * 0.07), 1))
        if actor.shape == "ambulance":
            at = x + pose.face * long * (0.12 if int(t * 5) % 2 else -0.3)
            puff(out, int(at), int(y - 0.52 * long / self.squeeze), radius, (60, 110, 231), 1.0, 3)
        elif pose.action == "crashed" and int(t * 2.5) % 2:
            for end in (-0.46, 0.46):
                puff(
                    out,
                    int(x + end * long),
                    int(y - 0.2 * long / self.squeeze),
                    radius,
                    (231, 160, 40),
                    1.0,
                    3,
                )

    def _grain(self, t: float) -> Image:
        """Return the camera noise of a time, with the slow drift of the brightness, modulo 256."""
        key = mix(self.scene.look.seed, round(t * 1000))
        dx, dy = key % _NOISE_ROOM, (key >> 8) % _NOISE_ROOM
        shift = np.uint8(drift(self.scene, t) % 256)
        return self._noise[dy : dy + self.height, dx : dx + self.width] + shift


def drift(scene: Scene, t: float) -> int:
    """Return the change of brightness at a time, in grey levels."""
    look = scene.look
    period = 9.0 + 8.0 * mix_unit(look.seed, 1)
    turn = (t / period + mix_unit(look.seed, 2)) % 1.0
    return round(look.drift * (4 * abs(turn - 0.5) - 1))


def _noise_tile(seed: int, deviation: float, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Return noise to cut frames from, whose grains are about 1/224 of the width.

    The sum of four bytes is nearly Gaussian, and exact.
    """
    grain = max(1, (width + 112) // 224)
    h, w = (height + _NOISE_ROOM) // grain + 1, (width + _NOISE_ROOM) // grain + 1
    count = h * w
    words = stream(seed, _NOISE_STREAM).random_raw((count + 1) // 2)
    four = words.view(np.uint8)[: 4 * count].reshape(4, count).astype(np.int32)
    total = four[0] + four[1] + four[2] + four[3] - 510
    # the sum has a deviation of 147.8 levels
    scaled = (total * int(deviation * 4096 / 147.8)) >> 12
    tile = np.clip(scaled, -17, 17).astype(np.int8).view(np.uint8).reshape(h, w, 1)
    return np.repeat(np.repeat(tile, grain, axis=0), grain * 3, axis=1).reshape(h * grain, w * grain, 3)
