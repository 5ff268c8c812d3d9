"""What a failed call is, and what a server said about it in words."""

from __future__ import annotations

import json
import math
import re
from email.utils import parsedate_to_datetime
from enum import Enum

TRANSIENT = frozenset({408, 409, 425, 429}) | frozenset(range(500, 600))
"""Statuses that a later attempt may cure."""


class Cause(Enum):
    """Why a call failed, as far as it matters for the other calls."""

    CONNECTION = "no connection was made"
    ACCESS = "the key, the model or the address is not accepted"
    QUOTA = "the account has nothing left to spend"
    FORM = "the server does not know the form of reply that was asked for"
    OTHER = "this call alone"


class EndpointWarning(UserWarning):
    """Something about a server that stops nothing, and that one should know."""


class CallError(Exception):
    """A call without a usable reply; the text is one sentence, free of the key.

    Attributes:
        cause: what it means for the other calls.
        status: the HTTP status of the answer that ended it, if there was one.
    """

    def __init__(self, sentence: str, cause: Cause = Cause.OTHER, status: int | None = None) -> None:
        super().__init__(sentence)
        self.cause = cause
        self.status = status


class TransientError(Exception):
    """An attempt failed that may be repeated.

    Attributes:
        wait: what the server asked for, in seconds.
        cause: what it means for the other calls.
        status: the HTTP status of the answer, if there was one.
    """

    def __init__(
        self, sentence: str, *, wait: float | None = None, cause: Cause = Cause.OTHER, status: int | None = None
    ) -> None:
        super().__init__(sentence)
        self.wait = wait
        self.cause = cause
        self.status = status

    @property
    def counts_against_the_server(self) -> bool:
        """Whether it is a sign that the server is not well; that it wants fewer or other calls is none."""
        return self.status is None or self.status >= 500


def shortened(text: str, limit: int = 300) -> str:
    """Return the text on one line, cut after `limit` characters."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[:limit]}..."


def server_sentence(text: str) -> tuple[str, str | None]:
    """Return the human sentence and the error code of an error body, whatever its format."""
    try:
        body = json.loads(text)
    except ValueError:
        title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        return (title.group(1) if title else re.sub(r"<[^>]*>", " ", text)), None
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return str(error), None
    sentence = next((error[k] for k in ("message", "detail", "msg") if error.get(k)), text)
    code = error.get("code")
    return str(sentence), code if isinstance(code, str) else None


def retry_after(header: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as seconds or as a date; else `None`."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return None if math.isnan(seconds) else max(0.0, seconds)
