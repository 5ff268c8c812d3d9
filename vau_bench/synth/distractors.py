"""Harmless things that look like an anomaly to a careless eye, one for each class, and a few that do not."""

from __future__ import annotations

from vau_bench.synth.events import Builder, arrival, crossing, departure, meeting, place_bag
from vau_bench.synth.stage import (
    LANES,
    PROP_ROW,
    SPAN,
    WALK_ROW,
    ZONE,
    Stage,
    lane_name,
    person_name,
    slot_name,
    vehicle_name,
)
from vau_bench.synth.state import Effect, Happening, Key


def sign(stage: Stage, start: float, end: float) -> Happening | None:
    """An orange neon sign on the wall is lit for a while (not a fire)."""
    side = stage.draw.pick(("left", "right"))
    low, high = SPAN[side]
    stage.effects.append(
        Effect("sign", start, end, stage.draw.between(low, high), 0.17, 0.16, stage.draw.below(1 << 30))
    )
    return Happening("sign", start, end, side, "an orange neon sign", f"on the {side}, on the wall", "the lit sign")


def steam(stage: Stage, start: float, end: float) -> Happening | None:
    """A vent lets off white steam (not an explosion)."""
    slot = stage.take_slot()
    if slot is None:
        return None
    x, _ = stage.spot(slot)
    y = PROP_ROW[slot.row] + 0.03
    size = stage.height(y) * stage.draw.between(1.1, 1.4)
    stage.effects.append(Effect("steam", start, end, x, y, size, stage.draw.below(1 << 30)))
    return Happening("steam", start, end, slot.side, "a vent in the ground", slot_name(slot), "white steam from a vent")


def crouch(stage: Stage, start: float, end: float) -> Happening | None:
    """Someone crouches to tie a shoelace (not a fall)."""
    slot = stage.take_slot()
    if slot is None:
        return None
    x, y = stage.spot(slot)
    enter = stage.entrance(x, y, start)
    name = person_name(
        stage.person([enter, Key(start, x, y, "crouch", enter.face), *stage.exit(x, y, end, to_side=enter.face)])
    )
    return Happening("crouch", start, end, slot.side, name, slot_name(slot), f"{name} crouching")


def talk(stage: Stage, start: float, end: float) -> Happening | None:
    """Two people meet, talk with their hands and part (not a fight)."""
    slot = stage.take_slot()
    if slot is None:
        return None
    names = meeting(stage, slot, start, end, "talk", 0.28)
    who = f"{names[0]} and {names[1]}"
    return Happening("talk", start, end, slot.side, who, slot_name(slot), f"{who} talking")


def worker(stage: Stage, start: float, end: float) -> Happening | None:
    """A worker in a hi-vis vest walks about in the closed-off area (not an intruder)."""
    slot = stage.take_zone()
    if slot is None:
        return None
    low, high = ZONE[slot.side]
    side = -1 if slot.side == "left" else 1
    x, y = (low if side < 0 else high), PROP_ROW[slot.row] + 0.01
    keys, t, face = [stage.entrance(x, WALK_ROW[slot.row], start, from_side=side)], start, -side
    while t < end:
        speed = stage.pace(y)
        keys.append(Key(round(t, 4), x, WALK_ROW[slot.row] if t == start else y, "walk", face))
        step = min(stage.draw.between(0.1, 0.2), high - 0.03 - x if face > 0 else x - low - 0.03)
        arrive = t + step / speed
        x = round(x + face * step * min(1.0, (end - t) / (arrive - t)), 6)
        t, face = arrive, -face
    keys += stage.exit(x, y, end, to_side=side)
    stage.person(keys, top="hi-vis", trousers="navy")
    name = "a worker in a yellow vest"
    return Happening("worker", start, end, slot.side, name, slot_name(slot), f"{name} behind the barrier tape")


def ambulance(stage: Stage, start: float, end: float) -> Happening | None:
    """An emergency vehicle with flashing lights passes the right way (not a wrong-way driver)."""
    lane = stage.take_lane()
    if lane is None:
        return None
    stage.vehicle(crossing(stage, lane, start, end, LANES[lane][1]), "ambulance", "white")
    stage.lane_busy[lane] = (start, end)
    name = "an ambulance with blue lights"
    return Happening("ambulance", start, end, None, name, lane_name(lane), name)


