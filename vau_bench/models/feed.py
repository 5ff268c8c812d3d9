"""Requests with the clips that they ask about, decoded ahead of the model."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from vau_bench.errors import VideoError, VideoMissingError
from vau_bench.records import Request

if TYPE_CHECKING:
    from vau_bench.video import Clip, ClipLoader


def asks_video(request: Request) -> bool:
    """Whether a message of the request wants the frames."""
    return any(message.video for message in request.messages)


def missing(request: Request) -> VideoMissingError | None:
    """Return the error of a request that asks about a video that is not there."""
    if asks_video(request) and request.video is None:
        return VideoMissingError(f"no file for video {request.sample.video!r}")
    return None


def feed(clips: ClipLoader, requests: Iterable[Request]) -> Generator[tuple[Request, Clip | VideoError | None]]:
    """Yield each request, in order, with its clip, or why it has none, or `None` if it asks for none.

    `requests` is taken lazily, no further ahead than the loader decodes ahead.
    """

    def locate(request: Request) -> tuple[Path, str]:
        assert request.video is not None
        return request.video, request.plan

    def with_file(request: Request) -> bool:
        return asks_video(request) and request.video is not None

    for decodes, group in groupby(requests, with_file):
        if decodes:
            yield from clips.stream(group, locate)
        else:
            for request in group:
                yield request, missing(request)
