"""Colours by name, under the light of the hour and with the contrast of the difficulty."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vau_bench.synth.state import Actor, Look

RGB: TypeAlias = tuple[int, int, int]

LOW, HIGH = 24, 231
"""Grey levels before noise and drift stay within these, so that adding them never wraps around."""

HOURS: dict[str, RGB] = {
    "day": (128, 128, 126),
    "overcast": (112, 114, 118),
    "dusk": (112, 98, 92),
    "night": (76, 80, 98),
}
"""The colour of the light, of 128."""

NAMED: dict[str, RGB] = {
    "red": (204, 44, 44),
    "blue": (52, 92, 200),
    "green": (48, 140, 70),
    "white": (226, 226, 224),
    "black": (38, 38, 42),
    "purple": (130, 66, 160),
    "brown": (122, 82, 50),
    "teal": (36, 150, 156),
    "orange": (228, 124, 40),
    "hi-vis": (206, 228, 48),
    "navy": (44, 54, 92),
    "grey": (82, 84, 90),
    "khaki": (150, 134, 96),
    "silver": (184, 188, 194),
}
_SKINS = ((226, 184, 152), (190, 138, 104), (124, 84, 62))
_HAIRS = ((42, 34, 30), (96, 64, 40), (60, 48, 44), (150, 120, 76))
_BAGS = ((150, 84, 40), (60, 84, 60), (128, 44, 60), (80, 76, 110))
_SHOE: RGB = (36, 34, 36)

PROPS: dict[str, tuple[RGB, ...]] = {
    "bin": ((70, 104, 84), (60, 70, 80), (30, 30, 30), (180, 190, 184), (0, 0, 0), (0, 0, 0), (48, 66, 56)),
    "crates": (
        (170, 130, 84),
        (60, 70, 80),
        (30, 30, 30),
        (180, 190, 184),
        (0, 0, 0),
        (0, 0, 0),
        (118, 86, 52),
    ),
    "kiosk": (
        (60, 96, 150),
        (190, 214, 220),
        (30, 30, 30),
        (214, 200, 110),
        (0, 0, 0),
        (0, 0, 0),
        (36, 44, 66),
    ),
    "bench": ((138, 98, 62), (60, 70, 80), (30, 30, 30), (180, 190, 184), (0, 0, 0), (0, 0, 0), (60, 60, 64)),
}


def clamp(paint: RGB, change: int) -> RGB:
    """Return a lighter or darker colour."""
    r, g, b = (min(max(c + change, 0), 255) for c in paint)
    return r, g, b


def actor_palette(actor: Actor, look: Look) -> npt.NDArray[np.uint16]:
    """Return the colours of an actor's parts, (parts, 3), in the order of `figures`."""
    seed = actor.seed
    main = NAMED[actor.colours[0]]
    if actor.shape in ("person", "bag"):
        legs = NAMED[actor.colours[1]]
        skin, hair = _SKINS[seed // 4 % 3], _HAIRS[seed // 12 % 4]
        return palette((skin, hair, main, legs, _SHOE, _BAGS[seed % 4], (236, 236, 230)), look)
    blue = actor.shape == "ambulance"
    tail = (200, 36, 36) if not blue else (206, 30, 30)
    return palette((main, (46, 58, 72), (34, 34, 36), (168, 170, 174), (236, 228, 176), tail, (40, 42, 46)), look)


def palette(paints: tuple[RGB, ...], look: Look) -> npt.NDArray[np.uint16]:
    """Return colours as the camera sees them."""
    grey, share = 118, int(look.contrast * 128)
    tint = np.array(HOURS[look.hour], np.int64)
    colours = np.array(paints, np.int64)
    paler = (colours * share + grey * (128 - share)) >> 7
    seen: npt.NDArray[np.uint16] = np.clip(paler * tint >> 7, LOW, HIGH).astype(np.uint16)
    return seen
