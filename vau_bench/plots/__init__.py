"""Plots, each a pure function from results to a figure; matplotlib is imported when the first one is used.

`forest_plot`, `recall_curve`, `class_dots`, `class_radar`, `outcome_bars`, `predicted_starts`, `reflection_flow`,
`judge_panel`, `score_against_cost` and `reported_beside_floor` take `theme=LIGHT` or `DARK`; `render` writes a figure.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vau_bench.extras import needed

if TYPE_CHECKING:
    from vau_bench.plots.classes import class_dots, class_radar
    from vau_bench.plots.cost import Priced, score_against_cost
    from vau_bench.plots.files import inline, recoloured, render
    from vau_bench.plots.forest import forest_plot
    from vau_bench.plots.judge import judge_panel
    from vau_bench.plots.outcomes import outcome_bars
    from vau_bench.plots.recall import recall_curve
    from vau_bench.plots.reflection import reflection_flow
    from vau_bench.plots.reported import CONSTANT_INTERVALS, Constant, Reported, reported_beside_floor
    from vau_bench.plots.starts import Starts, predicted_starts
    from vau_bench.plots.theme import DARK, LIGHT, Theme

_HOMES = {
    "class_dots": "classes",
    "class_radar": "classes",
    "Priced": "cost",
    "score_against_cost": "cost",
    "inline": "files",
    "recoloured": "files",
    "render": "files",
    "forest_plot": "forest",
    "judge_panel": "judge",
    "outcome_bars": "outcomes",
    "recall_curve": "recall",
    "reflection_flow": "reflection",
    "CONSTANT_INTERVALS": "reported",
    "Constant": "reported",
    "Reported": "reported",
    "reported_beside_floor": "reported",
    "Starts": "starts",
    "predicted_starts": "starts",
    "DARK": "theme",
    "LIGHT": "theme",
    "Theme": "theme",
}

__all__ = [
    "CONSTANT_INTERVALS",
    "DARK",
    "LIGHT",
    "Constant",
    "Priced",
    "Reported",
    "Starts",
    "Theme",
    "class_dots",
    "class_radar",
    "forest_plot",
    "inline",
    "judge_panel",
    "outcome_bars",
    "predicted_starts",
    "recall_curve",
    "recoloured",
    "reflection_flow",
    "render",
    "reported_beside_floor",
    "score_against_cost",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    needed("matplotlib", "drawing plots", "plots")
    module = import_module(f"vau_bench.plots.{_HOMES[name]}")
    return getattr(module, name)
