"""What stands still: walls, pavements, the carriageway with its arrows, the closed-off area, street furniture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vau_bench.synth.colours import HOURS, PROPS, RGB, clamp, palette
from vau_bench.synth.draws import Draw, stream
from vau_bench.synth.figures import thing_mask
from vau_bench.synth.sprites import Image, colour, paste, puff
from vau_bench.synth.stage import ASPECT, FAR_KERB, LANES, NEAR_KERB, PROP_ROW, WALL, ZONE
from vau_bench.synth.state import Look, Prop

_TEXTURE_STREAM = 3
_GRAIN_STREAM = 4


class Canvas:
    """An image that is painted in unit coordinates."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.pixels = np.zeros((height, width, 3), np.uint8)

    def box(self, x0: float, y0: float, x1: float, y1: float, paint: RGB) -> None:
        """Fill a rectangle, at least one pixel wide and high."""
        left, top = int(x0 * self.width + 0.5), int(y0 * self.height + 0.5)
        right, bottom = max(int(x1 * self.width + 0.5), left + 1), max(int(y1 * self.height + 0.5), top + 1)
        if right > 0 and bottom > 0:
            self.pixels[max(top, 0) : bottom, max(left, 0) : right] = paint

    def arrow(self, x: float, y: float, way: int, paint: RGB) -> None:
        """Paint an arrow on the carriageway, `way` 1 to the right."""
        self.box(min(x, x - 0.075 * way), y - 0.007, max(x, x - 0.075 * way), y + 0.007, paint)
        for step in range(6):
            at = x + way * 0.008 * step
            reach = 0.026 * (6 - step) / 6
            self.box(min(at, at + 0.008 * way), y - reach, max(at, at + 0.008 * way), y + reach, paint)


def background(place: str, look: Look, props: tuple[Prop, ...], width: int, height: int) -> Image:
    """Paint the empty scene, (height, width, 3)."""
    canvas = Canvas(width, height)
    draw = Draw(look.seed, _TEXTURE_STREAM)
    _PLACES[place](canvas, draw)
    _zone(canvas, look)
    _grain(canvas.pixels, look.seed)
    tint = np.array(HOURS[look.hour], np.uint16)
    canvas.pixels[:] = np.clip(canvas.pixels * tint >> 7, 24, 231)
    if look.hour in ("dusk", "night"):
        _lamplight(canvas)
    for prop in props:
        _furnish(canvas, prop, look)
    return canvas.pixels


