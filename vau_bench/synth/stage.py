"""The stage on which a scene is built: its geometry, what of it is still free, and who is on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from vau_bench.synth.draws import Draw
from vau_bench.synth.state import Actor, Effect, Happening, Key, Look, Prop, Slot

WALL, FAR_KERB, NEAR_KERB = 0.31, 0.485, 0.745
"""Heights where wall, far pavement, carriageway and near pavement meet."""

LANES = {"far": (0.59, -1), "near": (0.715, 1)}
"""Where the wheels of each lane run, and which way traffic goes: on the right, seen from the near side."""

PROP_ROW = {"far": 0.365, "near": 0.815}
WALK_ROW = {"far": 0.43, "near": 0.93}
SLOTS = tuple(Slot(row, side) for row in ("far", "near") for side in ("left", "right"))
SPAN = {"left": (0.16, 0.36), "right": (0.64, 0.84)}
ZONE = {"left": (0.04, 0.46), "right": (0.54, 0.96)}

CLOTHES = ("red", "blue", "green", "white", "black", "purple", "brown", "teal")
TROUSERS = ("navy", "black", "grey", "khaki")
PAINTS = ("white", "blue", "red", "silver", "black", "green")
ASPECT = 4 / 3
"""Width over height of the picture in which figures have their natural shape."""

EDGE = 0.09
"""How far outside the picture people come and go."""


def person_height(level: float, y: float) -> float:
    """Return a person's height at depth `y`, as a fraction of the image height."""
    return (1.14 - 0.32 * level) * (0.17 + 0.21 * (y - 0.43))


def vehicle_length(level: float, y: float) -> float:
    """Return a vehicle's length at depth `y`, as a fraction of the image width."""
    return (1.1 - 0.3 * level) * (0.235 + 0.4 * (y - 0.59))


@dataclass
class Stage:
    """A scene under construction."""

    draw: Draw
    seconds: float
    level: float
    place: str
    look: Look
    props: dict[Slot, Prop] = field(default_factory=dict)
    free_slots: list[Slot] = field(default_factory=list)
    free_lanes: list[str] = field(default_factory=list)
    lane_busy: dict[str, tuple[float, float]] = field(default_factory=dict)
    zone_kept: bool = False
    actors: list[Actor] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)

    def take_slot(self, *, prop: bool = False) -> Slot | None:
        """Reserve a free quarter (one with something in it, if asked for), or return `None`."""
        options = [s for s in self.free_slots if not prop or s in self.props]
        if not options:
            return None
        slot = self.draw.pick(options)
        self.free_slots.remove(slot)
        return slot

    def keep_zone(self) -> None:
        """Let nothing but what belongs there happen in the closed-off quarter."""
        self.free_slots.remove(self.look.zone)
        self.zone_kept = True

    def take_zone(self) -> Slot | None:
        """Reserve the closed-off quarter, or return `None` if something happens there already."""
        slot = self.look.zone
        if self.zone_kept:
            self.zone_kept = False
        elif slot in self.free_slots:
            self.free_slots.remove(slot)
        else:
            return None
        return slot

    def take_lane(self) -> str | None:
        """Reserve a free lane, or return `None`."""
        if not self.free_lanes:
            return None
        lane = self.draw.pick(self.free_lanes)
        self.free_lanes.remove(lane)
        return lane

    def spot(self, slot: Slot) -> tuple[float, float]:
        """Return a point in front of the props of a quarter."""
        low, high = SPAN[slot.side]
        return self.draw.between(low, high), WALK_ROW[slot.row] + self.draw.between(-0.012, 0.012)

    def height(self, y: float) -> float:
        """Return a person's height at depth `y`, as a fraction of the image height."""
        return person_height(self.level, y)

    def length(self, y: float) -> float:
        """Return a vehicle's length at depth `y`, as a fraction of the image width."""
        return vehicle_length(self.level, y)

    def person(self, keys: list[Key], top: str | None = None, trousers: str | None = None) -> Actor:
        """Add a person, who stays as tall as where it first comes to the fore."""
        colours = (top or self.draw.pick(CLOTHES), trousers or self.draw.pick(TROUSERS))
        size = 0.94 + 0.12 * self.draw.unit()
        actor = Actor("person", colours, size, tuple(keys), self.draw.below(1 << 30))
        self.actors.append(actor)
        return actor

    def vehicle(self, keys: list[Key], shape: str | None = None, paint: str | None = None) -> Actor:
        """Add a vehicle."""
        kinds = ("cart",) if self.place == "terminal hall" else ("car", "car", "van")
        chosen = shape or self.draw.pick(kinds)
        actor = Actor(chosen, (paint or self.draw.pick(PAINTS),), 1.0, tuple(keys), self.draw.below(1 << 30))
        self.actors.append(actor)
        return actor

    def entrance(self, x: float, y: float, t: float, *, from_side: int = 0, carry: bool = False) -> Key:
        """Return the key at which someone who walks to (x, y) by `t` enters; side -1 is left, 1 right."""
        side = from_side or (1 if self.draw.chance(0.5) else -1)
        away = -EDGE if side < 0 else 1 + EDGE
        return Key(t - abs(x - away) / self.pace(y), away, y, "walk", -side, carry)

    def exit(self, x: float, y: float, t: float, *, to_side: int = 0, carry: bool = False) -> list[Key]:
        """Return the keys of someone who walks off from (x, y) at `t`."""
        side = to_side or (1 if self.draw.chance(0.5) else -1)
        away = -EDGE if side < 0 else 1 + EDGE
        gone = t + abs(x - away) / self.pace(y)
        return [Key(t, x, y, "walk", side, carry), Key(gone, away, y, "walk", side, carry)]

    def pace(self, y: float) -> float:
        """Return a walking speed at depth `y`, in image widths a second."""
        return self.draw.between(0.5, 0.7) * self.height(y)


def person_name(actor: Actor) -> str:
    """Say who it is, by what it wears."""
    return f"a person in a {actor.colours[0]} top and {actor.colours[1]} trousers"


def vehicle_name(actor: Actor) -> str:
    """Say which vehicle it is."""
    return f"a {actor.colours[0]} {actor.shape}"


def slot_name(slot: Slot) -> str:
    """Say where a quarter lies."""
    return f"on the {slot.side}, on the {slot.row} side of the carriageway"


def lane_name(lane: str) -> str:
    """Say which lane it is."""
    return f"in the {lane} lane"
