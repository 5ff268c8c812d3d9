"""An adapter that only the tests know, in the form of lmms-eval's entry points."""

from __future__ import annotations


def manifest():
    from lmms_eval.models.registry_v2 import ModelManifest

    return ModelManifest("mortal", chat_class_path="mortal.Mortal")