def _grain(pixels: Image, seed: int) -> None:
    count = pixels.shape[0] * pixels.shape[1]
    words = stream(seed, _GRAIN_STREAM).random_raw((count + 7) // 8)
    coarse = (words.view(np.uint8)[:count] >> 4).reshape(*pixels.shape[:2], 1)
    pixels += coarse - np.uint8(7)


def _furnish(canvas: Canvas, prop: Prop, look: Look) -> None:
    width, height = canvas.width, canvas.height
    mask = thing_mask(prop.kind, max(int(prop.scale * height), 3), width / (height * ASPECT))
    x, y = int(prop.x * width), int(prop.y * height)
    wide = int(0.55 * prop.scale * height)
    puff(canvas.pixels, x, y, (wide * width * 3 // (height * 4), max(wide // 5, 1)), (24, 24, 28), 0.4)
    paste(canvas.pixels, colour(mask, palette(PROPS[prop.kind], look)), x, y)


def _lamplight(canvas: Canvas) -> None:
    for x in (0.02, 0.5, 0.98):
        at = int(x * canvas.width)
        puff(
            canvas.pixels,
            at,
            int(0.06 * canvas.height),
            (canvas.width // 9, canvas.height // 7),
            (228, 214, 170),
            0.45,
            1,
        )
        puff(
            canvas.pixels,
            at,
            int(0.4 * canvas.height),
            (canvas.width // 6, canvas.height // 12),
            (220, 205, 160),
            0.22,
            1,
        )


def _zone(canvas: Canvas, look: Look) -> None:
    """Mark the closed-off area: hatched ground, posts and barrier tape."""
    low, high = ZONE[look.zone.side]
    y = PROP_ROW[look.zone.row]
    top, bottom = y - 0.012, y + 0.04
    canvas.box(low, top, high, bottom, (196, 170, 60))
    for k in range(14):
        x = low + (high - low) * k / 14
        canvas.box(x, top, x + 0.012, bottom, (60, 58, 54))
    tall = 0.075 if look.zone.row == "far" else 0.1
    for k in range(12):
        x = low + (high - low) * k / 12
        paint = (214, 60, 52) if k % 2 else (226, 224, 220)
        canvas.box(x, top - tall * 0.8, x + (high - low) / 12, top - tall * 0.55, paint)
    for x in (low, (low + high) / 2, high - 0.01):
        canvas.box(x, top - tall, x + 0.01, top + 0.01, (206, 90, 40))


def _carriageway(canvas: Canvas, paint: RGB, line: RGB, *, dashes: bool = True) -> None:
    canvas.box(0, FAR_KERB, 1, NEAR_KERB, paint)
    middle = (FAR_KERB + NEAR_KERB) / 2
    for k in range(10):
        canvas.box(k / 10, middle - 0.004, k / 10 + (0.055 if dashes else 0.1), middle + 0.004, line)
    for lane, (_, way) in LANES.items():
        y = (FAR_KERB + middle) / 2 if lane == "far" else (NEAR_KERB + middle) / 2
        for x in (0.2, 0.53, 0.86):
            canvas.arrow(x, y, way, line)


def _kerbs(canvas: Canvas, light: RGB, dark: RGB) -> None:
    canvas.box(0, FAR_KERB - 0.008, 1, FAR_KERB + 0.004, light)
    canvas.box(0, FAR_KERB + 0.004, 1, FAR_KERB + 0.012, dark)
    canvas.box(0, NEAR_KERB - 0.004, 1, NEAR_KERB + 0.01, light)


def _slabs(canvas: Canvas, base: RGB, joint: RGB, columns: int) -> None:
    canvas.box(0, WALL, 1, FAR_KERB, base)
    canvas.box(0, NEAR_KERB, 1, 1, base)
    for y in (0.365, 0.43, 0.81, 0.9):
        canvas.box(0, y, 1, y + 0.003, joint)
    for k in range(1, columns):
        x = k / columns
        canvas.box(x, WALL, x + 0.003, FAR_KERB, joint)
        canvas.box(x + 0.5 / columns, NEAR_KERB, x + 0.5 / columns + 0.004, 1, joint)


def _street(canvas: Canvas, draw: Draw) -> None:
    x = 0.0
    while x < 1:
        wide = draw.between(0.2, 0.34)
        wall = draw.pick(((150, 96, 80), (172, 152, 124), (128, 124, 122), (160, 128, 104), (118, 112, 130)))
        canvas.box(x, 0, x + wide, WALL, wall)
        canvas.box(x, 0, x + 0.006, WALL, clamp(wall, -40))
        canvas.box(x, 0.255, x + wide, WALL, clamp(wall, -28))
        columns = max(int(wide / 0.075), 2)
        for c in range(columns):
            left = x + wide * (c + 0.25) / columns
            for y in (0.03, 0.125):
                glass = (206, 190, 130) if draw.chance(0.2) else (74, 92, 112)
                canvas.box(left - 0.005, y - 0.007, left + wide * 0.5 / columns + 0.005, y + 0.072, clamp(wall, 36))
                canvas.box(left, y, left + wide * 0.5 / columns, y + 0.065, glass)
        door = x + wide * draw.between(0.15, 0.65)
        canvas.box(door, 0.215, door + 0.05, WALL, draw.pick(((70, 50, 40), (46, 70, 60), (54, 56, 84))))
        x += wide
    _slabs(canvas, (150, 148, 144), (126, 124, 120), 16)
    _carriageway(canvas, (78, 78, 82), (196, 194, 186))
    _kerbs(canvas, (182, 180, 174), (54, 54, 58))


def _plaza(canvas: Canvas, draw: Draw) -> None:
    canvas.box(0, 0, 1, 0.08, (150, 178, 204))
    canvas.box(0, 0.06, 1, WALL, (188, 170, 140))
    canvas.box(0, 0.06, 1, 0.075, (150, 132, 106))
    arches = 7 + draw.below(3)
    for k in range(arches):
        x = (k + 0.22) / arches
        wide = 0.56 / arches
        canvas.box(x, 0.15, x + wide, WALL, (86, 74, 66))
        canvas.box(x + wide * 0.15, 0.135, x + wide * 0.85, 0.15, (86, 74, 66))
        canvas.box(x + wide * 0.2, 0.085, x + wide * 0.8, 0.115, (96, 112, 124))
    for _ in range(4):
        x = draw.between(0.02, 0.92)
        canvas.box(x + 0.022, 0.2, x + 0.03, WALL + 0.015, (84, 62, 44))
        for dx, dy, r in ((0.026, 0.15, 0.034), (0.01, 0.18, 0.026), (0.042, 0.185, 0.026)):
            at = int((x + dx) * canvas.width), int(dy * canvas.height)
            radii = int(r * canvas.width), int(r * 1.3 * canvas.height)
            puff(canvas.pixels, *at, radii, (70, 106 + draw.below(16), 58), 1.0, 6)
    _slabs(canvas, (186, 172, 150), (160, 146, 126), 12)
    for k in range(24):
        if (k + draw.below(2)) % 2:
            canvas.box(k / 24, 0.81, (k + 1) / 24, 0.9, (174, 156, 132))
    _carriageway(canvas, (132, 122, 112), (222, 214, 196), dashes=False)
    for y in (0.52, 0.56, 0.66, 0.7):
        canvas.box(0, y, 1, y + 0.002, (118, 108, 100))
    _kerbs(canvas, (206, 196, 176), (104, 96, 90))


def _car_park(canvas: Canvas, draw: Draw) -> None:
    canvas.box(0, 0, 1, 0.12, (142, 168, 190))
    canvas.box(0, 0.12, 1, 0.16, (58, 88, 54))
    for _ in range(16):
        x = draw.between(0, 1)
        at = int(x * canvas.width), int(draw.between(0.09, 0.15) * canvas.height)
        puff(
            canvas.pixels,
            *at,
            (canvas.width // 14, canvas.height // 11),
            (66, 98 + draw.below(24), 60),
            1.0,
            5,
        )
    canvas.box(0, 0.16, 1, WALL, (112, 112, 116))
    canvas.box(0, 0.16, 1, 0.172, (140, 140, 142))
    _slabs(canvas, (124, 124, 126), (112, 112, 114), 9)
    for k in range(10):
        canvas.box(k / 9 - 0.003, 0.2, k / 9 + 0.003, WALL + 0.02, (210, 208, 204))
        if draw.chance(0.55):
            _parked(canvas, draw, k / 9 + 0.055)
    canvas.box(0, NEAR_KERB, 1, 0.79, (96, 122, 76))
    _carriageway(canvas, (88, 88, 92), (204, 202, 194))
    _kerbs(canvas, (170, 168, 162), (62, 62, 66))


def _parked(canvas: Canvas, draw: Draw, x: float) -> None:
    """Paint a car that stands with its back to the camera."""
    paint = draw.pick(((70, 88, 122), (140, 60, 56), (176, 176, 178), (60, 62, 66), (92, 110, 92)))
    canvas.box(x - 0.03, 0.19, x + 0.03, 0.245, paint)
    canvas.box(x - 0.024, 0.2, x + 0.024, 0.235, (52, 62, 74))
    canvas.box(x - 0.04, 0.24, x + 0.04, 0.305, paint)
    canvas.box(x - 0.038, 0.258, x - 0.024, 0.27, (150, 44, 40))
    canvas.box(x + 0.024, 0.258, x + 0.038, 0.27, (150, 44, 40))
    canvas.box(x - 0.036, 0.305, x - 0.022, 0.318, (40, 40, 42))
    canvas.box(x + 0.022, 0.305, x + 0.036, 0.318, (40, 40, 42))


def _hall(canvas: Canvas, draw: Draw) -> None:
    canvas.box(0, 0, 1, WALL, (170, 176, 182))
    canvas.box(0, 0, 1, 0.04, (206, 208, 208))
    for k in range(8):
        canvas.box(k / 8 + 0.03, 0.012, k / 8 + 0.095, 0.028, (230, 230, 222))
        canvas.box(k / 8, 0.04, k / 8 + 0.004, WALL, (146, 152, 160))
    canvas.box(0, 0.29, 1, WALL, (112, 118, 126))
    for k in range(4):
        x = k / 4 + draw.between(0.02, 0.12)
        if draw.chance(0.5):
            canvas.box(x, 0.1, x + 0.1, 0.29, (92, 118, 140))
            canvas.box(x + 0.048, 0.1, x + 0.052, 0.29, (190, 194, 198))
        else:
            canvas.box(x, 0.08, x + 0.11, 0.17, (34, 42, 58))
            for row in range(4):
                canvas.box(
                    x + 0.008,
                    0.09 + row * 0.019,
                    x + draw.between(0.05, 0.1),
                    0.097 + row * 0.019,
                    (196, 190, 120),
                )
    _slabs(canvas, (186, 186, 180), (164, 164, 158), 10)
    for k in range(10):
        canvas.box(k / 10 + 0.02, 0.315, k / 10 + 0.06, 0.36, (194, 195, 190))
    _carriageway(canvas, (126, 134, 142), (222, 196, 84), dashes=False)
    _kerbs(canvas, (222, 196, 84), (110, 118, 126))


_PLACES: dict[str, Callable[[Canvas, Draw], None]] = {
    "street": _street,
    "plaza": _plaza,
    "car park": _car_park,
    "terminal hall": _hall,
}
