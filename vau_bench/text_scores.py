"""Text metrics and embedding similarity of answers in prose, beside their scores in `results.json`.

Answers of `reasoning` and `text` tasks are in prose; of a reflection the final answer counts. The metrics need the
extra [text], so they are asked for: `vau-bench score RUN --text embedding,rouge_l`. As in all scoring, a sample without
an answer stays in the denominator, with the worst value. Where samples are of levels, as those of HIVAU-70k, each
metric is told by level too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vau_bench.errors import UnknownNameError, UsageError
from vau_bench.kinds import Kind
from vau_bench.kinds.reasoning import reference
from vau_bench.metrics.base import FloatArray, Metric, mean_of, ratio
from vau_bench.metrics.captions import LEVELS, at_level
from vau_bench.records import Response, Sample
from vau_bench.results import TextResult, metric_result
from vau_bench.stats import cluster_codes, estimate_all

if TYPE_CHECKING:
    from vau_bench.embedding import Embedder

NAMES = ("embedding", "bleu1", "bleu2", "bleu3", "bleu4", "rouge_l", "meteor", "cider")
KINDS = ("reasoning", "text")
"""Kinds of task whose answers are in prose."""
_UNBOUNDED = {"cider": (0.0, 10.0)}


def check_names(names: Sequence[str]) -> None:
    """Raise `UnknownNameError` for a text metric that does not exist."""
    for name in names:
        if name not in NAMES:
            raise UnknownNameError("text metric", name, NAMES)


def text_result(
    kind: Kind[Any],
    samples: Sequence[Sample],
    answered: Sequence[bool],
    responses: Mapping[str, Response],
    names: Sequence[str],
    embedder: Embedder | None,
    *,
    resamples: int,
    seed: int,
) -> TextResult:
    """Return the text metrics of one task.

    Args:
        kind: one of `KINDS`.
        samples: the expected samples, with reference texts.
        answered: whether each of them has an answer.
        responses: the last response by sample id.
        names: of the metrics, out of `NAMES`.
        embedder: for `embedding`.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        MissingExtraError: if a package is not installed.
        UsageError: if `embedding` is asked for without an embedder.
    """
    check_names(names)
    references = [reference(s) for s in samples]
    candidates = [
        _said(kind, sample, responses.get(sample.id)) if said else ""
        for sample, said in zip(samples, answered, strict=True)
    ]
    columns: dict[str, FloatArray] = {}
    unavailable: dict[str, str] = {}
    floors: dict[str, float] = {}
    for name in names:
        if name == "embedding":
            if embedder is None:
                raise UsageError("embedding similarity needs an embedder")
            found, floors = _embedding(samples, candidates, references, embedder)
            columns |= found
        else:
            values = _wording(name, candidates, references)
            if isinstance(values, str):
                unavailable[name] = values
            else:
                columns[name] = values
    metrics = [_mean(name) for name in columns]
    levels = [sample.fields.get("level") for sample in samples]
    metrics += [at_level(metric, level) for level in LEVELS if level in levels for metric in metrics[: len(columns)]]
    columns["level"] = np.array([LEVELS.index(level) if level in LEVELS else np.nan for level in levels])
    contributions = [m.update(columns) for m in metrics]
    codes = cluster_codes([s.group for s in samples])
    estimates = estimate_all(metrics, contributions, codes, resamples=resamples, seed=seed)
    return TextResult(
        metrics={m.name: metric_result(m, e, None) for m, e in zip(metrics, estimates, strict=True)},
        floors=floors,
        unavailable=unavailable,
        embedder=embedder.model_id if embedder and "embedding" in names else None,
    )


def _said(kind: Kind[Any], sample: Sample, response: Response | None) -> str:
    reading = kind.read(response.text, sample) if response is not None else None
    return (kind.prose(reading.answer) or "") if reading is not None else ""


def _mean(name: str) -> Metric:
    bounds = (-10.0, 1.0) if name.endswith("rescaled") else _UNBOUNDED.get(name, (0.0, 1.0))
    return Metric(name, f"mean {name} against the reference", lambda c: mean_of(c[name]), ratio, bounds=bounds)


def _wording(name: str, candidates: Sequence[str], references: Sequence[str]) -> FloatArray | str:
    """Return the scores per sample, or why there are none."""
    from vau_bench.metrics import cider, text

    lists = [[r] for r in references]
    compute: Mapping[str, Callable[[], text.TextScores | text.NotAvailable]] = {
        **{f"bleu{order}": lambda order=order: text.bleu(candidates, lists, order) for order in range(1, 5)},  # type: ignore[misc]
        "rouge_l": lambda: text.rouge_l(candidates, lists),
        "meteor": lambda: text.meteor(candidates, lists),
        "cider": lambda: cider.cider(candidates, lists),
    }
    scores = compute[name]()
    return scores.reason if isinstance(scores, text.NotAvailable) else scores.per_sample


def _embedding(
    samples: Sequence[Sample], candidates: Sequence[str], references: Sequence[str], embedder: Embedder
) -> tuple[dict[str, FloatArray], dict[str, float]]:
    """Return the columns, raw and rescaled, and the floors that they are read against; no floors without classes."""
    from vau_bench import embedding
    from vau_bench.metrics.embedding import rescaled

    raw = embedding.similarity(candidates, references, embedder)
    labels = [s.target.label for s in samples]
    columns = {
        "embedding_f": raw.f,
        "embedding_precision": raw.precision,
        "embedding_recall": raw.recall,
    }
    if not any(labels):
        return columns, {}
    blind = embedding.floors(references, labels, [s.group for s in samples], embedder)
    same, other = (float(np.nanmean(f)) if np.isfinite(f).any() else float("nan") for f in (blind[0].f, blind[1].f))
    floors = {k: v for k, v in (("same_class_f", same), ("other_class_f", other)) if np.isfinite(v)}
    if "other_class_f" in floors:
        columns["embedding_f_rescaled"] = rescaled(raw.f, other)
    return columns, floors
