"""From `(split, seed, index, parameters)` to the full state of a clip."""

from __future__ import annotations

from vau_bench.synth.crowd import pedestrians, traffic
from vau_bench.synth.design import MARGIN, Cell, cell, interval
from vau_bench.synth.distractors import DISTRACTORS
from vau_bench.synth.draws import SPLITS, Draw
from vau_bench.synth.events import EVENTS
from vau_bench.synth.stage import PROP_ROW, SLOTS, SPAN, Stage
from vau_bench.synth.state import LOOKALIKE, Happening, Look, Prop, Scene, SynthParams, check_identity

_SCENE_STREAM = 2
_HOURS = ("day", "overcast", "dusk", "night")
_DEFAULT = SynthParams()


def scene_at(split: str, index: int, *, seed: int = 0, params: SynthParams = _DEFAULT) -> Scene:
    """Return the scene of one clip, fast and without drawing anything.

    Args:
        split: `train`, `val` or `test`; no two of them share a random stream.
        index: number of the clip within its split.
        seed: another seed gives another benchmark.
        params: length and difficulty.

    Raises:
        UsageError: for an unknown split, or a seed or index outside 32 bits.
    """
    check_identity(split, seed, index)
    plan = cell(split, seed, index)
    draw = Draw(SPLITS[split], seed, index, _SCENE_STREAM)
    stage = _empty(draw, plan.place, params)
    if "Intrusion" in plan.pair:
        stage.keep_zone()
    start, end = interval(plan, params.seconds)
    shown = plan.pair[0]
    event = None
    if plan.anomalous:
        event = _placed(EVENTS[shown](stage, start, end), shown)
        others = [LOOKALIKE[plan.pair[1]]]
        _placed(_distract(stage, others[0]), others[0])
    else:
        kind = LOOKALIKE[shown]
        stage.happenings.append(_placed(DISTRACTORS[kind](stage, start, end), kind))
    _more_distractors(stage, plan, 1 if plan.anomalous else 2)
    pedestrians(stage)
    traffic(stage)
    return Scene(
        split=split,
        index=index,
        seed=seed,
        params=params,
        place=plan.place,
        look=stage.look,
        props=tuple(stage.props[slot] for slot in SLOTS if slot in stage.props),
        actors=tuple(stage.actors),
        effects=tuple(stage.effects),
        event=event,
        distractors=tuple(stage.happenings),
        pair=plan.pair,
        letter=plan.letter,
        asks=plan.asks,
    )


def _placed(happening: Happening | None, kind: str) -> Happening:
    if happening is None:
        raise AssertionError(f"an empty stage has no room for {kind}")
    return happening


def _empty(draw: Draw, place: str, params: SynthParams) -> Stage:
    level = params.level
    zone = draw.pick(SLOTS)
    look = Look(
        hour=draw.pick(_HOURS),
        noise=round(0.5 + 2.6 * level + 0.4 * draw.unit(), 3),
        drift=round(1.0 + 3.0 * level + 2.0 * draw.unit(), 3),
        contrast=round(1.0 - 0.3 * level, 3),
        zone=zone,
        seed=draw.below(1 << 32),
    )
    stage = Stage(draw, params.seconds, level, place, look, free_slots=list(SLOTS), free_lanes=["far", "near"])
    kinds = draw.shuffled(("bin", "crates", "kiosk", "bench"))
    for slot in SLOTS:
        if slot == zone:
            continue
        low, high = SPAN[slot.side]
        y = PROP_ROW[slot.row]
        kind = kinds.pop()
        scale = stage.height(y) * {"bin": 0.62, "crates": 0.72, "kiosk": 0.95, "bench": 0.5}[kind]
        stage.props[slot] = Prop(kind, draw.between(low, high), y, scale)
    return stage


def _distract(stage: Stage, kind: str) -> Happening | None:
    """Put a distractor somewhere, at a time like that of an anomaly."""
    plan_length = stage.draw.between(0, 1)
    length = round(2.0 + 4.0 * plan_length * plan_length, 1)
    start = round(stage.draw.between(MARGIN, stage.seconds - MARGIN - length), 1)
    happening = DISTRACTORS[kind](stage, start, round(start + length, 1))
    if happening is not None:
        stage.happenings.append(happening)
    return happening


def _more_distractors(stage: Stage, plan: Cell, least: int) -> None:
    """Add distractors that resemble neither class of the question, so that it keeps one right answer."""
    barred = {LOOKALIKE[name] for name in plan.pair}
    kinds = stage.draw.shuffled([kind for kind in DISTRACTORS if kind not in barred])
    wanted = least + int(2 * stage.level) - (1 if stage.level < 0.2 else 0)
    added = 0
    for kind in kinds:
        if added >= wanted:
            return
        added += _distract(stage, kind) is not None