def queue(stage: Stage, start: float, end: float) -> Happening | None:
    """One vehicle stops close behind another, without touching it, and both go on (not a collision)."""
    lane = stage.take_lane()
    if lane is None:
        return None
    y, way = LANES[lane]
    length = stage.length(y)
    side = stage.draw.pick(("left", "right"))
    x = {"left": 0.3, "right": 0.7}[side] + stage.draw.between(-0.06, 0.06)
    front, back = x + way * length * 0.56, x - way * length * 0.56
    speed = stage.draw.between(0.24, 0.34)
    lead = stage.vehicle(
        [
            *arrival(front, y, way, length, start - 0.6, speed),
            *departure(front, y, way, length, end - 0.3, 0.22),
        ]
    )
    chaser = stage.vehicle([*arrival(back, y, way, length, start, speed), *departure(back, y, way, length, end, 0.18)])
    stage.lane_busy[lane] = (min(lead.keys[0].t, chaser.keys[0].t), chaser.keys[-1].t)
    who = f"{vehicle_name(chaser)} and {vehicle_name(lead)}"
    return Happening("queue", start, end, side, who, f"on the {side}, {lane_name(lane)}", f"{who} in a queue")


def attended(stage: Stage, start: float, end: float) -> Happening | None:
    """Someone puts a bag down, waits beside it and takes it along (not abandoned)."""
    slot = stage.take_slot()
    if slot is None:
        return None
    x, y = stage.spot(slot)
    enter = stage.entrance(x, y, start - 0.4, carry=True)
    face = enter.face
    keys = [
        enter,
        Key(start - 0.4, x, y, "bend", face, True),
        Key(start, x, y, "stand", face),
        Key(end - 0.4, x, y, "bend", face),
        Key(end, x, y, "stand", face, True),
        *stage.exit(x, y, end + 0.1, to_side=face, carry=True),
    ]
    owner = stage.person(keys)
    place_bag(stage, x + 0.3 * stage.height(y) * face * 0.9, y, start, end, owner.seed)
    name = person_name(owner)
    return Happening("attended", start, end, slot.side, name, slot_name(slot), f"{name} beside a bag")


def pause(stage: Stage, start: float, end: float) -> Happening | None:
    """A pedestrian stops for a while and walks on."""
    slot = stage.take_slot()
    if slot is None:
        return None
    x, y = stage.spot(slot)
    enter = stage.entrance(x, y, start)
    name = person_name(
        stage.person([enter, Key(start, x, y, "stand", enter.face), *stage.exit(x, y, end, to_side=enter.face)])
    )
    return Happening("pause", start, end, slot.side, name, slot_name(slot), f"{name} standing still")


def lights(stage: Stage, start: float, end: float) -> Happening | None:
    """A lamp on the wall is switched on and off again."""
    side = stage.draw.pick(("left", "right"))
    low, high = SPAN[side]
    stage.effects.append(
        Effect("lamp", start, end, stage.draw.between(low, high), 0.13, 0.2, stage.draw.below(1 << 30))
    )
    return Happening("lights", start, end, side, "a lamp", f"on the {side}, on the wall", "the lamp")


def shadow(stage: Stage, start: float, end: float) -> Happening | None:
    """A large shadow drifts over the ground."""
    size = stage.draw.between(0.22, 0.34)
    stage.effects.append(
        Effect("shadow", start, end, 0.5, stage.draw.between(0.5, 0.85), size, stage.draw.below(1 << 30))
    )
    return Happening("shadow", start, end, None, "a large shadow", "across the ground", "the shadow")


def jogger(stage: Stage, start: float, end: float) -> Happening | None:
    """Someone jogs along the pavement."""
    row = stage.draw.pick(("far", "near"))
    y = WALK_ROW[row] + stage.draw.between(-0.01, 0.02)
    face = stage.draw.pick((-1, 1))
    ends = (-0.05, 1.05) if face > 0 else (1.05, -0.05)
    time = max(end - start, 3.0)
    stage.person([Key(start, ends[0], y, "run", face), Key(start + time, ends[1], y, "run", face)], "orange", "black")
    name = "a jogger in an orange top"
    return Happening(
        "jogger", start, min(round(start + time, 1), stage.seconds), None, name, f"on the {row} pavement", name
    )


DISTRACTORS: dict[str, Builder] = {
    "sign": sign,
    "steam": steam,
    "crouch": crouch,
    "talk": talk,
    "worker": worker,
    "ambulance": ambulance,
    "queue": queue,
    "attended": attended,
    "pause": pause,
    "lights": lights,
    "shadow": shadow,
    "jogger": jogger,
}
