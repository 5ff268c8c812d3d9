"""The little figures: people with moving limbs, vehicles, bags and street furniture, as shapes.

Coordinates: x ahead, y up from the ground. A person is 1 high, a vehicle 1 long.
"""

from __future__ import annotations

import math
from functools import lru_cache

from vau_bench.synth.sprites import Capsule, Mask, Point, Polygon, Shape, rasterise

PHASES = 12
SKIN, HAIR, TOP, LEGS, SHOES, EXTRA, STRIPE = range(7)
BODY, GLASS, TYRE, HUB, LAMP, TAIL, TRIM = range(7)
PARTS = 7


@lru_cache(maxsize=3000)
def person_mask(action: str, phase: int, carry: bool, vest: bool, height: int, squeeze: float, left: bool) -> Mask:
    """Return a person of `height` pixels in one phase (0 to `PHASES` - 1) of an action."""
    return rasterise(person(action, phase, carry, vest), PARTS, height, squeeze, left)


@lru_cache(maxsize=1000)
def vehicle_mask(shape: str, tilt: int, crumpled: bool, length: int, squeeze: float, left: bool) -> Mask:
    """Return a vehicle of `length` pixels (were pixels square), its nose `tilt` degrees up."""
    shapes = VEHICLES[shape]() + (_dents() if crumpled else [])
    return rasterise(_turned(shapes, tilt) if tilt else shapes, PARTS, length, squeeze, left)


@lru_cache(maxsize=300)
def thing_mask(shape: str, height: int, squeeze: float) -> Mask:
    """Return a bag or a piece of furniture of `height` pixels."""
    return rasterise(THINGS[shape](), PARTS, height, squeeze, False)


def _sin(turns: float) -> float:
    """Sine of a fraction of a turn, rounded so that no last bit of any libm shows."""
    return round(math.sin(2 * math.pi * turns), 6)


def _reach(start: Point, length: float, turns: float) -> Point:
    """Return the end of a limb that hangs down at 0 and points ahead at a quarter turn."""
    return start[0] + length * _sin(turns), start[1] - length * _sin(turns + 0.25)


def _leg(hip: Point, thigh: float, knee: float, back: bool) -> list[Shape]:
    joint = _reach(hip, 0.24, thigh)
    foot = _reach(joint, 0.24, thigh - knee)
    toe = (foot[0] + 0.07, foot[1])
    radius = 0.056 if not back else 0.052
    return [
        Capsule(hip, joint, radius, LEGS),
        Capsule(joint, foot, radius, LEGS),
        Capsule(foot, toe, 0.04, SHOES),
    ]


def _arm(shoulder: Point, upper: float, elbow: float) -> list[Shape]:
    joint = _reach(shoulder, 0.17, upper)
    hand = _reach(joint, 0.16, upper + elbow)
    return [
        Capsule(shoulder, joint, 0.046, TOP),
        Capsule(joint, hand, 0.04, TOP),
        Capsule(hand, hand, 0.042, SKIN),
    ]


def _hand(arm: list[Shape]) -> Point:
    last = arm[-1]
    assert isinstance(last, Capsule)
    return last.a


def _gait(action: str, phase: int) -> tuple[float, float, float, float]:
    """Return hip height, lean (turns), leg swing and arm swing (turns) of what is done on both legs."""
    turn = phase / PHASES
    if action == "run":
        return 0.50 + 0.02 * _sin(2 * turn), 0.045, 0.13, 0.13
    if action in ("walk", "enter"):
        return 0.51 + 0.008 * _sin(2 * turn), 0.008, 0.075, 0.06
    return 0.515, 0.0, 0.0, 0.0


