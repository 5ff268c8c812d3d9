"""Small pictures as WebP files, through the same library that decodes the videos."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONG_SIDE = 112
EFFORT = "2"
"""Of libwebp, 0 to 6: half the time of its default for 7 % larger files."""


def encode_webp(frame: NDArray[np.uint8], quality: int) -> bytes:
    """Return the frame as a WebP file; the same frame gives the same bytes.

    Args:
        frame: (h, w, 3) RGB, of even height and width.
        quality: 0 (worst) to 100, on libwebp's scale.
    """
    import av

    height, width, _ = frame.shape
    context = av.CodecContext.create("libwebp", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height = width, height
    context.pix_fmt = "yuv420p"
    context.time_base = Fraction(1, 1)
    context.options = {"quality": str(quality), "compression_level": EFFORT}
    picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuv420p")
    return b"".join(bytes(packet) for packet in (*context.encode(picture), *context.encode(None)))


def shrunk(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the frame, (h, w, 3) RGB, of even sides, scaled so that the longer one is `LONG_SIDE` pixels at most."""
    import av
    from av.video.reformatter import Interpolation

    height, width, _ = frame.shape
    scale = min(1.0, LONG_SIDE / max(height, width))
    size = tuple(max(2, min(round(side * scale / 2), side // 2) * 2) for side in (height, width))
    if size == (height, width):
        return frame
    picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(
        width=size[1], height=size[0], interpolation=Interpolation.AREA
    )
    return picture.to_ndarray(format="rgb24").astype("uint8", copy=False)
