"""From a figure to files and markup: the same figure gives the same bytes, today and on another machine."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vau_bench.errors import RunError
from vau_bench.plots.theme import DARK, FAMILY, LIGHT, Theme, settings
from vau_bench.report.wording import printable

DOTS_PER_INCH = 150
_COLOURS = 96
_METADATA = {"Date": None, "Creator": "vau-bench", "Format": None, "Type": None}
_TAG = re.compile(r"<[^>]*>")  # text is escaped, so that names of models are never inside one
_DECIMALS = re.compile(r"-?\d+\.\d{3,}")
_IDS = re.compile(r'\b(id="|xlink:href="#|url\(#)')
_MADE_ID = re.compile(r'(?<=["#])(?:[a-z][0-9a-f]{10}|DejaVuSans[\w-]*)(?=[")])')
_INDENT = re.compile(r"\n +(?=<)")
_HEX = re.compile(r"#[0-9a-f]{6}\b")


def render(figure: Figure, stem: Path) -> list[Path]:
    """Write `STEM.svg` and `STEM.png`, each as a whole or not at all, and return their paths.

    Raises:
        RunError: if they cannot be written.
    """
    made = [
        (stem.with_name(f"{stem.name}.svg"), svg(figure).encode()),
        (stem.with_name(f"{stem.name}.png"), png(figure)),
    ]
    for path, content in made:
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise RunError(f"cannot write {path}: {error.strerror}") from None
    return [path for path, _ in made]


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG picture, with as many colours as drawings need."""
    from PIL import Image

    with settings():
        canvas: Any = FigureCanvasAgg(figure)  # untyped in parts
        figure.set_dpi(DOTS_PER_INCH)
        canvas.draw()
        picture = Image.frombuffer("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba()), "raw", "RGBA", 0, 1)
    out = io.BytesIO()
    few = picture.convert("RGB").quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(out, "PNG", compress_level=7, dpi=(DOTS_PER_INCH, DOTS_PER_INCH))
    return out.getvalue()


def svg(figure: Figure, *, as_text: bool = False) -> str:
    """Return the figure as SVG.

    Args:
        figure: the figure.
        as_text: leave letters as text, for a page that brings a typeface; else they are outlines, the same anywhere.
    """
    import matplotlib

    out = io.StringIO()
    with settings():
        matplotlib.rcParams["svg.fonttype"] = "none" if as_text else "path"
        figure.savefig(out, format="svg", metadata=_METADATA, facecolor=figure.get_facecolor())
    short = _in_tags(_DECIMALS, lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), out.getvalue())
    numbers: dict[str, str] = {}  # matplotlib hashes colours into its ids; numbers are the same in every theme
    short = _in_tags(_MADE_ID, lambda m: numbers.setdefault(m[0], f"d{len(numbers)}"), short)
    return _INDENT.sub("\n", short)


def recoloured(drawing: str, theme: Theme) -> str:
    """Return the SVG of a light figure in the colours of another theme."""
    return _replaced(drawing, theme.colours)


def inline(figure: Figure, *, prefix: str, label: str) -> str:
    """Return a light figure as an `<svg>` element for a page that defines `--plot-NAME` for each colour.

    Args:
        figure: the figure.
        prefix: of its ids, unique within the page.
        label: what it shows, for those who cannot see it; escaped here.
    """
    from markupsafe import escape

    drawing = svg(figure, as_text=True)
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", drawing, flags=re.DOTALL)
    drawing = _in_tags(_IDS, lambda m: f"{m[1]}{prefix}-", drawing)
    drawing = drawing.replace(f"'{FAMILY}'", "var(--plot-typeface)").replace(f'"{FAMILY}"', "var(--plot-typeface)")
    drawing = _replaced(drawing, {name: f"var(--plot-{name})" for name in LIGHT.colours})
    _, _, rest = drawing.partition(">")
    box = re.search(r'viewBox="[^"]+"', drawing)
    head = f'<svg class="plot" role="img" aria-label="{escape(printable(label))}" {box[0] if box else ""}'
    return f'{head} xmlns:xlink="http://www.w3.org/1999/xlink">{rest}'


def theme_variables(theme: Theme) -> str:
    """Return the CSS declarations that `inline` needs."""
    return " ".join(f"--plot-{name}: {colour};" for name, colour in theme.colours.items())


def _replaced(drawing: str, colours: dict[str, str]) -> str:
    names = {colour: name for name, colour in LIGHT.colours.items()}
    return _in_tags(_HEX, lambda m: colours[names[m[0]]] if m[0] in names else m[0], drawing)


def _in_tags(pattern: re.Pattern[str], change: Callable[[re.Match[str]], str], drawing: str) -> str:
    return _TAG.sub(lambda tag: pattern.sub(change, tag[0]), drawing)


__all__ = ["DARK", "LIGHT", "inline", "png", "recoloured", "render", "svg", "theme_variables"]
