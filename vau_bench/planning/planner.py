"""From the options of an evaluation to its plan; nothing is asked, no weights are loaded, nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from vau_bench.catalogue import Catalogue
from vau_bench.errors import MissingExtraError, ModelError, UsageError
from vau_bench.evaluation import task_run
from vau_bench.models import adapter_of, create_model
from vau_bench.models.base import Model
from vau_bench.models.checkpoint import find
from vau_bench.models.local_config import LocalConfig
from vau_bench.models.openai import OpenAIConfig
from vau_bench.models.windows import parse_windows
from vau_bench.options import Options
from vau_bench.paths import cache_dir
from vau_bench.planning.accelerators import Hardware
from vau_bench.planning.decoding import ASSUMED, DecodeRate
from vau_bench.planning.estimate import (
    Prices,
    compute_figures,
    decode_figures,
    endpoint_figures,
    request_figures,
    token_figures,
)
from vau_bench.planning.figures import Figure, Plan
from vau_bench.planning.images import rule_of
from vau_bench.planning.lengths import Lengths, Like, Typical
from vau_bench.planning.prompts import Counter, counter_by_rule, own_counter
from vau_bench.planning.shapes import Shape, shape_named, shape_of_config
from vau_bench.planning.workload import Footage, Reckoner, Workload
from vau_bench.progress import Progress, Silent
from vau_bench.records import Response
from vau_bench.video import ClipLoader


@dataclass(frozen=True)
class Circumstances:
    """All that a plan depends on besides what is asked.

    Attributes:
        hardware: the GPUs.
        hours: of footage that is asked about instead of a data set.
        footage: what is assumed of videos that are not there.
        prices: of an endpoint.
        concurrency: requests in flight; default: the model's argument, at each of its servers.
        like: the responses of a run that answers are as long as.
        like_name: of that run.
        measure: whether decoding is measured on this machine.
        most: samples of a task that are looked at.
    """

    hardware: Hardware | None = None
    hours: float | None = None
    footage: Footage = field(default_factory=Footage)
    prices: Prices = field(default_factory=Prices)
    concurrency: int | None = None
    like: Sequence[Response] = ()
    like_name: str = ""
    measure: bool = False
    most: int = 500


def plan(options: Options, around: Circumstances, progress: Progress | None = None) -> Plan:
    """Return what an evaluation will cost.

    Raises:
        UsageError: for a model whose size or rule is not known; lists those that are.
        VauBenchError: as `evaluate` raises before it asks.
    """
    with closing(ClipLoader(cache_dir(), workers=options.decode_workers, timeout=options.decode_timeout)) as clips:
        return planned(options, around, clips, progress)[0]


def planned(
    options: Options, around: Circumstances, clips: ClipLoader, progress: Progress | None = None
) -> tuple[Plan, Workload]:
    """Return the plan, and the requests that it is of; see `plan` for errors."""
    model = create_model(options.model, _offline(options), clips)
    with closing(model):
        shape = _shape(model)
        counter = _counter(model, shape)
        workload = _workload(options, around, model, counter, clips, progress or Silent())
    figures = request_figures(workload)
    arrangement = None
    if counter is not None:
        figures += token_figures(workload, counter)
    if shape is not None:
        concurrency = _concurrency(model.config, around) if isinstance(model.config, OpenAIConfig) else None
        more, arrangement = compute_figures(workload, shape, model.config, around.hardware, concurrency)
        figures += more
    copies = arrangement.use.copies if arrangement and isinstance(model.config, LocalConfig) else 1
    figures += decode_figures(workload, _rate(around, workload), options.decode_workers * copies)
    if isinstance(model.config, OpenAIConfig):
        figures += endpoint_figures(workload, _prices(model.config, around), timed=arrangement is None)
    return Plan(
        _title(options, around, workload), tuple(_ordered(figures)), arrangement.problem if arrangement else None
    ), workload


def _offline(options: Options) -> dict[str, Any]:
    """Return the arguments of the model, told not to ask the hub."""
    schema = adapter_of(options.model).Config
    arguments = dict(options.model_args)
    if issubclass(schema, LocalConfig):
        arguments["local_files_only"] = True
    return arguments


def _shape(model: Model[Any]) -> Shape | None:
    """Return how large the model is, `None` where it is none that GPUs are reckoned for.

    Raises:
        UsageError: if it is one, and its size is not known.
    """
    config = model.config
    if isinstance(config, LocalConfig):
        try:
            found = find(config.checkpoint, config.revision, offline=True)
        except (ModelError, MissingExtraError):
            return shape_named(config.checkpoint)
        return shape_of_config(found.config, found.name)
    if isinstance(config, OpenAIConfig) and rule_of(config.model) is None:
        return shape_named(config.model)
    return None


def _counter(model: Model[Any], shape: Shape | None) -> Counter | None:
    """Return what counts the tokens of prompts, `None` for what is no language model."""
    config = model.config
    if isinstance(config, LocalConfig):
        return own_counter(model) or counter_by_rule(config, shape)
    return counter_by_rule(config, shape) if isinstance(config, OpenAIConfig) else None


def _workload(
    options: Options,
    around: Circumstances,
    model: Model[Any],
    counter: Counter | None,
    clips: ClipLoader,
    progress: Progress,
) -> Workload:
    tasks = Catalogue(options.tasks_dirs).resolve(options.tasks)
    if not tasks:
        raise UsageError("no task named; pass --tasks NAME, see `vau-bench tasks list`")
    lengths: Lengths = Like(around.like, around.like_name) if around.like else Typical()
    reckoner = Reckoner(
        model=model,
        counter=counter,
        lengths=lengths,
        clips=clips,
        footage=around.footage,
        progress=progress,
        hours=around.hours,
        windows=parse_windows(options.windows) if options.windows else None,
        most=around.most,
    )
    return reckoner.reckon([task_run(task, model, options) for task in tasks])


def _rate(around: Circumstances, workload: Workload) -> DecodeRate:
    if not around.measure:
        return ASSUMED
    from vau_bench.planning.measuring import measured_rate

    return measured_rate(workload.viewed)


def _concurrency(config: OpenAIConfig, around: Circumstances) -> int:
    """Return the requests in flight, at all servers together."""
    return around.concurrency or config.concurrency * len(config.addresses)


def _prices(config: OpenAIConfig, around: Circumstances) -> Prices:
    seconds = [r.usage.seconds for r in around.like if r.usage and r.usage.seconds is not None]
    return replace(
        around.prices,
        concurrency=_concurrency(config, around),
        seconds=sum(seconds) / len(seconds) if seconds else None,
        name=around.like_name,
    )


def _title(options: Options, around: Circumstances, workload: Workload) -> str:
    where = f" on {around.hardware}" if around.hardware else ""
    what = f"{around.hours:g} hours of footage" if around.hours is not None else f"{workload.requests:.0f} requests"
    return f"{options.model}: {', '.join(options.tasks)}, {what}{where}"


_SECTIONS = ("requests", "tokens", "model", "compute", "memory of a copy", "decoding", "disk", "cost", "time")


def _ordered(figures: Iterable[Figure]) -> list[Figure]:
    """Return the figures by section."""
    return sorted(figures, key=lambda figure: _SECTIONS.index(figure.section))
