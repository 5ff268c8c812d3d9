"""A request in the form of lmms-eval: chat messages, one text, settings of the generation. Imports nothing of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vau_bench.records import Generation, Message

Chat = list[dict[str, Any]]


def chat_of(messages: Sequence[Message], video: Path | None) -> Chat:
    """Return the conversation as chat adapters read it; the video comes before the text of its message."""

    def parts(message: Message) -> list[dict[str, str]]:
        shown = [{"type": "video", "url": str(video)}] if message.video and video is not None else []
        return [*shown, {"type": "text", "text": message.text}]

    return [{"role": message.role, "content": parts(message)} for message in messages]


def text_of(messages: Sequence[Message]) -> str:
    """Return the one text that simple adapters read: what the system says, then the question."""
    return "\n\n".join(message.text for message in messages)


def settings_of(generation: Generation) -> dict[str, Any]:
    """Return the settings; nothing but the token limit ends an answer, unlike lmms-eval's blank line."""
    sampled = generation.temperature > 0
    return {
        "max_new_tokens": generation.max_new_tokens,
        "temperature": generation.temperature,
        "do_sample": sampled,
        **({"top_p": generation.top_p} if sampled else {}),
        "until": [],
    }
