"""Which samples get which first answer: drawn from the error model, or taken from a policy's own responses."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from srvau_train.rocot.answers import KINDS, Answer, Kind, is_right, read_answer, rounded, true_answer
from srvau_train.rocot.findings import mistaken_for
from srvau_train.rocot.mistakes import Decoy, ErrorModel
from srvau_train.rocot.teacher import Assignment, Manner
from vau_bench.errors import DataError, UsageError
from vau_bench.parsing import parse_grammar
from vau_bench.records import NORMAL, Outcome, Response, Sample, Segment
from vau_bench.synth import CLASSES, GENERATOR_VERSION, SynthParams, sample_of, scene_at
from vau_bench.synth.draws import Draw
from vau_bench.synth.state import Scene

BLOCK = 10
"""Within so many samples of one task the share of right first answers is as declared, to the nearest whole."""


@dataclass(frozen=True, slots=True)
class RocotConfig:
    """What decides about every byte of the data.

    Attributes:
        clips: how many vau_synth clips.
        split: that they come from; only `train` is accepted.
        data_seed: of vau_synth.
        seconds: length of a clip.
        difficulty: 0 to 1, or `easy`, `medium`, `hard`.
        kinds: the tasks to write chains for, each on every clip.
        right_share: share of right first answers, which the chain keeps; the others are wrong, and corrected. The
            default is 0.3, so 30 right to 70 wrong, as in SRPO's data. `None`, with a policy's own answers,
            takes them at the rate at which they are right.
        errors: the error model, where there are no policy's answers.
        seed: of first answers and wordings.
        manner: how chains are written.
    """

    clips: int = 1000
    split: str = "train"
    data_seed: int = 0
    seconds: float = 16.0
    difficulty: float | str = "medium"
    kinds: tuple[Kind, ...] = ("grounding", "classification", "mcq")
    right_share: float | None = 0.3
    errors: ErrorModel = field(default_factory=ErrorModel)
    seed: int = 0
    manner: Manner = field(default_factory=Manner)

    def __post_init__(self) -> None:
        unknown = [k for k in self.kinds if k not in KINDS]
        if unknown or not self.kinds or len(set(self.kinds)) < len(self.kinds):
            raise UsageError(
                f"kinds must be some of {', '.join(KINDS)}, each once, not {', '.join(self.kinds) or 'none'}"
            )
        if self.clips < 1:
            raise UsageError(f"clips must be at least 1, not {self.clips}")
        if self.right_share is not None and not 0 <= self.right_share <= 1:
            raise UsageError(f"right_share must be a share from 0 to 1, not {self.right_share}")
        if not (0 < self.manner.step <= self.seconds / 2 and 0 < self.manner.grid <= 1):
            raise UsageError("step must be above 0 s and at most half a clip, grid above 0 s and at most 1 s")
        if self.manner.walk not in ("seconds", "runs"):
            raise UsageError(f"walk must be seconds or runs, not {self.manner.walk!r}")

    @property
    def params(self) -> SynthParams:
        """The parameters of the clips."""
        return SynthParams(self.seconds, self.difficulty)

    @property
    def dataset(self) -> dict[str, Any]:
        """The identity of the clips."""
        return {
            "name": "vau_synth", "generator": GENERATOR_VERSION, "seed": self.data_seed,
            "seconds": self.seconds, "difficulty": self.difficulty,
        }  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Return the configuration as it is written beside the data."""
        return {**asdict(self), "kinds": list(self.kinds), "dataset": self.dataset}


class Planned(NamedTuple):
    """One chain to write, or the reason why there is none to write.

    Attributes:
        sample: of the chain.
        kind: of the task.
        assignment: `None` where `skipped` tells why.
        origin: `errors` or `policy`.
        mistake: the error that the error model made; `none` for a right answer, `own` for a policy's.
        skipped: the reason.
    """

    sample: Sample
    kind: Kind
    assignment: Assignment | None
    origin: str
    mistake: str
    skipped: str | None = None


