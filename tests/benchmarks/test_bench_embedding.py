"""How well embedding similarity tells the right reference from wrong ones, on the released MSAD references.

    python tests/benchmarks/test_bench_embedding.py [FILE.csv]

measures on the whole file and prints what `docs/reasoning-metrics.md` cites; the test takes a few videos per class.
The reference of a video is its description and its reasoning together. The harder case takes the description alone as
the reference and the reasoning as the candidate: of the same video, of another of the same class, of another class.
AUC is the probability that a right candidate scores above a wrong one.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from vau_bench.embedding import Embedder, floors, similarity
from vau_bench.metrics.base import FloatArray
from vau_bench.metrics.cider import cider_d
from vau_bench.metrics.embedding import rescaled
from vau_bench.metrics.text import bleu, rouge_l

PER_CLASS = 3
CACHE = Path(tempfile.gettempdir()) / f"vau-bench-embeddings-{os.getuid()}"


class Row(NamedTuple):
    video: str
    label: str
    description: str
    reasoning: str

    @property
    def reference(self) -> str:
        return f"{self.description}\n\n{self.reasoning}"


class Wrong(NamedTuple):
    """Scores of right and wrong candidates, of equal length."""

    right: FloatArray
    wrong: FloatArray

    @property
    def auc(self) -> float:
        """P(right > wrong) over all pairs of a right and a wrong candidate."""
        above = (self.right[:, None] > self.wrong).mean()
        return float(above + 0.5 * (self.right[:, None] == self.wrong).mean())

    @property
    def paired(self) -> float:
        """Share of references whose right candidate beats the wrong one."""
        return float((self.right > self.wrong).mean())


class Separation(NamedTuple):
    """What was measured; each candidate set against the same references."""

    n: int
    floor_same: float
    floor_other: float
    shuffled: Wrong
    same_class: dict[str, Wrong]
    other_class: dict[str, Wrong]


def read_rows(path: Path, per_class: int | None = None) -> list[Row]:
    taken: Counter[str] = Counter()
    rows = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        for cells in csv.DictReader(file):
            label = cells["Anomaly Class"]
            taken[label] += 1
            if per_class is None or taken[label] <= per_class:
                rows.append(Row(cells["Video Name"], label, cells["Description"], cells["Reasoning"]))
    return rows


def another(rows: Sequence[Row], same_class: bool) -> list[int]:
    """Return for each row the index of another one, the next in a seeded order that is of the same (or not) class."""
    order = np.random.default_rng(0).permutation(len(rows)).tolist()
    place = {index: k for k, index in enumerate(order)}
    chosen = []
    for index, row in enumerate(rows):
        following = (order[(place[index] + k) % len(rows)] for k in range(1, len(rows)))
        chosen.append(next(j for j in following if (rows[j].label == row.label) is same_class))
    return chosen


def measure(rows: Sequence[Row], embedder: Embedder) -> Separation:
    same, other = another(rows, True), another(rows, False)
    references = [row.reference for row in rows]
    shuffled = np.random.default_rng(1).permutation(len(rows)).tolist()
    shuffled = [j if j != i else (i + 1) % len(rows) for i, j in enumerate(shuffled)]
    found = floors(references, [row.label for row in rows], [row.video for row in rows], embedder)

    def f(candidates: Sequence[str], truth: Sequence[str]) -> FloatArray:
        return similarity(candidates, truth, embedder).f

    descriptions = [row.description for row in rows]
    metrics: dict[str, Callable[[list[str]], FloatArray]] = {
        "embedding F": lambda candidates: f(candidates, descriptions),
        "ROUGE-L": lambda candidates: rouge_l(candidates, [[text] for text in descriptions]).per_sample,
        "CIDEr-D": lambda candidates: cider_d(candidates, [[text] for text in descriptions]).per_sample,
        "BLEU-4": lambda candidates: bleu(candidates, [[text] for text in descriptions]).per_sample,
    }

    def against(others: Sequence[int]) -> dict[str, Wrong]:
        own, wrong = [row.reasoning for row in rows], [rows[j].reasoning for j in others]
        return {name: Wrong(score(own), score(wrong)) for name, score in metrics.items()}

    return Separation(
        len(rows),
        float(np.nanmean(found.same_class.f)),
        float(np.nanmean(found.other_class.f)),
        Wrong(f(references, references), f([references[j] for j in shuffled], references)),
        against(same),
        against(other),
    )


def report(found: Separation) -> str:
    def line(name: str, pair: Wrong) -> str:
        low, high = np.quantile(pair.wrong, [0.05, 0.95])
        return (
            f"{name:34} right {pair.right.mean():.3f}, wrong {pair.wrong.mean():.3f} (5-95 %: {low:.3f}-{high:.3f}), "
            f"AUC {pair.auc:.4f}, right above its wrong one {100 * pair.paired:.1f} %"
        )

    scaled = rescaled(found.shuffled.wrong, found.floor_other)
    return "\n".join(
        [
            f"n = {found.n}; floors of F: same class {found.floor_same:.3f}, other class {found.floor_other:.3f}",
            line("reference / shuffled, embedding F", found.shuffled),
            f"shuffled, rescaled: mean {scaled.mean():.3f}, largest {scaled.max():.3f}",
            *(line(f"reasoning / same class, {name}", pair) for name, pair in found.same_class.items()),
            *(line(f"reasoning / other class, {name}", pair) for name, pair in found.other_class.items()),
        ]
    )


@pytest.mark.benchmark
@pytest.mark.slow
def test_the_right_reference_is_told_from_wrong_ones(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("sentence_transformers")
    torch.set_num_threads(1)
    rows = read_rows(shared / "vau_bench" / "test_msad.csv", PER_CLASS)
    found = measure(rows, Embedder(cache_dir=CACHE, device="cpu"))
    with capsys.disabled():
        print("\n" + report(found))
    assert found.shuffled.right == pytest.approx(1, abs=1e-5)
    assert found.shuffled.wrong.max() < 0.9
    assert found.shuffled.auc == 1
    assert found.same_class["embedding F"].auc > 0.8
    assert found.other_class["embedding F"].auc > 0.9
    assert found.floor_other < found.floor_same < 1


if __name__ == "__main__":
    default = Path(__file__).parents[2] / ".." / "shared" / "data" / "vau_bench" / "test_msad.csv"
    print(report(measure(read_rows(Path(sys.argv[1]) if len(sys.argv) > 1 else default), Embedder(cache_dir=CACHE))))
