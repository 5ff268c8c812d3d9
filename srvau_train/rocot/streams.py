"""Random streams that depend on nothing but their names."""

from __future__ import annotations

import hashlib

from vau_bench.synth.draws import Draw


def stream_of(*parts: object) -> Draw:
    """Return the random stream that belongs to these parts."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return Draw(*(int.from_bytes(digest[i : i + 4], "big") for i in range(0, 32, 4)))
