"""The model card of a nano checkpoint: every figure as it was measured, with its interval and its floor."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from srvau_train.checkpoints import FINAL, METRICS
from srvau_train.nano.measure import PLANTED_RIGHT, PLANTED_TALLY, PREFIX, RIVAL_STAGES
from srvau_train.nano.train import RECIPE, TIMES, Training
from vau_bench.comparison import compare_results
from vau_bench.saved import load_results

CARD = "README.md"
_RUNS = {
    "grpo": "the checkpoint: fine-tuned on answers and chains, then reinforced",
    "reflect": "before the reinforcement",
    "answers": "fine-tuned on answers alone, for as many steps as chains took",
    "grpo-answers": "reinforced by format and the last answer alone",
    "black": "control: the checkpoint with a black picture",
    "shuffled": "control: the checkpoint with the frames out of order",
}
_METRICS = ("miou", "recall@0.5", "recall@0.7", "accuracy", "anomalous_accuracy", "verdict_accuracy")


def write_card(training: Training, beside: Sequence[Path] = ()) -> Path:
    """Write the card beside the finished checkpoint, from what the runs measured, and return its path.

    Args:
        training: that made it.
        beside: folders of the same recipe from other seeds, whose figures stand beside.
    """
    out = training.out
    command = _command(training, beside)
    parts = [_HEAD.format(command=command, seed=training.recipe.seed, parameters=_parameters(out))]
    parts.append("## Measured on the test split\n\n" + "\n".join(_rows(out)))
    compared = list(_compared(out))
    if compared:
        parts.append("## Against what it came from\n\n" + "\n".join(compared))
    others = list(_others(out, beside))
    if others:
        parts.append("## Other seeds\n\n" + "\n".join(others))
    parts.append("## What reflection does\n\n" + "\n".join(_reflection(out)))
    parts.append("## Where the time went\n\n" + "\n".join((*_times(out), "", *_profile(out))))
    curves = draw_curves(out)
    if curves:
        parts.append(f"## Curves\n\n![losses and rewards over steps]({curves.name})")
    path = out / FINAL / CARD
    path.write_text("\n\n".join(parts) + "\n", "utf-8")
    if curves:
        shutil.copy(curves, path.parent / curves.name)
    return path


_HEAD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: video-text-to-text
tags: [video-anomaly-understanding, reflection]
---
# SRVAU-R1 nano

A Qwen2.5-VL of {parameters} parameters, trained from nothing on procedural clips (VAU-Synth) on two CPU cores. It
exists to try the whole recipe and the whole harness in minutes; it knows nothing about real footage.

Made by `{command}`; seed {seed}. It is shown a frame a second at 96 x 96 pixels, each pair of frames as a video of its
own behind its times (`mode=patches`); the times in its answers lie half-way between two frames."""


def _command(training: Training, beside: Sequence[Path]) -> str:
    seed, rivals = training.recipe.seed, (training.out / "runs" / name for name in ("answers", "grpo-answers"))
    options = (f" --seed {seed}" if seed else "", " --ablations" if any(r.is_dir() for r in rivals) else "")
    return "vau-bench train nano" + "".join(options) + " --beside DIR" * len(beside)


def _parameters(out: Path) -> str:
    size = (out / FINAL / "model.safetensors").stat().st_size
    return f"{size / 2e6:.1f} M"


