"""Embeddings on disk by model and text, in one SQLite file that processes may share.

SQLite's rollback journal makes each write whole or absent, whatever kills the writer. Nothing that befalls the file
stops a run: what cannot be read is computed again, what cannot be written is not kept, with one warning.
"""

from __future__ import annotations

import hashlib
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
_WAIT = 60.0  # seconds for another process to finish its write
_ASKED_AT_ONCE = 500  # below SQLite's limit of parameters
_TOLERANCE = 1e-3


class EmbeddingCache:
    """Unit vectors of one model by text.

    Args:
        path: of the file; it and its folder are made when first written to.
        model_id: names the model and its exact weights.
    """

    def __init__(self, path: Path, model_id: str) -> None:
        self.path = path
        self._model_id = model_id
        self._usable = True

    def get(self, texts: Iterable[str]) -> dict[str, Vector]:
        """Return the vectors of those texts that are there, whole."""
        found: dict[str, Vector] = {}
        if self._usable and self.path.exists():
            self._carefully("read", lambda connection: found.update(self._read(connection, texts)))
        return found

    def put(self, vectors: Mapping[str, Vector]) -> None:
        """Keep the vectors, all of them or, if the process dies, none."""
        rows = [(self._key(text), vector.astype("<f4").tobytes()) for text, vector in vectors.items()]
        if not (self._usable and rows):
            return

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID"
                )
                connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)

        self._carefully("written", write)

    def _key(self, text: str) -> bytes:
        content = f"{self._model_id}\n{text}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(content).digest()

    def _read(self, connection: sqlite3.Connection, texts: Iterable[str]) -> Iterator[tuple[str, Vector]]:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'vectors'").fetchone():
            return
        asked = list(texts)
        for begin in range(0, len(asked), _ASKED_AT_ONCE):
            keys = {self._key(text): text for text in asked[begin : begin + _ASKED_AT_ONCE]}
            query = f"SELECT key, vector FROM vectors WHERE key IN ({','.join('?' * len(keys))})"
            for key, blob in connection.execute(query, list(keys)):
                vector = _unit_vector(blob)
                if vector is not None:
                    yield keys[key], vector

    def _carefully(self, what: str, use: Callable[[sqlite3.Connection], None]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=_WAIT)) as connection:
                use(connection)
        except (sqlite3.Error, OSError) as error:
            self._usable = False
            warnings.warn(
                f"embeddings cannot be {what} in {self.path}, so they are computed again: {error}",
                stacklevel=4,
            )


def _unit_vector(blob: object) -> Vector | None:
    """Return the vector of an entry, or `None` if it is not one of length 1."""
    if not isinstance(blob, bytes) or not blob or len(blob) % 4:
        return None
    vector = np.frombuffer(blob, dtype="<f4").astype(np.float32)
    return vector if abs(float(np.linalg.norm(vector)) - 1) < _TOLERANCE else None
