"""Clips that hold plain colours one after the other, as mp4 files: what they show, and when, is known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PALETTE = {
    "red": (215, 30, 30),
    "green": (30, 150, 45),
    "blue": (30, 60, 215),
    "yellow": (240, 220, 40),
    "black": (12, 12, 12),
    "white": (245, 245, 245),
}
"""Colours to ask about, RGB: whoever sees them finds the same words for them."""

GREY = (128, 128, 128)
SIZE = 224
"""Width and height in pixels: a multiple of the patches of all common models."""
MARK = 16
"""Width of the small square in pixels: a server that makes pictures much smaller loses it."""
FPS = 4
"""Frames a second of the files; they are constant, for many servers count frames to tell times."""

_CODECS = (("libx264", {"crf": "12", "preset": "ultrafast", "threads": "1"}), ("mpeg4", {"qscale": "2"}))


@dataclass(frozen=True, slots=True)
class Card:
    """A picture that is shown for a while.

    Attributes:
        colour: of all of it, of `PALETTE`; `None` is grey.
        seconds: how long; a multiple of `1 / FPS`.
        mark: the colour of a small square on it.
    """

    colour: str | None
    seconds: float
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Cards:
    """A clip of pictures.

    Attributes:
        pace: the seconds that a second of each card takes; with another pace the same pictures have other times.
    """

    cards: tuple[Card, ...]
    pace: float = 1.0

    @property
    def plan(self) -> str:
        """The frame plan that shows one frame for each second of a card."""
        return f"fps({1 / self.pace!r})"

    def starts(self) -> tuple[float, ...]:
        """Return when each picture appears, in seconds."""
        starts, now = [], 0.0
        for card in self.cards:
            starts.append(now)
            now += card.seconds * self.pace
        return tuple(starts)

    def reversed(self) -> Cards:
        """Return the clip with its pictures in the other order."""
        return Cards(self.cards[::-1], self.pace)

    def write(self, path: Path) -> None:
        """Write it as an mp4 file."""
        import av
        from av.video.stream import VideoStream

        codec, options = next(c for c in _CODECS if c[0] in av.codecs_available)
        with av.open(str(path), "w", format="mp4") as container:
            stream = container.add_stream(codec, rate=FPS, options=dict(options))
            assert isinstance(stream, VideoStream)
            stream.width = stream.height = SIZE
            stream.pix_fmt = "yuv420p"
            number = 0
            for card in self.cards:
                frame = av.VideoFrame.from_ndarray(_picture(card), format="rgb24").reformat(format="yuv420p")
                for _ in range(round(card.seconds * self.pace * FPS)):
                    frame.pts = number
                    container.mux(stream.encode(frame))
                    number += 1
            container.mux(stream.encode(None))


def plain(colours: Sequence[str], seconds: Sequence[float]) -> Cards:
    """Return a clip of colours, each for so many seconds."""
    return Cards(tuple(Card(colour, length) for colour, length in zip(colours, seconds, strict=True)))


def _picture(card: Card) -> NDArray[np.uint8]:
    import numpy as np

    picture = np.empty((SIZE, SIZE, 3), np.uint8)
    picture[:] = GREY if card.colour is None else PALETTE[card.colour]
    if card.mark is not None:
        at = SIZE // 2 + MARK
        picture[at : at + MARK, at : at + MARK] = PALETTE[card.mark]
    return picture
