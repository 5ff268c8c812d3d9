"""Pictures as the patches that Qwen2-VL's video processor makes of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def smaller(frames: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return frames in another size, as Qwen2-VL's video processor makes them, (frames, height, width, 3)."""
    import torch
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2.functional import resize

    given = torch.from_numpy(frames).permute(0, 3, 1, 2)
    made = resize(given, [height, width], interpolation=InterpolationMode.BICUBIC, antialias=True)
    out: NDArray[np.uint8] = made.permute(0, 2, 3, 1).contiguous().numpy()
    return out


def patches(
    frames: NDArray[np.uint8], patch: int, merge: int, mean: Sequence[float], std: Sequence[float]
) -> tuple[NDArray[np.float32], list[list[int]]]:
    """Return what Qwen2-VL's video processor makes of videos of two frames each: patches and their grids."""
    count, t, height, width, _ = frames.shape
    rows, columns = height // patch, width // patch
    x = frames.transpose(0, 1, 4, 2, 3).reshape(
        count, t, 3, rows // merge, merge, patch, columns // merge, merge, patch
    )
    x = x.transpose(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(count * rows * columns, 3 * t * patch * patch)
    scale = np.repeat(1 / (255 * np.asarray(std)), t * patch * patch).astype(np.float32)
    shift = np.repeat(np.asarray(mean) / np.asarray(std), t * patch * patch).astype(np.float32)
    out = x.astype(np.float32)
    out *= scale
    out -= shift
    return out, [[1, rows, columns]] * count