def person(action: str, phase: int, carry: bool = False, vest: bool = False) -> list[Shape]:
    """Return the shapes of a person.

    Actions: `walk`, `run`, `stand`, `talk`, `fight` (phases are cyclic); `crouch`; `bend`, `fall`, `rise`
    (phases go once from first to last); `lie`.
    """
    if action in ("fall", "rise", "lie"):
        progress = {"fall": phase, "rise": PHASES - 1 - phase, "lie": PHASES - 1}[action] / (PHASES - 1)
        return _lowered(_turned(person("stand", 0, carry, vest), -round(90 * progress)), 0.09 * progress)
    if action in ("crouch", "bend"):
        depth = 1.0 if action == "crouch" else 1 - abs(2 * phase / (PHASES - 1) - 1)
        return _stooped(depth, carry, vest)
    turn = phase / PHASES
    hip_y, lean, leg_swing, arm_swing = _gait(action, phase)
    if action == "fight":
        lean = 0.03 + 0.03 * _sin(turn)
    hip = (0.0, hip_y)
    neck = _reach(hip, -0.31, -lean)
    swing = _sin(turn)
    spread = 0.045 if action == "fight" else 0.014
    legs = []
    for sign in (-1, 1):
        thigh = sign * (leg_swing * swing if leg_swing else spread)
        lifted = max(0.0, -sign * _sin(turn + 0.25)) if leg_swing else 0.0
        legs.append(_leg(hip, thigh, leg_swing * 1.5 * lifted + (0.03 if action == "run" else 0.01), sign < 0))
    arms = _arms(action, turn, neck, arm_swing, carry)
    return [
        *arms[0],
        *legs[0],
        *legs[1],
        *_trunk(hip, neck, vest),
        *arms[1],
        *(_case(_hand(arms[1])) if carry else []),
    ]


def _arms(action: str, turn: float, neck: Point, swing: float, carry: bool) -> tuple[list[Shape], list[Shape]]:
    shoulder = (neck[0], neck[1] - 0.035)
    if action == "fight":
        blow = [max(0.0, _sin(turn)), max(0.0, _sin(turn + 0.5))]
        return _arm(shoulder, 0.08 + 0.19 * blow[0], 0.27 * (1 - blow[0])), _arm(
            shoulder, 0.08 + 0.19 * blow[1], 0.27 * (1 - blow[1])
        )
    if action == "talk":
        return _arm(shoulder, 0.0, 0.02), _arm(shoulder, 0.03, 0.17 + 0.06 * _sin(turn))
    bend = 0.22 if action == "run" else 0.03
    front = 0.0 if carry else -swing * _sin(turn)
    return _arm(shoulder, swing * _sin(turn), bend), _arm(shoulder, front, 0.0 if carry else bend)


def _trunk(hip: Point, neck: Point, vest: bool) -> list[Shape]:
    up = (neck[0] - hip[0], neck[1] - hip[1])
    head = (neck[0] + up[0] * 0.36 + 0.012, neck[1] + up[1] * 0.36)
    low, high = (hip[0] + up[0] * 0.1, hip[1] + up[1] * 0.1), (hip[0] + up[0] * 0.86, hip[1] + up[1] * 0.86)
    shapes: list[Shape] = [
        Capsule(low, high, 0.098, TOP),
        Capsule(neck, head, 0.04, SKIN),
        Capsule(head, head, 0.083, HAIR),
        Capsule((head[0] + 0.026, head[1] - 0.022), (head[0] + 0.03, head[1] - 0.026), 0.058, SKIN),
    ]
    if vest:
        mid = (hip[0] + up[0] * 0.45, hip[1] + up[1] * 0.45)
        shapes.insert(1, Capsule((mid[0] - 0.06, mid[1]), (mid[0] + 0.06, mid[1]), 0.03, STRIPE))
        shapes.append(Capsule((head[0] - 0.05, head[1] + 0.05), (head[0] + 0.05, head[1] + 0.05), 0.045, STRIPE))
    return shapes


