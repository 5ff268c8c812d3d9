"""The key of a request: a hash of everything that can change its answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from vau_bench.records import JSON, Generation, Message


def model_digest(name: str, identity: dict[str, JSON]) -> str:
    """Return the hash of a model's name and identity."""
    return _hash(name, json.dumps(identity, sort_keys=True))


def request_key(
    model: str,
    task: str,
    sample_id: str,
    turn: int,
    messages: Sequence[Message],
    generation: Generation,
    video: str | None,
    plan: str,
) -> str:
    """Return the key.

    Args:
        model: `model_digest` of the model that answers.
        task: the task's name.
        sample_id: of the sample.
        turn: of the conversation, from 0.
        messages: as they are sent.
        generation: how the answer is sampled.
        video: content hash of the video, `None` for a model that does not look.
        plan: the frame plan in canonical notation; without effect when `video` is `None`.
    """
    settings = f"{generation.max_new_tokens},{generation.temperature},{generation.top_p},{generation.seed}"
    spoken = (part for m in messages for part in (m.role, str(m.video), m.text))
    return _hash(model, task, sample_id, str(turn), settings, video or "", plan if video else "", *spoken)


def _hash(*parts: str) -> str:
    # Length-prefixed, so that no two lists of parts are written alike.
    return hashlib.sha256("".join(f"{len(p)}:{p}" for p in parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
