"""What a scene is: plain records in continuous coordinates.

The world is the unit square, x to the right and y downwards; times are seconds. An actor's position is
the point where it touches the ground, so that `y` also is its depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from vau_bench.errors import UsageError
from vau_bench.records import NORMAL, Segment
from vau_bench.synth.draws import WORD

GENERATOR_VERSION = "1"
"""Changes whenever the same (split, seed, index, parameters) give other pixels or another truth."""

CLASSES = (
    "Fire",
    "Explosion",
    "Fall",
    "Fight",
    "Intrusion",
    "Wrong-way",
    "Collision",
    "Abandoned object",
)
DECOYS = ("sign", "steam", "crouch", "talk", "worker", "ambulance", "queue", "attended")
"""The harmless lookalike of each class, in the same order."""

LOOKALIKE = dict(zip(CLASSES, DECOYS, strict=True))
PLACES = ("street", "plaza", "car park", "terminal hall")
DIFFICULTIES = {"easy": 0.0, "medium": 0.4, "hard": 1.0}


@dataclass(frozen=True, slots=True)
class SynthParams:
    """What changes the content of the clips.

    Attributes:
        seconds: length of a clip, 12 to 20.
        difficulty: 0 to 1, or one of `DIFFICULTIES`: more noise, distractors and bystanders, smaller
            figures, less contrast.
    """

    seconds: float = 16.0
    difficulty: float | str = "medium"

    def __post_init__(self) -> None:
        if not 12 <= self.seconds <= 20:
            raise UsageError(f"synthetic clips last 12 to 20 seconds, not {self.seconds}")
        level = self.difficulty
        if isinstance(level, str) and level not in DIFFICULTIES:
            raise UsageError(f"difficulty is a number from 0 to 1 or one of {', '.join(DIFFICULTIES)}, not {level!r}")
        if not 0 <= self.level <= 1:
            raise UsageError(f"difficulty is a number from 0 to 1, not {level}")

    @property
    def level(self) -> float:
        """The difficulty as a number."""
        return DIFFICULTIES[self.difficulty] if isinstance(self.difficulty, str) else float(self.difficulty)


class Key(NamedTuple):
    """From time `t` on, the actor goes from here to the next key, doing `action`.

    `face` is 1 to the right, -1 to the left.
    """

    t: float
    x: float
    y: float
    action: str
    face: int = 1
    carry: bool = False


@dataclass(slots=True)
class Actor:
    """A person, a vehicle or a bag; there from its first key to its last.

    Attributes:
        shape: `person`, `car`, `van`, `cart`, `ambulance` or `bag`.
        colours: names of the colours of its parts (a person's top and trousers; a vehicle's body).
        scale: size relative to others of its shape.
    """

    shape: str
    colours: tuple[str, ...]
    scale: float
    keys: tuple[Key, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Prop:
    """A thing that stands there for the whole clip."""

    kind: str
    x: float
    y: float
    scale: float


@dataclass(frozen=True, slots=True)
class Effect:
    """Light, fire or smoke, from `start` to `end`, about a point."""

    kind: str
    start: float
    end: float
    x: float
    y: float
    size: float
    seed: int


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happens: the anomaly, or something harmless that resembles one.

    Attributes:
        kind: a class of `CLASSES`, or what a distractor does (`crouch`, `talk`, ...).
        side: `left` or `right`, or `None` for what crosses the picture.
        who: the actor or thing in words, with its article.
        where: the place in words.
        key_object: what to look at, in words.
    """

    kind: str
    start: float
    end: float
    side: str | None
    who: str
    where: str
    key_object: str

    @property
    def anomalous(self) -> bool:
        """Whether this is the anomaly."""
        return self.kind in LOOKALIKE


class Slot(NamedTuple):
    """A quarter of the ground where something can happen: far or near, left or right."""

    row: str
    side: str


@dataclass(frozen=True, slots=True)
class Look:
    """How the scene and the camera look.

    Attributes:
        hour: `day`, `overcast`, `dusk` or `night`.
        noise: standard deviation of the camera noise, in grey levels.
        drift: largest slow change of the brightness, in grey levels.
        contrast: 1 for full colours, less for paler ones.
        zone: the closed-off quarter.
        seed: of the textures and the noise.
    """

    hour: str
    noise: float
    drift: float
    contrast: float
    zone: Slot
    seed: int


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything about one clip; a pure function of `(split, seed, index, parameters)`."""

    split: str
    index: int
    seed: int
    params: SynthParams
    place: str
    look: Look
    props: tuple[Prop, ...]
    actors: tuple[Actor, ...]
    effects: tuple[Effect, ...]
    event: Happening | None
    distractors: tuple[Happening, ...]
    pair: tuple[str, str]
    letter: int
    asks: str

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self.params.seconds

    @property
    def label(self) -> str:
        """The anomaly's class, or `NORMAL`."""
        return self.event.kind if self.event else NORMAL

    @property
    def segment(self) -> Segment | None:
        """When the anomalous state holds."""
        return Segment(self.event.start, self.event.end) if self.event else None


def check_identity(split: str, seed: int, index: int) -> None:
    """Refuse what would share a random stream with another clip.

    Raises:
        UsageError: for an unknown split, or a seed or index outside 32 bits.
    """
    if split not in ("train", "val", "test"):
        raise UsageError(f"unknown split {split!r}; known: train, val, test")
    for name, number in (("seed", seed), ("index", index)):
        if not 0 <= number < WORD:
            raise UsageError(f"{name} must be 0 to {WORD - 1}, not {number}")
