"""The images that a prompt shows, out of its own tensors: what vLLM is to see is what the log-probabilities saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image


def shown_images(inputs: dict[str, Any], processor: Any) -> list[Image]:
    """Return the images of a prompt of the mode `frames`, as large as the model sees them, in order.

    The inverse of the processor's last steps, exact to the pixel: made into tensors again they are the same, for their
    sides are whole tokens and need no scaling.

    Args:
        inputs: of one prompt: `pixel_values` (patches, channels x 2 x side x side) and `image_grid_thw` (images, 3).
        processor: that made them.
    """
    from PIL import Image

    if "image_grid_thw" not in inputs:
        return []
    part = processor.image_processor
    images, start = [], 0
    for _, rows, columns in inputs["image_grid_thw"].tolist():
        patches = inputs["pixel_values"][start : start + rows * columns]
        start += rows * columns
        images.append(Image.fromarray(_picture(patches, rows, columns, part)))
    return images


def _picture(patches: Any, rows: int, columns: int, part: Any) -> Any:
    """Return one image (height, width, 3) uint8 of its patches, of which `merge` a side are neighbours in the order."""
    import torch

    side, merge, depth = part.patch_size, part.merge_size, part.temporal_patch_size
    blocks = patches.float().view(rows // merge, columns // merge, merge, merge, 3, depth, side, side)[..., 0, :, :]
    picture = blocks.permute(4, 0, 2, 5, 1, 3, 6).reshape(3, rows * side, columns * side)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (part.image_mean, part.image_std))
    whole = ((picture * std + mean) / part.rescale_factor).round().clamp(0, 255)
    return whole.to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
