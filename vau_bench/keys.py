"""The key of a request: a hash of everything that can change its answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache

from vau_bench.records import JSON, Generation, Message


def model_digest(name: str, identity: dict[str, JSON]) -> str:
    """Return the hash of a model's name and identity."""
    return _hash(_written(name, json.dumps(identity, sort_keys=True)))


class RequestKeys:
    """Makes the keys of the requests of one task to one model.

    Args:
        model: `model_digest` of the model that answers.
        task: the task's name.
        generation: how answers are sampled.
        plan: the frame plan in canonical notation; without effect on a request without video.
    """

    def __init__(self, model: str, task: str, generation: Generation, plan: str) -> None:
        self._asked = _written(model, task)
        self._settings = _written(
            f"{generation.max_new_tokens},{generation.temperature},{generation.top_p},{generation.seed}"
        )
        self._plan, self._no_video = _written(plan), _written("", "")

    def key(self, sample_id: str, turn: int, messages: Sequence[Message], video: str | None) -> str:
        """Return the key of one request.

        Args:
            sample_id: of the sample.
            turn: of the conversation, from 0.
            messages: as they are sent.
            video: content hash of the video, `None` for a model that does not look.
        """
        text = f"{self._asked}{len(sample_id)}:{sample_id}{len(str(turn))}:{turn}{self._settings}"
        text += f"{len(video)}:{video}{self._plan}" if video else self._no_video
        for message in messages:
            text += f"{_speaker(message.role, message.video)}{len(message.text)}:{message.text}"
        return _hash(text)


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
    """Return the key of a single request; see `RequestKeys`."""
    return RequestKeys(model, task, generation, plan).key(sample_id, turn, messages, video)


def _written(*parts: str) -> str:
    """Return the parts in a row, each behind its length, so that no two lists of parts are written alike."""
    return "".join([f"{len(part)}:{part}" for part in parts])


@cache
def _speaker(role: str, video: bool) -> str:
    return _written(role, str(video))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
