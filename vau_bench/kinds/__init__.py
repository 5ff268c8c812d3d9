"""The kinds of task, by the name that `task.yaml` gives."""

from typing import Any

from vau_bench.kinds.base import FloorContext, Kind, Reading
from vau_bench.registry import Registry

KINDS: Registry[type[Kind[Any]]] = Registry("kind")
KINDS.add("mcq", "vau_bench.kinds.mcq:MultipleChoice")
KINDS.add("grounding", "vau_bench.kinds.grounding:Grounding")
KINDS.add("classification", "vau_bench.kinds.classification:Classification")
KINDS.add("detection", "vau_bench.kinds.detection:Detection")
KINDS.add("reasoning", "vau_bench.kinds.reasoning:Reasoning")
KINDS.add("text", "vau_bench.kinds.text:Text")
KINDS.add("verdict", "vau_bench.kinds.verdict:Verdict")

__all__ = ["KINDS", "FloorContext", "Kind", "Reading"]
