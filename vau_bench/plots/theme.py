"""How plots look: two colour themes, one typeface, and settings that no user configuration can change.

Colours are those of Okabe and Ito (2008), which the common forms of colour blindness tell apart, darkened or lightened
to hold against the ground. No colour of a theme occurs twice, so that a drawing can be recoloured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, FontProperties, fontManager, get_font
from matplotlib.textpath import text_to_path

from vau_bench.records import Outcome
from vau_bench.report.wording import printable

P = ParamSpec("P")
FAMILY = "vau-bench sans"
LONGEST_NAME = 38


@dataclass(frozen=True)
class Theme:
    """The colours of a plot, as lower-case `#rrggbb`.

    Attributes:
        ground: behind everything.
        ink: text that must be read, `muted` text that explains.
        line: axes and grid, `band` areas behind the data.
        floor: what never looked at a video.
        good: a gain, `bad` a loss.
        series: models, in order.
        outcomes: in the order of `Outcome`.
    """

    name: str
    ground: str
    ink: str
    muted: str
    line: str
    band: str
    floor: str
    good: str
    bad: str
    series: tuple[str, ...]
    outcomes: tuple[str, ...]

    @property
    def colours(self) -> dict[str, str]:
        """All colours by a name that is fit for CSS."""
        found: dict[str, str] = {}
        for part in fields(self)[1:]:
            value = getattr(self, part.name)
            if isinstance(value, str):
                found[part.name] = value
            else:
                found.update({f"{part.name}-{number}": colour for number, colour in enumerate(value)})
        return found

    def outcome(self, name: str) -> str:
        """Return the colour of an outcome."""
        return self.outcomes[[str(o) for o in Outcome].index(name)]


LIGHT = Theme(
    name="light",
    ground="#ffffff",
    ink="#1b1d21",
    muted="#5d636c",
    line="#d9d9d4",
    band="#eceef1",
    floor="#7d828a",
    good="#007a58",
    bad="#b8480a",
    series=("#0072b2", "#d55e00", "#009e73", "#b2568d", "#c58700", "#4aa5dd"),
    outcomes=("#2f9e73", "#e3a21a", "#8f6cc2", "#4a97dc", "#cf4457", "#a3a8af"),
)
DARK = Theme(
    name="dark",
    ground="#1b1e23",
    ink="#e8e9eb",
    muted="#a3aab4",
    line="#3a3f47",
    band="#2a2f37",
    floor="#8f959e",
    good="#4fd0a5",
    bad="#f0945f",
    series=("#5aaeea", "#f08a4b", "#2bbf95", "#e097c3", "#efc04c", "#9cd3f7"),
    outcomes=("#3fb487", "#e6b043", "#a687d6", "#63a9e8", "#e2606f", "#7d838c"),
)
MARKERS = ("o", "s", "D", "^", "v", "P")

_SETTINGS: Mapping[Any, Any] = {
    "font.family": FAMILY,
    "font.size": 9.0,
    "text.parse_math": False,  # a dollar sign in a model's name is no formula
    "svg.hashsalt": "vau-bench",
    "svg.image_inline": True,
    "path.simplify": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "lines.solid_capstyle": "round",
}


@contextmanager
def settings() -> Iterator[None]:
    """Use the settings of the house, and nothing of a user's matplotlibrc."""
    _register_typeface()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def drawn(plot: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let a plot be drawn with the settings of the house."""

    @wraps(plot)
    def with_settings(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with settings():
            return plot(*args, **kwargs)

    return with_settings


@lru_cache(maxsize=1)
def _register_typeface() -> None:
    """Name the typeface that comes with matplotlib, so that no other version of it on the machine is taken."""
    for name, weight in (("DejaVuSans.ttf", 400), ("DejaVuSans-Bold.ttf", 700)):
        fontManager.ttflist.append(FontEntry(fname=str(_typeface(name)), name=FAMILY, style="normal", weight=weight))


def _typeface(name: str) -> Path:
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name


@lru_cache(maxsize=1)
def _drawable() -> frozenset[int]:
    return frozenset(get_font(str(_typeface("DejaVuSans.ttf"))).get_charmap())


def legible_name(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name on one line: what the typeface cannot draw as an escape, the middle of a long one cut."""
    shown = "".join(c if ord(c) in _drawable() and c.isprintable() else ascii(c)[1:-1] for c in printable(name))
    if len(shown) <= longest:
        return shown
    head = (longest - 1) // 2
    return f"{shown[:head]}\u2026{shown[len(shown) - (longest - 1 - head) :]}"


@lru_cache(maxsize=4096)
def text_width(text: str, size: float = 9.0, *, bold: bool = False) -> float:
    """Return the width of a line of text in inches."""
    _register_typeface()
    properties = FontProperties(family=FAMILY, size=size, weight="bold" if bold else "normal")
    width, _, _ = text_to_path.get_text_width_height_descent(text, properties, ismath=False)
    return float(width) / 72.0
