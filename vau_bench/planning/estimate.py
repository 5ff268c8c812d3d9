"""From a workload to the figures of a plan; every function is pure and returns the figures of one section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vau_bench.planning.accelerators import Hardware
from vau_bench.planning.arrangement import Arrangement, arranged, bytes_of
from vau_bench.planning.compute import (
    BANDWIDTH_SHARE,
    GIB,
    SPARE_GIB,
    UTILISATION,
    decode_flops,
    hours,
    prefill_flops,
)
from vau_bench.planning.decoding import DecodeRate, total_seconds
from vau_bench.planning.figures import Figure
from vau_bench.planning.prompts import Counter
from vau_bench.planning.shapes import Shape
from vau_bench.planning.workload import Workload
from vau_bench.video.cache import entry_bytes
from vau_bench.video.loader import CACHE_BYTES

FIRST_TOKEN, TOKENS_A_SECOND = 2.0, 60.0
"""Assumed seconds until an endpoint's answer begins, and tokens of it a second; used where no run tells."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What an endpoint costs, and how fast it answers.

    Attributes:
        prompt: of a million tokens, in any currency; `None` if not given.
        output: of a million tokens.
        concurrency: requests in flight.
        seconds: that an answer took in a run; `None` if there is none.
        name: of that run.
    """

    prompt: float | None = None
    output: float | None = None
    concurrency: int = 1
    seconds: float | None = None
    name: str = ""


def request_figures(workload: Workload) -> list[Figure]:
    """Return how many requests there are, and what is known of their videos."""
    figures = [Figure("requests", "requests", workload.requests, "", "one a sample and turn of its conversation")]
    for reason, count in workload.failing.items():
        figures.append(Figure("requests", "not asked", count, "", reason))
    if workload.viewed:
        clips = sum(one.weight for one in workload.viewed)
        known = f"{workload.measured:.0%} measured from the files"
        assumed = "" if workload.measured == 1 else f"; assumed of the others: {workload.footage}"
        figures.append(Figure("requests", "clips", clips, "", known + assumed))
        frames = sum(one.weight * len(one.shown) for one in workload.viewed) / clips
        figures.append(Figure("requests", "frames a clip", frames, "", _plans(workload)))
    return figures


def _plans(workload: Workload) -> str:
    plans = list(dict.fromkeys(one.plan for one in workload.viewed))
    return f"frame plan {plans[0]}" + (f" and {len(plans) - 1} more" if len(plans) > 1 else "")


def token_figures(workload: Workload, counter: Counter) -> list[Figure]:
    """Return the tokens of a request and of all."""
    lengths = list(dict.fromkeys(workload.lengths.values()))
    output = lengths[0] if len(lengths) == 1 else "; ".join(f"{t}: {told}" for t, told in workload.lengths.items())
    rows = (("visual", counter.visual), ("text", counter.text), ("output", output))
    figures = []
    for name, basis in rows:
        total = workload.total(name)
        figures.append(Figure("tokens", f"{name} a request", total / max(1.0, workload.requests), "tokens", basis))
        figures.append(Figure("tokens", f"{name} in all", total, "tokens", "the sum over all requests"))
    return figures


def compute_figures(
    workload: Workload, shape: Shape, config: Any, hardware: Hardware | None, concurrency: int | None
) -> tuple[list[Figure], Arrangement | None]:
    """Return operations, memory and hours of GPUs, and how these are used, if they are named.

    Args:
        workload: what is asked.
        shape: of the model.
        config: the arguments of the model.
        hardware: `None` leaves out what depends on it.
        concurrency: requests in flight, for a server.
    """
    prefill = sum(one.weight * prefill_flops(shape, one) for one in workload.asked)
    decode = sum(one.weight * decode_flops(shape, one) for one in workload.asked)
    figures = [
        Figure("model", "parameters", shape.parameters / 1e9, "10^9", f"large matrices alone; {shape.source}"),
        Figure(
            "compute",
            "prefill operations",
            prefill,
            "FLOP",
            "2 x parameters x tokens (patches in the tower), and attention",
        ),
        Figure("compute", "decode operations", decode, "FLOP", "2 x parameters x new tokens, and attention"),
    ]
    if hardware is None:
        told = "pass --hardware, such as h100:8, to get hours and whether it fits"
        return [*figures, Figure("compute", "GPU hours", "not reckoned", "", told)], None
    arrangement = arranged(shape, config, hardware, workload.asked, concurrency)
    figures += _memory(arrangement)
    if arrangement.problem is None:
        figures += _hours(workload, shape, hardware, arrangement, bytes_of(config))
    return figures, arrangement


def _memory(arrangement: Arrangement) -> list[Figure]:
    need, use = arrangement.memory, arrangement.use
    rows = (
        ("weights", need.weights, "2 bytes a parameter (4 in float32)"),
        ("keys and values", need.cache, f"{use.batch} at once, each as long as the longest request"),
        ("spare", need.spare, f"assumed: {SPARE_GIB:g} GiB a GPU for pixels, activations, fragments"),
        ("in all", need.total, f"of {need.limit:.0f} GiB: {arrangement.told}"),
    )
    return [Figure("memory of a copy", name, value, "GiB", basis) for name, value, basis in rows]


def _hours(workload: Workload, shape: Shape, hardware: Hardware, arrangement: Arrangement, width: int) -> list[Figure]:
    use, peak = arrangement.use, hardware.each
    spent = hours(shape, workload.asked, use, hardware, width=width)
    compute = f"assumed: {UTILISATION:.0%} of {peak.tflops:g} TFLOPS bf16 ({peak.source}, read {peak.read})"
    decode = (
        f"bound by {spent.bound}; assumed: {BANDWIDTH_SHARE:.0%} of {peak.bandwidth:g} GB/s, weights read once a step "
        f"for {use.batch} request{'s' if use.batch > 1 else ''}"
    )
    rows = (
        ("prefill", spent.prefill, compute),
        ("decode", spent.decode, decode),
        ("GPU hours", spent.total, f"{hardware}; nothing overlaps"),
    )
    figures = [Figure("compute", name, value / 3600 * use.together, "GPU hours", basis) for name, value, basis in rows]
    wall = spent.total / 3600 / use.copies
    told = "one copy answers all" if use.copies == 1 else f"{use.copies} copies share the requests evenly"
    return [*figures, Figure("time", "wall time of the GPUs", wall, "h", f"{told}; loading is left out")]


def decode_figures(workload: Workload, rate: DecodeRate, processes: int) -> list[Figure]:
    """Return what decoding takes of so many processes, and the disk that its frames take."""
    if not workload.viewed:
        return []
    weight = sum(one.weight for one in workload.viewed)
    decoded = sum(one.weight * one.shown.decoded for one in workload.viewed)
    seeks = sum(one.weight * one.shown.seeks for one in workload.viewed)
    core = total_seconds(workload.viewed, rate) / 3600
    size = sum(one.weight * entry_bytes(one.shown) for one in workload.viewed)
    per = (
        f"{rate.video:.3g} ms a second of video, {rate.seek:.3g} ms a seek, {rate.megapixel:.3g} ms a megapixel; "
        f"{rate.told}"
    )
    keeps = "RGB as the plan scales it, uncompressed"
    if size > CACHE_BYTES:
        keeps += f"; the cache keeps {CACHE_BYTES / GIB:.0f} GiB, so a second run decodes again"
    shared = "one decoding process" if processes == 1 else f"{processes} decoding processes on a core each"
    exact = "from the keyframe before each shown frame on"
    return [
        Figure("decoding", "frames to decode a clip", decoded / weight, "", exact),
        Figure("decoding", "seeks a clip", seeks / weight, "", exact),
        Figure("decoding", "CPU hours", core, "core h", per),
        Figure("time", "wall time of decoding", core / processes, "h", shared),
        Figure("disk", "frame cache", size / GIB, "GiB", keeps),
    ]


def endpoint_figures(workload: Workload, prices: Prices, *, timed: bool = True) -> list[Figure]:
    """Return what an endpoint costs, and how long it takes unless that is known from its GPUs (not `timed`)."""
    figures = []
    if prices.prompt is not None or prices.output is not None:
        prompt, output = workload.total("prompt"), workload.total("output")
        cost = (prompt * (prices.prompt or 0.0) + output * (prices.output or 0.0)) / 1e6
        told = f"{prices.prompt or 0:g} a million prompt tokens, {prices.output or 0:g} a million of output, as given"
        figures.append(Figure("cost", "endpoint", cost, "", f"{told}; no discount for batches or cached prompts"))
    if not timed:
        return figures
    if prices.seconds is not None:
        each, told = prices.seconds, f"{prices.seconds:.3g} s an answer, the mean of {prices.name}"
    else:
        each = FIRST_TOKEN + workload.total("output") / max(1.0, workload.requests) / TOKENS_A_SECOND
        told = f"assumed: {FIRST_TOKEN:g} s to the first token, {TOKENS_A_SECOND:g} tokens a second"
    wall = workload.requests * each / prices.concurrency / 3600
    figures.append(Figure("time", "wall time of the endpoint", wall, "h", f"{told}; {prices.concurrency} in flight"))
    return figures
