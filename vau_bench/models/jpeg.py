"""Frames as JPEG files, through the same library that decodes the videos."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def encode_jpeg(frame: NDArray[np.uint8], quality: int = 90) -> bytes:
    """Return the frame as a JPEG file.

    Args:
        frame: (h, w, 3) RGB.
        quality: 1 (worst) to 100, on the scale of the Independent JPEG Group.
    """
    import av
    from av.video.reformatter import ColorRange, Colorspace

    height, width, _ = frame.shape
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height = width, height
    context.pix_fmt = "yuvj420p"
    context.time_base = Fraction(1, 1)
    scale = str(_quantiser_scale(quality))
    context.options = {"qmin": scale, "qmax": scale, "huffman": "optimal"}
    picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(
        format="yuvj420p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.JPEG
    )
    return b"".join(bytes(packet) for packet in (*context.encode(picture), *context.encode(None)))


def _quantiser_scale(quality: int) -> int:
    """Return the encoder's scale (1-31, where 8 is the standard tables) for an IJG quality."""
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    return min(31, max(1, round(8 * percent / 100)))