def stream_of(*parts: object) -> Draw:
    """Return the random stream that belongs to these parts."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return Draw(*(int.from_bytes(digest[i : i + 4], "big") for i in range(0, 32, 4)))


def scenes(config: RocotConfig) -> Iterator[tuple[Scene, Sample]]:
    """Yield the clips, without drawing a frame."""
    for index in range(config.clips):
        scene = scene_at(config.split, index, seed=config.data_seed, params=config.params)
        yield scene, sample_of(scene)


def planned_errors(config: RocotConfig) -> Iterator[Planned]:
    """Yield chains whose first answers come from the error model; right and wrong ones as declared.

    Raises:
        UsageError: if no share is declared.
    """
    if config.right_share is None:
        raise UsageError("the rate at which a policy is right needs its answers; pass --first, or declare a share")
    for index, (scene, sample) in enumerate(scenes(config)):
        for kind in config.kinds:
            draw = stream_of("first", config.seed, sample.id, kind)
            truth = true_answer(sample, config.manner.grid)
            if _is_right_place(index, kind, config):
                yield _assigned(config, scene, sample, kind, truth, None, "errors", "none")
                continue
            made = config.errors.draw(sample, truth, kind, CLASSES, decoys(scene), config.manner.grid, draw)
            if made is None:
                yield Planned(sample, kind, None, "errors", "none", "no_possible_mistake")
            else:
                yield _assigned(config, scene, sample, kind, made.answer, None, "errors", made.name)


def planned_policy(config: RocotConfig, responses: Mapping[tuple[str, Kind], Response]) -> Iterator[Planned]:
    """Yield chains on a policy's own first answers; surplus ones leave, so that the declared share holds.

    Args:
        config: with the share.
        responses: by sample and task.
    """
    found = [p for scene, sample in scenes(config) for p in _read_all(config, scene, sample, responses)]
    yield from _balanced(found, config)


def kind_of_task(task: str) -> Kind | None:
    """Return the kind of a task by its name, such as `vau_synth_mcq`."""
    return next((kind for kind in KINDS if task.endswith(kind)), None)


def by_sample(responses: Sequence[Response], config: RocotConfig) -> dict[tuple[str, Kind], Response]:
    """Index a policy's responses; the last one of a sample counts.

    Raises:
        DataError: if one answers a sample that is not in the training split.
    """
    out: dict[tuple[str, Kind], Response] = {}
    for response in responses:
        kind = kind_of_task(response.task)
        if not response.sample_id.startswith(f"{config.split}-"):
            raise DataError(
                f"the first answers hold {response.sample_id}, which is not of the split {config.split}; chains are "
                "built on training splits only"
            )
        if kind is not None:
            out[response.sample_id, kind] = response
    return out


def decoys(scene: Scene) -> list[Decoy]:
    """Return what in a scene can be taken for an anomaly."""
    return [Decoy(mistaken_for(h), Segment(h.start, h.end)) for h in scene.distractors]


def _is_right_place(index: int, kind: str, config: RocotConfig) -> bool:
    """Tell whether the first answer at this index is a right one: seeded, and as declared within each block."""
    share = config.right_share or 0.0
    block, place = divmod(index, BLOCK)
    count = round((block + 1) * BLOCK * share) - round(block * BLOCK * share)
    order = stream_of("right", config.seed, kind, block).shuffled(range(BLOCK))
    return place in order[:count]


def _assigned(
    config: RocotConfig,
    scene: Scene,
    sample: Sample,
    kind: Kind,
    first: Answer,
    think: str | None,
    origin: str,
    name: str,
) -> Planned:
    truth = true_answer(sample, config.manner.grid)
    action = "correct"
    if is_right(first, sample, kind):
        exact = first.segment is None or kind in ("mcq", "classification") or _near(first.segment, truth.segment)
        action = "keep" if exact else "refine"
    return Planned(
        sample, kind, Assignment(sample, kind, first, think, truth, action, scene, config.manner), origin, name
    )


def _near(segment: Segment, true: Segment | None, tolerance: float = 0.25) -> bool:
    """Tell whether both ends are so near that there is nothing to refine."""
    return true is not None and max(abs(segment.start - true.start), abs(segment.end - true.end)) <= tolerance


def _read_all(
    config: RocotConfig, scene: Scene, sample: Sample, responses: Mapping[tuple[str, Kind], Response]
) -> Iterator[Planned]:
    for kind in config.kinds:
        response = responses.get((sample.id, kind))
        if response is None or response.outcome is not Outcome.SCORED:
            yield Planned(sample, kind, None, "policy", "own", "no_first_answer")
            continue
        grammar = parse_grammar(response.text)
        attempt = grammar.first or grammar.last
        first = read_answer(response.text[slice(*attempt.span)], sample, kind, (NORMAL, *CLASSES))
        if first is None:
            yield Planned(sample, kind, None, "policy", "own", "unreadable_first_answer")
            continue
        if first.segment is not None:
            first = Answer(first.label, rounded(first.segment, config.manner.grid), first.option)
        yield _assigned(config, scene, sample, kind, first, attempt.think or None, "policy", "own")


def _balanced(found: Sequence[Planned], config: RocotConfig) -> Iterator[Planned]:
    """Take out what is too much of right or wrong answers, per task, chosen by the seed."""
    if config.right_share is None:
        yield from found
        return
    left: Counter[tuple[Kind, bool]] = Counter()
    for kind in config.kinds:
        counts = Counter(_right(p) for p in found if p.kind == kind and p.assignment)
        left[kind, True], left[kind, False] = kept_counts(counts[True], counts[False], config.right_share)
    order = sorted(found, key=lambda p: stream_of("balance", config.seed, p.sample.id, p.kind).word())
    taken: set[tuple[str, Kind]] = set()
    for p in order:
        if p.assignment and left[p.kind, _right(p)] > 0:
            left[p.kind, _right(p)] -= 1
            taken.add((p.sample.id, p.kind))
    for p in found:
        surplus = p.assignment is not None and (p.sample.id, p.kind) not in taken
        yield p._replace(assignment=None, skipped="surplus") if surplus else p


def kept_counts(right: int, wrong: int, share: float) -> tuple[int, int]:
    """Return how many right and wrong answers to keep, as many as possible with this share of right ones."""
    if share in (0.0, 1.0):
        return (right, 0) if share else (0, wrong)
    total = min(right / share, wrong / (1 - share))
    return min(right, round(total * share)), min(wrong, round(total * (1 - share)))


def _right(planned: Planned) -> bool:
    return planned.assignment is not None and planned.assignment.action != "correct"