def _stooped(depth: float, carry: bool, vest: bool) -> list[Shape]:
    hip = (-0.07 * depth, 0.515 - 0.25 * depth)
    thigh, knee = 0.01 + 0.23 * depth, 0.02 + 0.36 * depth
    neck = _reach(hip, -0.31, -0.17 * depth)
    shoulder = (neck[0], neck[1] - 0.03)
    arm = _arm(shoulder, 0.04 * depth, 0.0)
    legs = [*_leg((hip[0] + 0.03, hip[1]), thigh, knee, True), *_leg(hip, thigh + 0.01, knee, False)]
    return [*arm, *legs, *_trunk(hip, neck, vest), *arm, *(_case(_hand(arm)) if carry else [])]


def _case(hand: Point) -> list[Shape]:
    x, y = hand
    return [
        _box(x - 0.17, y - 0.27, x + 0.17, y - 0.04, EXTRA),
        _box(x - 0.16, y - 0.17, x + 0.16, y - 0.145, SHOES),
    ]


def _turned(shapes: list[Shape], degrees: int) -> list[Shape]:
    s, c = _sin(degrees / 360), _sin(degrees / 360 + 0.25)

    def turn(p: Point) -> Point:
        return p[0] * c - p[1] * s, p[0] * s + p[1] * c

    return [
        shape._replace(a=turn(shape.a), b=turn(shape.b))
        if isinstance(shape, Capsule)
        else shape._replace(corners=tuple(turn(p) for p in shape.corners))
        for shape in shapes
    ]


def _lowered(shapes: list[Shape], by: float) -> list[Shape]:
    """Lift what lies on its side so that it rests on the ground, and centre it."""

    def move(p: Point) -> Point:
        return p[0] - 4 * by, p[1] + by

    return [
        shape._replace(a=move(shape.a), b=move(shape.b))
        if isinstance(shape, Capsule)
        else shape._replace(corners=tuple(move(p) for p in shape.corners))
        for shape in shapes
    ]


def _wheels(at: tuple[float, float], radius: float) -> list[Shape]:
    return [Capsule((x, radius), (x, radius), r, part) for x in at for r, part in ((radius, TYRE), (radius * 0.5, HUB))]


def _box(x0: float, y0: float, x1: float, y1: float, part: int, slant: float = 0.0) -> Polygon:
    return Polygon(((x0, y0), (x1, y0), (x1 - slant, y1), (x0 + slant, y1)), part)


def _lamps(height: float) -> list[Shape]:
    return [
        Capsule((0.46, height), (0.475, height), 0.024, LAMP),
        Capsule((-0.475, height), (-0.46, height), 0.024, TAIL),
    ]


def _car() -> list[Shape]:
    return [
        Polygon(((-0.36, 0.24), (0.34, 0.24), (0.14, 0.42), (-0.22, 0.42)), BODY),
        Polygon(((-0.30, 0.25), (-0.04, 0.25), (-0.04, 0.39), (-0.19, 0.39)), GLASS),
        Polygon(((0.0, 0.25), (0.27, 0.25), (0.115, 0.39), (0.0, 0.39)), GLASS),
        Polygon(((-0.5, 0.09), (0.5, 0.09), (0.49, 0.22), (0.3, 0.27), (-0.46, 0.27), (-0.5, 0.22)), BODY),
        _box(-0.47, 0.08, 0.47, 0.115, TRIM),
        *_lamps(0.2),
        *_wheels((-0.29, 0.29), 0.088),
    ]


def _van() -> list[Shape]:
    return [
        Polygon(((-0.5, 0.09), (0.5, 0.09), (0.49, 0.25), (0.33, 0.46), (0.28, 0.5), (-0.5, 0.5)), BODY),
        Polygon(((0.17, 0.28), (0.43, 0.28), (0.3, 0.45), (0.17, 0.45)), GLASS),
        _box(-0.47, 0.08, 0.47, 0.115, TRIM),
        _box(0.125, 0.14, 0.14, 0.47, TRIM),
        *_lamps(0.21),
        *_wheels((-0.3, 0.29), 0.088),
    ]


