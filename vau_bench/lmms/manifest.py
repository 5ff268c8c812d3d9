"""What lmms-eval finds through the entry points `lmms_eval.models`.

Nothing of ours is imported here: lmms-eval reads this while it is being imported itself.
"""

from __future__ import annotations

from typing import Any


def manifests() -> list[Any]:
    """Return our models in lmms-eval's form. Its own `qwen_vl` is another model, so ours has a prefix there."""
    from lmms_eval.models.registry_v2 import ModelManifest

    here = "vau_bench.lmms.models"
    return [
        ModelManifest("vau_qwen_vl", chat_class_path=f"{here}.QwenVL"),
        ModelManifest("srvau_r1", chat_class_path=f"{here}.SrvauR1", aliases=("vau_srvau_r1",)),
        ModelManifest("motion", chat_class_path=f"{here}.Motion", aliases=("vau_motion",)),
    ]
