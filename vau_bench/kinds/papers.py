"""Rules of papers: how each reads an answer, where a sample names another paper than VAU-R1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from vau_bench.errors import UnknownNameError
from vau_bench.records import Sample

R = TypeVar("R")

VAU_R1 = "vau_r1"
"""The paper of samples that name none."""


def rules_of(sample: Sample, rules: Mapping[str, R], kind: str) -> R:
    """Return what a kind's table of papers holds for a sample, which its reader names under `paper` in the fields.

    Raises:
        UnknownNameError: if there is no such paper.
    """
    name = sample.fields.get("paper", VAU_R1)
    if name not in rules:
        raise UnknownNameError(f"paper on {kind}", name, rules)
    return rules[name]