def _ambulance() -> list[Shape]:
    return [
        *_van()[:1],
        _box(-0.5, 0.2, 0.47, 0.25, TAIL),
        *_van()[1:],
        _box(-0.23, 0.335, -0.05, 0.375, TAIL),
        _box(-0.16, 0.27, -0.12, 0.44, TAIL),
    ]


def _cart() -> list[Shape]:
    return [
        _box(-0.46, 0.44, 0.2, 0.48, BODY),
        Capsule((-0.42, 0.2), (-0.42, 0.46), 0.018, TRIM),
        Capsule((0.26, 0.22), (0.17, 0.46), 0.018, TRIM),
        Polygon(((0.2, 0.25), (0.28, 0.25), (0.2, 0.42), (0.16, 0.42)), GLASS),
        _box(-0.25, 0.2, -0.05, 0.27, TRIM),
        _box(-0.28, 0.2, -0.23, 0.38, TRIM),
        Capsule((-0.12, 0.27), (-0.09, 0.36), 0.045, GLASS),
        Capsule((-0.07, 0.41), (-0.07, 0.41), 0.034, HUB),
        Polygon(((-0.5, 0.08), (0.5, 0.08), (0.5, 0.2), (0.42, 0.27), (0.2, 0.27), (0.14, 0.2), (-0.5, 0.2)), BODY),
        *_lamps(0.18),
        *_wheels((-0.32, 0.32), 0.08),
    ]


def _dents() -> list[Shape]:
    return [
        Polygon(((0.36, 0.1), (0.52, 0.1), (0.4, 0.17)), TRIM),
        Polygon(((0.33, 0.2), (0.51, 0.19), (0.42, 0.29)), TRIM),
        Polygon(((-0.52, 0.11), (-0.4, 0.13), (-0.5, 0.2)), TRIM),
    ]


def _bag() -> list[Shape]:
    return [
        Capsule((-0.22, 0.82), (0.22, 0.82), 0.1, SHOES),
        Capsule((-0.2, 0.8), (0.2, 0.8), 0.04, SKIN),
        _box(-0.62, 0.0, 0.62, 0.82, EXTRA, 0.05),
        _box(-0.6, 0.4, 0.6, 0.48, SHOES),
    ]


def _bin() -> list[Shape]:
    return [
        _box(-0.32, 0.0, 0.32, 0.82, BODY, -0.05),
        _box(-0.4, 0.8, 0.4, 0.94, TRIM),
        _box(-0.2, 0.2, 0.2, 0.5, HUB),
    ]


def _crates() -> list[Shape]:
    boxes = ((-0.75, 0.0, -0.02, 0.5), (0.02, 0.0, 0.75, 0.5), (-0.4, 0.5, 0.34, 1.0))
    shapes: list[Shape] = []
    for x0, y0, x1, y1 in boxes:
        shapes += [
            _box(x0, y0, x1, y1, BODY),
            _box(x0, y0 + 0.2, x1, y0 + 0.25, TRIM),
            _box(x0, y0, x1, y0 + 0.04, TRIM),
        ]
    return shapes


def _kiosk() -> list[Shape]:
    return [
        _box(-0.36, 0.0, 0.36, 1.0, BODY),
        _box(-0.28, 0.42, 0.12, 0.92, GLASS),
        _box(0.17, 0.55, 0.3, 0.85, HUB),
        _box(-0.28, 0.1, 0.28, 0.22, TRIM),
    ]


def _bench() -> list[Shape]:
    return [
        _box(-0.95, 0.55, 0.95, 0.75, BODY),
        _box(-0.95, 0.82, 0.95, 1.0, BODY),
        _box(-1.0, 0.34, 1.0, 0.46, BODY),
        _box(-0.8, 0.0, -0.7, 0.36, TRIM),
        _box(0.7, 0.0, 0.8, 0.36, TRIM),
    ]


VEHICLES = {"car": _car, "van": _van, "cart": _cart, "ambulance": _ambulance}
THINGS = {"bag": _bag, "bin": _bin, "crates": _crates, "kiosk": _kiosk, "bench": _bench}