def _results(out: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for name in _RUNS:
        path = out / "runs" / name / "results.json"
        if path.is_file():
            yield name, json.loads(path.read_text("utf-8"))["tasks"]


def _rows(out: Path) -> Iterator[str]:
    yield "| what | task | style | metric | value | 95 % interval | n | best blind floor | unparsed |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, tasks in _results(out):
        for task in tasks:
            lost = sum(task["outcomes"].get(k, 0) for k in ("unparsed", "truncated"))
            for metric in (m for m in _METRICS if m in task["metrics"]):
                found = task["metrics"][metric]
                floors = {f: v["metrics"].get(metric) for f, v in task["floors"].items()}
                best = max(((v, f) for f, v in floors.items() if v is not None), default=None)
                floor = f"{100 * best[0]:.1f} ({best[1]})" if best else ""
                yield (
                    f"| {name} | {task['kind']} | {task['style']} | {metric} | {_percent(found['value'])} | "
                    f"{_interval(found)} | {found['n']} | {floor} | {lost} of {task['expected']} |"
                )
    yield ""
    yield from (f"- `{name}`: {_RUNS[name]}" for name, _ in _results(out))


def _compared(out: Path) -> Iterator[str]:
    """Yield what the checkpoint's answers are worth less those of what it is compared with, on the same clips."""
    runs = {name: out / "runs" / name for name in ("grpo", "reflect", "answers", "grpo-answers")}
    rivals = [name for name in list(runs)[1:] if (runs[name] / "results.json").is_file()]
    if not rivals or not (runs["grpo"] / "results.json").is_file():
        return
    checkpoint = load_results(runs["grpo"])
    yield "The checkpoint less what it is compared with, in points, on the same clips."
    yield ""
    yield "| less | task | metric | difference | 95 % interval | p (Holm) |"
    yield "|---|---|---|---|---|---|"
    for name in rivals:
        for task in compare_results(checkpoint, load_results(runs[name]), allow_different_style=True).tasks:
            for metric in (m for m in task.metrics if m.name in _METRICS):
                p = "" if metric.p_holm is None else f"{metric.p_holm:.3f}"
                yield (
                    f"| {name} | {task.task.removeprefix(PREFIX)} | {metric.name} | {_percent(metric.difference)} | "
                    f"{_interval({'low': metric.low, 'high': metric.high})} | {p} |"
                )


def _others(out: Path, beside: Sequence[Path]) -> Iterator[str]:
    """Yield the same figures of this run and of others of the recipe, side by side."""
    runs = [(folder, tasks) for folder in (out, *beside) for name, tasks in _results(folder) if name == "grpo"]
    if len(runs) < 2:
        return
    recipes = [json.loads((folder / RECIPE).read_text("utf-8")) for folder, _ in runs]
    yield "| task | metric | " + " | ".join(_told(recipe, recipes[0]) for recipe in recipes) + " |"
    yield "|---|---|" + "---|" * len(recipes)
    for rows in zip(*(tasks for _, tasks in runs), strict=True):
        for metric in (m for m in _METRICS if m in rows[0]["metrics"]):
            found = [row["metrics"][metric] for row in rows]
            yield f"| {rows[0]['kind']} | {metric} | " + " | ".join(map(_with_interval, found)) + " |"
        for metric in rows[0].get("reflection", {}).get("metrics", ()):
            if metric in ("graded_gain", "break_rate", "repair_rate"):
                found = [row["reflection"]["metrics"][metric] for row in rows]
                yield f"| {rows[0]['kind']} | reflection: {metric} | " + " | ".join(map(_with_interval, found)) + " |"


def _told(recipe: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """Return the seed of a recipe, and in what else it differs from that of this run."""
    fields, known = (pd.json_normalize(values).to_dict("records")[0] for values in (dict(recipe), dict(own)))
    others = [f", {name} {value}" for name, value in fields.items() if name != "seed" and value != known.get(name)]
    return f"seed {recipe['seed']}{''.join(others)}"


def _with_interval(found: Mapping[str, Any]) -> str:
    return f"{_percent(found['value'])} {_interval(found)}".strip()


def _reflection(out: Path) -> Iterator[str]:
    yield "The first answer of a response against its last, on the same clips; a gain is claimed only where its"
    yield "interval excludes zero."
    yield ""
    yield "| what | task | pairs | kept | repaired | broke | left wrong | metric | value | 95 % interval |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name, tasks in _results(out):
        for task in (t for t in tasks if "reflection" in t):
            found, cells = task["reflection"], task["reflection"]["cells"]
            counts = " | ".join(str(cells.get(c, 0)) for c in ("kept_right", "repaired", "broken", "kept_wrong"))
            for metric, value in found["metrics"].items():
                yield (
                    f"| {name} | {task['kind']} | {found['pairs']} | {counts} | {metric} | "
                    f"{_percent(value['value'])} | {_interval(value)} |"
                )
    path = out / PLANTED_TALLY
    if path.is_file():
        yield ""
        yield f"With a first answer planted by the error model ({100 * PLANTED_RIGHT:g} % right), and 95 % intervals:"
        yield ""
        yield "| task | wrong ones repaired | right ones broken |"
        yield "|---|---|---|"
        tallies: dict[str, Counter[str]] = {k: Counter(tally) for k, tally in json.loads(path.read_text()).items()}
        for kind, tally in [*tallies.items(), ("all", sum(tallies.values(), Counter()))]:
            yield f"| {kind} | {_share(tally, 'repaired', 'wrong')} | {_share(tally, 'damaged', 'right')} |"


def _share(tally: Mapping[str, int], part: str, whole: str) -> str:
    count, n = tally[part], tally[whole]
    if not n:
        return f"{count} of {n}"
    low, high = wilson(count, n)
    return f"{count} of {n} ({100 * count / n:.0f} % [{100 * low:.0f}, {100 * high:.0f}])"


def wilson(count: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, `count` of `n`, by Wilson's score (JASA 22, 1927)."""
    z2, share = 1.959964**2, count / n
    middle = share + z2 / (2 * n)
    reach = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))
    return (middle - reach) / (1 + z2 / n), (middle + reach) / (1 + z2 / n)


def _times(out: Path) -> Iterator[str]:
    lines = [json.loads(line) for line in (out / TIMES).read_text().splitlines()]
    on = ", then ".join(dict.fromkeys(line["on"] for line in lines if "on" in line))
    yield f"By the clock{f', on {on}' if on else ''}."
    yield "Of a stage that was interrupted its last part is told; a pause, or what else ran on the machine, is in it."
    yield ""
    yield "| stage | seconds |"
    yield "|---|---|"
    rival = [line for line in lines if line["stage"] in RIVAL_STAGES]
    for name, stages in (("all", [line for line in lines if line not in rival]), ("all for the comparison", rival)):
        yield from (f"| {line['stage']} | {line['seconds']:.0f} |" for line in stages if line["seconds"] >= 1)
        if stages:
            yield f"| {name} | {sum(line['seconds'] for line in stages):.0f} |"


def _profile(out: Path) -> Iterator[str]:
    yield "Mean seconds in a step. Frames are drawn once and mapped into memory; to wait for a batch is to make its"
    yield "inputs. Of a step of `grpo`, `forward` is one of several passes."
    yield ""
    yield "| stage | waits for its batch | generates | rewards | forward | step |"
    yield "|---|---|---|---|---|---|"
    for stage in ("base", "reflect", "grpo"):
        log = out / stage / METRICS
        means = [_mean(_curve(log, f"seconds/{part}")) for part in _PARTS[:-1]]
        # TRL's own figure holds all passes of a step
        means.append(_mean(_curve(log, "step_time") or _curve(log, f"seconds/{_PARTS[-1]}")))
        if means[-1]:
            yield f"| {stage} | " + " | ".join("" if mean is None else f"{mean:.2f}" for mean in means) + " |"


_PARTS = ("batch", "generate", "rewards", "forward", "step")


def _mean(curve: list[tuple[int, float]]) -> float | None:
    return sum(value for _, value in curve) / len(curve) if curve else None


def draw_curves(out: Path) -> Path | None:
    """Draw what the trainings logged, and return the picture; `None` without matplotlib or without logs."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    logged = {
        **{f"{name}: loss": _curve(out / f"{name}.jsonl", "loss") for name in ("vision", "reading", "watching")},
        "base: loss": _curve(out / "base" / METRICS, "loss"),
        "reflect: loss": _curve(out / "reflect" / METRICS, "loss"),
        "grpo: reward": _curve(out / "grpo" / METRICS, "reward"),
        **{
            f"grpo: {part}": _curve(out / "grpo" / METRICS, f"rewards/{part}_reward/mean")
            for part in ("format", "accuracy", "tiou", "effect", "form")
        },
    }
    logged = {title: curve for title, curve in logged.items() if curve}
    if not logged:
        return None
    columns = 4
    figure = Figure(figsize=(12, 2.6 * -(-len(logged) // columns)), layout="constrained")
    for place, (title, curve) in enumerate(logged.items(), 1):
        axes = figure.add_subplot(-(-len(logged) // columns), columns, place)
        steps, values = np.array(curve).T
        smooth = _smoothed(values) if title.startswith("grpo") else None  # a loss is a mean over steps already
        if smooth is not None:
            axes.plot(steps, values, color="#0072b2", linewidth=0.6, alpha=0.25)
        axes.plot(steps, values if smooth is None else smooth, color="#0072b2", linewidth=1.2)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
    path = out / "curves.svg"
    figure.savefig(path, metadata={"Date": None})
    return path


def _smoothed(values: NDArray[np.float64], span: int = 21) -> NDArray[np.float64] | None:
    """Return the mean over the points around each, fewer at the ends; `None` for a curve too short for that."""
    if len(values) < 4 * span:
        return None
    around = np.ones(span)
    sums, counts = (np.convolve(x, around, "same") for x in (values, np.ones(len(values))))
    return np.asarray(sums / counts)


def _curve(path: Path, name: str) -> list[tuple[int, float]]:
    if not path.is_file():
        return []
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(line["step"], line[name]) for line in lines if line.get(name) is not None]


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _interval(found: Mapping[str, Any]) -> str:
    if found["low"] is None:
        return ""
    return f"[{100 * found['low']:.1f}, {100 * found['high']:.1f}]"
