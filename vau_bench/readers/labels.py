"""The classes of VAU-Bench, and their one spelling: files differ in case, spaces and underscores."""

from __future__ import annotations

from vau_bench.records import NORMAL

VAU_CLASSES = (
    NORMAL,
    "Abuse",
    "Agriculture",
    "Arrest",
    "Arson",
    "Assault",
    "Explosion",
    "Fighting",
    "Fire",
    "Food Safety",
    "Medical Abnormality",
    "Natural Hazard",
    "Object_falling",
    "People_falling",
    "Robbery",
    "Shooting",
    "Stealing",
    "Traffic_accident",
    "Vandalism",
    "Water_incident",
)


def folded(name: str) -> str:
    """Return the name as it is compared: lower case, underscores and runs of blanks as one blank."""
    return " ".join(name.replace("_", " ").lower().split())


_SPELLING = {folded(name): name for name in VAU_CLASSES}


def canonical(name: str) -> str:
    """Return the one spelling of a class of VAU-Bench, or `name` stripped when it is not one of them."""
    return _SPELLING.get(folded(name), name.strip())


CLASS_LISTS = {"vau_bench": VAU_CLASSES}
"""Lists that `task.yaml` may name under `classes`; `NAME+data` adds the classes that the data holds."""
