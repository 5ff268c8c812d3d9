"""The eight anomalies. Each builder puts one on the stage over exactly `[start, end)`.

Before and after, the same actors behave as anyone else would. A builder that finds no room returns `None`;
the anomaly is built first, so that it always finds some.
"""

from __future__ import annotations

from collections.abc import Callable

from vau_bench.synth.stage import (
    LANES,
    PROP_ROW,
    WALK_ROW,
    ZONE,
    Stage,
    lane_name,
    person_name,
    slot_name,
    vehicle_name,
)
from vau_bench.synth.state import Effect, Happening, Key, Slot

Builder = Callable[[Stage, float, float], "Happening | None"]
PROP_NAMES = {
    "bin": "a litter bin",
    "crates": "a stack of crates",
    "kiosk": "a vending machine",
    "bench": "a bench",
}


def fire(stage: Stage, start: float, end: float) -> Happening | None:
    """Something catches fire and burns until the flames are out."""
    slot = stage.take_slot(prop=True)
    if slot is None:
        return None
    prop = stage.props[slot]
    size = stage.height(prop.y) * stage.draw.between(1.25, 1.6)
    base = prop.y - 0.35 * prop.scale
    stage.effects.append(Effect("fire", start, end, prop.x, base, size, stage.draw.below(1 << 30)))
    name = PROP_NAMES[prop.kind]
    return Happening("Fire", start, end, slot.side, name, slot_name(slot), f"flames on {name}")


def explosion(stage: Stage, start: float, end: float) -> Happening | None:
    """A flash and a ball of fire, then dark smoke until it has cleared."""
    slot = stage.take_slot(prop=True)
    if slot is None:
        return None
    prop = stage.props[slot]
    size = stage.height(prop.y) * stage.draw.between(1.5, 1.9)
    stage.effects.append(
        Effect("blast", start, end, prop.x, prop.y - 0.5 * prop.scale, size, stage.draw.below(1 << 30))
    )
    name = PROP_NAMES[prop.kind]
    return Happening("Explosion", start, end, slot.side, name, slot_name(slot), f"a ball of fire at {name}")


def fall(stage: Stage, start: float, end: float) -> Happening | None:
    """Someone who walks falls, lies there and gets up."""
    slot = stage.take_slot()
    if slot is None:
        return None
    x, y = stage.spot(slot)
    enter = stage.entrance(x, y, start)
    face = enter.face
    down, up = start + 0.5, end - 0.7
    keys = [
        enter,
        Key(start, x, y, "fall", face),
        Key(down, x + 0.02 * face, y, "lie", face),
        Key(up, x + 0.02 * face, y, "rise", face),
        *stage.exit(x + 0.02 * face, y, end, to_side=face),
    ]
    name = person_name(stage.person(keys))
    return Happening("Fall", start, end, slot.side, name, slot_name(slot), f"{name} lying on the ground")


def fight(stage: Stage, start: float, end: float) -> Happening | None:
    """Two people who meet trade blows, then part."""
    slot = stage.take_slot()
    if slot is None:
        return None
    names = meeting(stage, slot, start, end, "fight", 0.25)
    who = f"{names[0]} and {names[1]}"
    return Happening("Fight", start, end, slot.side, who, slot_name(slot), f"{who} striking each other")


def meeting(stage: Stage, slot: Slot, start: float, end: float, action: str, gap: float) -> tuple[str, str]:
    """Let two people walk up to each other, do something from `start` to `end`, and part."""
    x, y = stage.spot(slot)
    apart = gap * stage.height(y)
    wait = stage.draw.between(0.3, 1.0)
    names = []
    for side in (-1, 1):
        here = x + side * apart
        enter = stage.entrance(here, y, start - wait, from_side=side)
        keys = [enter, Key(start - wait, here, y, "stand", -side)]
        if action == "fight":
            keys += _lunges(stage, here, y, start, end, -side)
        else:
            keys.append(Key(start, here, y, action, -side))
        pause = stage.draw.between(0.2, 0.7)
        keys.append(Key(end, here, y, "stand", -side))
        keys += stage.exit(here, y, end + pause, to_side=side)
        names.append(person_name(stage.person(keys)))
    return names[0], names[1]


