"""Fire, smoke, steam and light, as puffs whose places are functions of time alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from vau_bench.synth.colours import RGB
from vau_bench.synth.draws import mix_unit
from vau_bench.synth.sprites import Image, puff
from vau_bench.synth.state import Effect

_WHITE: RGB = (231, 231, 228)
_FLAMES: tuple[RGB, ...] = ((231, 224, 130), (231, 176, 50), (226, 108, 30), (190, 56, 26))


class View(NamedTuple):
    """A frame and how to draw into it in unit coordinates."""

    frame: Image

    def puff(
        self,
        x: float,
        y: float,
        radius: float,
        paint: RGB,
        opacity: float,
        hardness: int = 2,
        flat: float = 1.0,
    ) -> None:
        """Draw a puff; `radius` is in image heights, `flat` its height over its width."""
        height, width = self.frame.shape[:2]
        across, down = int(radius * 0.75 * width + 0.5), int(radius * flat * height + 0.5)
        puff(self.frame, int(x * width), int(y * height), (across, down), paint, opacity, hardness)

    def box(self, x0: float, y0: float, x1: float, y1: float, paint: RGB) -> None:
        """Fill a rectangle, at least one pixel wide and high."""
        height, width = self.frame.shape[:2]
        left, top = max(int(x0 * width), 0), max(int(y0 * height), 0)
        self.frame[top : max(int(y1 * height), top + 1), left : max(int(x1 * width), left + 1)] = paint


def draw_effect(frame: Image, effect: Effect, t: float) -> None:
    """Draw an effect as it is at time `t`; most leave no trace outside their interval."""
    drawer, always = _EFFECTS[effect.kind]
    if always or effect.start <= t < effect.end:
        drawer(View(frame), effect, t)


def depth(effect: Effect) -> float:
    """Return how far in front an effect is drawn; walls and shadows on the ground are behind everyone."""
    return effect.y + 0.06 if effect.kind in ("fire", "blast", "wreck", "steam") else -1.0


def _plume(
    view: View,
    e: Effect,
    t: float,
    count: int,
    life: float,
    rise: float,
    spread: float,
    paint: RGB,
    opacity: float,
) -> None:
    """Draw puffs that rise from the source, widen and thin out; none is older than the effect."""
    for i in range(count):
        cycle = t / life + i / count
        turn = int(cycle // 1)
        u = cycle - turn
        if u * life > t - e.start:
            continue
        drift = (mix_unit(e.seed, i, turn) - 0.5) * 2
        shade = int(24 * (mix_unit(e.seed, i, 77) - 0.5))
        tone = (paint[0] + shade, paint[1] + shade, paint[2] + shade)
        x = e.x + (drift * spread * (0.3 + u) + 0.2 * spread * u) * 0.75
        view.puff(x, e.y - rise * u, e.size * (0.13 + 0.25 * u), tone, opacity * (1 - u))


def _fire(view: View, e: Effect, t: float) -> None:
    strength = min(1.0, 0.35 + (t - e.start) / 0.7, 0.3 + (e.end - t) / 0.6)
    tall = e.size * strength
    _plume(view, e, t, 9, 1.8, 1.5 * e.size, 0.25 * e.size, (66, 64, 66), 0.75 * strength)
    view.puff(e.x, e.y - 0.2 * tall, 0.85 * tall, (231, 130, 40), 0.35, 1)
    flames = []
    for i in range(26):
        cycle = t * (1.5 + 0.5 * mix_unit(e.seed, i)) + i / 26
        turn = int(cycle // 1)
        flames.append((cycle - turn, (mix_unit(e.seed, i, turn) - 0.5) * 0.68))
    for u, aside in sorted(flames, reverse=True):
        x = e.x + aside * tall * (1 - 0.6 * u) * 0.75
        paint = _FLAMES[min(int(u * 4.2), 3)]
        view.puff(x, e.y - u * tall * 0.85, tall * (0.165 - 0.115 * u), paint, 0.95 - 0.35 * u, 3, 1.5)


def _blast(view: View, e: Effect, t: float) -> None:
    age, left = t - e.start, e.end - t
    fade = min(1.0, left / 0.7)
    for i in range(12):
        out = min(1.0, age * 2.2) * (0.5 + 0.25 * min(age, 4.0) / 4)
        dx, dy = mix_unit(e.seed, i) - 0.5, mix_unit(e.seed, i, 1)
        shade = 48 + int(34 * mix_unit(e.seed, i, 2))
        x, y = e.x + dx * e.size * 1.7 * out * 0.75, e.y - dy * e.size * (0.5 + 0.5 * age / 3) * 1.2 * out
        view.puff(x, y, e.size * (0.2 + 0.24 * out), (shade, shade - 2, shade - 2), min(1.0, age * 2) * 0.72 * fade)
    heat = max(0.0, 1 - age / 1.6)
    for i in range(9 if heat else 0):
        dx, dy = mix_unit(e.seed, i, 3) - 0.5, mix_unit(e.seed, i, 4) - 0.4
        grow = 0.35 + 0.65 * min(1.0, age * 2.5)
        paint = _FLAMES[min(int((1 - heat) * 3 + i % 2), 3)]
        view.puff(e.x + dx * e.size * grow * 0.75, e.y - dy * e.size * grow, e.size * 0.4 * grow, paint, heat, 3)
    if age < 0.35:
        view.puff(e.x, e.y, e.size * 2.2, _WHITE, 0.9 * (1 - age / 0.35), 2)
        view.puff(e.x, e.y, e.size * 0.8, _WHITE, 1.0 - age, 4)
    for i in range(12 if age < 1.5 else 0):
        dx, up = (mix_unit(e.seed, i, 5) - 0.5) * 2.4, 0.6 + mix_unit(e.seed, i, 6)
        x, y = e.x + dx * e.size * age * 0.75, e.y - e.size * (up * 2 * age - 1.6 * age * age)
        view.puff(x, y, 0.011, (34, 30, 28), 1.0, 6)


def _steam(view: View, e: Effect, t: float) -> None:
    strength = min(1.0, (t - e.start) / 0.5, (e.end - t) / 0.8)
    view.puff(e.x, e.y, 0.04, (44, 44, 46), 0.9, 5, 0.3)
    _plume(view, e, t, 11, 2.0, 1.2 * e.size, 0.28 * e.size, (216, 218, 220), 0.8 * strength)


def _wreck(view: View, e: Effect, t: float) -> None:
    age = min(1.0, (t - e.start) / 0.4)
    for i in range(12):
        dx, dy = mix_unit(e.seed, i) - 0.5, mix_unit(e.seed, i, 1) - 0.3
        paint = (_WHITE, (40, 40, 42), (206, 120, 40))[i % 3]
        arc = 0.12 * (age - age * age) * (1 + mix_unit(e.seed, i, 2))
        view.puff(e.x + dx * 0.8 * e.size * age, e.y + 0.025 + 0.05 * dy * age - arc, 0.009, paint, 1.0, 6)
    source = Effect("wreck", e.start, e.end, e.x, e.y - 0.05, e.size * 0.5, e.seed)
    _plume(view, source, t, 7, 1.6, 0.16, 0.06, (150, 150, 152), 0.7 * min(1.0, (e.end - t) / 0.4))


def _sign(view: View, e: Effect, t: float) -> None:
    half, tall = e.size * 0.5, 0.035
    lit = e.start <= t < e.end
    view.box(e.x - half - 0.006, e.y - tall - 0.008, e.x + half + 0.006, e.y + tall + 0.008, (40, 36, 36))
    paint = _FLAMES[2] if lit else (84, 62, 50)
    view.box(e.x - half, e.y - tall, e.x + half, e.y + tall, (110, 40, 24) if lit else (54, 48, 46))
    if lit:
        view.puff(e.x, e.y, 0.2, _FLAMES[1], 0.4, 1)
    for k in range(5):
        x = e.x - half + e.size * (k + 0.25) / 5
        view.box(x, e.y - 0.02, x + 0.018, e.y + 0.02, _FLAMES[1] if lit else paint)


def _lamp(view: View, e: Effect, t: float) -> None:
    view.box(e.x - 0.003, e.y, e.x + 0.003, 0.31, (60, 60, 62))
    view.box(e.x - 0.012, e.y - 0.03, e.x + 0.012, e.y, (60, 60, 62))
    if e.start <= t < e.end:
        view.puff(e.x, e.y + 0.02, e.size, (231, 222, 170), 0.6, 1)
        view.puff(e.x, e.y + 0.005, 0.03, _WHITE, 1.0, 4)


def _shadow(view: View, e: Effect, t: float) -> None:
    u = (t - e.start) / (e.end - e.start)
    way = 1 if e.seed % 2 else -1
    x = 0.5 + way * (u - 0.5) * 1.7
    view.puff(x, e.y, e.size, (LOW_SHADE, LOW_SHADE, LOW_SHADE + 6), 0.42, 1, 0.6)


LOW_SHADE = 26
_EFFECTS: dict[str, tuple[Callable[[View, Effect, float], None], bool]] = {
    "fire": (_fire, False),
    "blast": (_blast, False),
    "steam": (_steam, False),
    "wreck": (_wreck, False),
    "sign": (_sign, True),
    "lamp": (_lamp, True),
    "shadow": (_shadow, False),
}