def _lunges(stage: Stage, x: float, y: float, start: float, end: float, face: int) -> list[Key]:
    keys: list[Key] = []
    t = start
    while t < end - 0.2:
        step = stage.draw.between(-0.16, 0.1) * stage.height(y) * face
        keys.append(Key(round(t, 4), x + (step if keys else 0.0), y, "fight", face))
        t += stage.draw.between(0.3, 0.6)
    return keys


def intrusion(stage: Stage, start: float, end: float) -> Happening | None:
    """Someone bolts into the closed-off area, runs to and fro in it and leaves at a walk."""
    slot = stage.take_zone()
    if slot is None:
        return None
    low, high = ZONE[slot.side]
    walk_y, y = WALK_ROW[slot.row], PROP_ROW[slot.row] + 0.01
    side = -1 if slot.side == "left" else 1
    x = low if side < 0 else high
    keys = [stage.entrance(x, walk_y, start, from_side=side)]
    t, face, step = start, -side, 0.0
    speed = 2.0 * stage.height(y)
    while t < end:
        keys.append(Key(round(t, 4), x, walk_y if t == start else y, "run", face))
        step = min(stage.draw.between(0.24, 0.36), high - 0.03 - x if face > 0 else x - low - 0.03)
        last, arrive = t, t + step / speed
        share = min(1.0, (end - last) / (arrive - last))
        x = round(x + face * step * share, 6)
        t, face = arrive, -face
    keys += stage.exit(x, y, end, to_side=side)
    stage.person(keys, top="black", trousers="black")
    name = "a person in dark clothes"
    return Happening(
        "Intrusion", start, end, slot.side, name, slot_name(slot), f"{name} running behind the barrier tape"
    )


def wrong_way(stage: Stage, start: float, end: float) -> Happening | None:
    """A vehicle drives through a lane against the arrows and the other traffic."""
    lane = stage.take_lane()
    if lane is None:
        return None
    actor = stage.vehicle(crossing(stage, lane, start, end, -LANES[lane][1]))
    stage.lane_busy[lane] = (start, end)
    name = vehicle_name(actor)
    return Happening("Wrong-way", start, end, None, name, lane_name(lane), f"{name} against the traffic")


def crossing(stage: Stage, lane: str, start: float, end: float, way: int) -> list[Key]:
    """Return the keys of a vehicle of which something is in the picture from `start` to `end`."""
    y = LANES[lane][0]
    half = stage.length(y) / 2
    ends = (-half, 1 + half) if way > 0 else (1 + half, -half)
    return [Key(start, ends[0], y, "drive", way), Key(end, ends[1], y, "drive", way)]


def collision(stage: Stage, start: float, end: float) -> Happening | None:
    """A vehicle runs into the back of one that has stopped; both stand there, damaged, until they are driven off."""
    lane = stage.take_lane()
    if lane is None:
        return None
    y, way = LANES[lane]
    length = stage.length(y)
    side = stage.draw.pick(("left", "right"))
    x = {"left": 0.3, "right": 0.7}[side] + stage.draw.between(-0.06, 0.06)
    front, back = x + way * length * 0.47, x - way * length * 0.47
    halt = start - stage.draw.between(0.5, 1.2)
    shove = 0.16 * length * way
    drive = stage.draw.between(0.24, 0.34)
    lead = stage.vehicle(
        [
            *arrival(front, y, way, length, halt, drive),
            Key(start, front, y, "jolt", way),
            Key(start + 0.3, front + shove, y, "crashed", way),
            *departure(front + shove, y, way, length, end, 0.22),
        ]
    )
    far = -length if way > 0 else 1 + length
    chaser = stage.vehicle(
        [
            Key(start - abs(back - far) / drive, far, y, "drive", way),
            Key(start, back, y, "jolt", way),
            Key(start + 0.3, back + 0.25 * shove, y, "crashed", way),
            *departure(back + 0.25 * shove, y, way, length, end, 0.18),
        ]
    )
    stage.effects.append(Effect("wreck", start, end, x, y - 0.02, length, stage.draw.below(1 << 30)))
    stage.lane_busy[lane] = (lead.keys[0].t, chaser.keys[-1].t)
    who = f"{vehicle_name(chaser)} and {vehicle_name(lead)}"
    where = f"on the {side}, {lane_name(lane)}"
    return Happening("Collision", start, end, side, who, where, f"{who}, crashed into each other")


def arrival(x: float, y: float, way: int, length: float, t: float, speed: float) -> list[Key]:
    """Return the keys of a vehicle that brakes to a stop at `x` by `t`."""
    far = -length if way > 0 else 1 + length
    brake = x - way * 0.14
    slow = t - 2 * 0.14 / speed
    return [
        Key(slow - abs(brake - far) / speed, far, y, "drive", way),
        Key(slow, brake, y, "brake", way),
        Key(t, x, y, "halt", way),
    ]


def departure(x: float, y: float, way: int, length: float, t: float, speed: float) -> list[Key]:
    """Return the keys of a vehicle that moves off from `x` at `t`."""
    far = 1 + length if way > 0 else -length
    rolling = x + way * 0.1
    fast = t + 2 * 0.1 / speed
    return [
        Key(t, x, y, "start", way),
        Key(fast, rolling, y, "drive", way),
        Key(fast + abs(far - rolling) / speed, far, y, "drive", way),
    ]


def abandoned(stage: Stage, start: float, end: float) -> Happening | None:
    """Someone puts a bag down and leaves it; it stands alone until it is picked up."""
    slot = stage.take_slot()
    if slot is None:
        return None
    x, y = stage.spot(slot)
    enter = stage.entrance(x, y, start - 0.8, carry=True)
    down = start - 0.4
    keys = [
        enter,
        Key(start - 0.8, x, y, "bend", enter.face, True),
        Key(down, x, y, "rest", enter.face),
        *stage.exit(x, y, start, to_side=enter.face),
    ]
    owner = stage.person(keys)
    place_bag(stage, x + 0.3 * stage.height(y) * enter.face * 0.5, y, down, end, owner.seed)
    finder_side = -enter.face
    reach = stage.entrance(x, y, end - 0.6, from_side=finder_side)
    stage.person(
        [
            reach,
            Key(end - 0.6, x, y, "bend", reach.face),
            Key(end, x, y, "stand", reach.face, True),
            *stage.exit(x, y, end + 0.2, to_side=reach.face, carry=True),
        ],
        top=stage.draw.pick(("hi-vis", None)),
        trousers="navy",
    )
    stage.actors[-1].seed = owner.seed
    name = person_name(owner)
    return Happening("Abandoned object", start, end, slot.side, name, slot_name(slot), "a bag left alone on the ground")


def place_bag(stage: Stage, x: float, y: float, start: float, end: float, seed: int) -> None:
    """Put a bag on the ground from `start` to `end`; it has the colour of the bag of the person with this seed."""
    bag = stage.person([Key(start, x, y + 0.004, "rest"), Key(end, x, y + 0.004, "rest")])
    bag.shape, bag.seed, bag.scale = "bag", seed, 1.0


EVENTS: dict[str, Builder] = {
    "Fire": fire,
    "Explosion": explosion,
    "Fall": fall,
    "Fight": fight,
    "Intrusion": intrusion,
    "Wrong-way": wrong_way,
    "Collision": collision,
    "Abandoned object": abandoned,
}
