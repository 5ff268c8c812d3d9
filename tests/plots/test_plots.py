"""Every plot: the same data give the same bytes, odd names stay names, and nothing to draw is said."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from vau_bench import plots
from vau_bench.errors import RunError
from vau_bench.plots import DARK, LIGHT, Theme
from vau_bench.plots.files import png, svg
from vau_bench.plots.forest import forest_lines
from vau_bench.plots.labels import apart
from vau_bench.plots.recall import THRESHOLDS, curve
from vau_bench.plots.reported import CONSTANT_INTERVALS, Reported
from vau_bench.plots.starts import Starts
from vau_bench.plots.theme import legible_name

HOSTILE = (
    "<script>alert(1)</script>",
    "$\\frac{1}{0}$ 100% $",
    "]]></style>--><!-- &amp; ' \"",
    "\u202egnp.exe \x00\x1b[31m\n\ud800",
    "模型 🚀 #0072b2 1.23456",
    "../../etc/passwd",
    "w" * 400,
    "",
)


def named(names: tuple[str, ...], data: Any) -> dict[str, Callable[[Theme], Figure]]:
    """All plots of models with these names."""
    entries = [(name, data.result(0.1 + k / 20, seed=k % 6)) for k, name in enumerate(names)]
    reflected = [(name, {**r, "reflection": data.reflection(30, 20, 7, 3)}) for name, r in entries]
    scores = {name: data.scores(0.3, seed=k, n=40) for k, name in enumerate(names)}
    priced = [
        plots.Priced(name, data.metric(0.2 + k / 30), 0.5 * 3**k, 900 * 2**k if k else None)
        for k, name in enumerate(names)
    ]
    reported = [Reported(name, "MSAD", style, 20 + 5 * k) for k, name in enumerate(names) for style in ("direct", None)]
    return {
        "forest": lambda t: plots.forest_plot(entries, theme=t),
        "recall": lambda t: plots.recall_curve(scores, resamples=50, theme=t),
        "classes": lambda t: plots.class_dots(entries, theme=t),
        "radar": lambda t: plots.class_radar(entries, theme=t),
        "outcomes": lambda t: plots.outcome_bars(entries, theme=t),
        "starts": lambda t: plots.predicted_starts({n: Starts.of_scores(s) for n, s in scores.items()}, theme=t),
        "reflection": lambda t: plots.reflection_flow(reflected, theme=t),
        "judge": lambda t: plots.judge_panel([(n, data.judged(3 + k / 4)) for k, n in enumerate(names)], theme=t),
        "cost": lambda t: plots.score_against_cost(priced, theme=t),
        "reported": lambda t: plots.reported_beside_floor(reported, theme=t),
    }


KINDS = ("forest", "recall", "classes", "radar", "outcomes", "starts", "reflection", "judge", "cost", "reported")


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_data_give_the_same_bytes_and_dark_is_light_recoloured(kind: str, data: Any, tmp_path: Path) -> None:
    draw = named(data.NAMES, data)[kind]
    first, second = ([p.read_bytes() for p in plots.render(draw(LIGHT), tmp_path / name)] for name in ("one", "two"))
    dark = [p.read_bytes() for p in plots.render(draw(DARK), tmp_path / "dark")]
    assert first == second
    assert plots.recoloured(first[0].decode(), DARK) == dark[0].decode()
    assert b"<dc:date>" not in first[0] and LIGHT.ground in first[0].decode()
    for picture, theme in ((first[1], LIGHT), (dark[1], DARK)):
        corner = Image.open(io.BytesIO(picture)).convert("RGB").getpixel((0, 0))
        assert "#{:02x}{:02x}{:02x}".format(*corner) == theme.ground


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_names_stay_names(kind: str, data: Any) -> None:
    figure = named(HOSTILE, data)[kind](LIGHT)
    for drawing in (svg(figure), plots.inline(figure, prefix="p", label=HOSTILE[0])):
        tree = ET.fromstring(drawing.encode())
        assert not [e for e in tree.iter() if e.tag.endswith("script")]
        assert "\u202e" not in drawing and "\x00" not in drawing
        assert "<script" not in drawing
    assert png(figure)[:4] == b"\x89PNG"


def test_nothing_to_draw_is_said(data: Any) -> None:
    nothing = data.result(None)
    blank = [
        plots.forest_plot([]),
        plots.forest_plot([("a", nothing)]),
        plots.recall_curve({}),
        plots.recall_curve({"a": []}),
        plots.class_dots([]),
        plots.class_dots([("a", nothing)]),
        plots.class_radar([]),
        plots.outcome_bars([]),
        plots.predicted_starts({}),
        plots.predicted_starts({"a": Starts.of_scores([])}),
        plots.reflection_flow([("a", data.result(0.1))]),
        plots.judge_panel([]),
        plots.score_against_cost([]),
        plots.score_against_cost([plots.Priced("a", data.metric(None), 1.0)]),
        plots.reported_beside_floor([]),
        plots.reported_beside_floor([Reported("a", "elsewhere", None, 1.0)]),
    ]
    for figure in blank:
        texts = [t.get_text() for t in figure.texts]
        assert len(texts) >= 2 and texts[-1].endswith(".")
        assert svg(figure)


def test_one_model_with_one_sample(data: Any) -> None:
    alone = data.result(
        1.0,
        expected=1,
        outcomes={"scored": 1},
        floors={},
        metrics={"miou": {**data.metric(1.0), "low": None, "high": None, "mde": None, "n": 1}},
    )
    for figure in (
        plots.forest_plot([("a", alone)]),
        plots.class_dots([("a", alone)]),
        plots.outcome_bars([("a", alone)]),
        plots.recall_curve({"a": data.scores(0.5, n=1)}),
        plots.predicted_starts({"a": Starts.of_scores(data.scores(0.5, n=2))}),
        plots.score_against_cost([plots.Priced("a", alone["metrics"]["miou"], 0.1, 3.0)]),
    ):
        assert png(figure)


def test_many_models(data: Any) -> None:
    many = data.entries(50)
    assert svg(plots.forest_plot(many)).count("<!-- model ") == 44  # in comments: letters are outlines
    assert plots.class_dots(many).texts
    assert plots.recall_curve({n: data.scores(0.3, n=30, seed=k) for k, (n, _) in enumerate(many)}, resamples=20).axes


def test_the_forest_holds_every_floor_once_and_the_best_on_top(data: Any) -> None:
    lines = forest_lines([("a", data.result(0.3)), ("floors/prior_interval", data.result(0.41))], "miou")
    assert [line.name for line in lines] == ["floors/prior_interval", "a", "floors/whole_video", "floors/always_normal"]
    assert lines[0].low is not None and lines[2].low is None
    lower = data.result(0.3, metrics={"miou": {**data.metric(0.3), "higher_is_better": False}})
    better = data.result(0.2, metrics={"miou": {**data.metric(0.2), "higher_is_better": False}})
    assert [r.name for r in forest_lines([("a", lower), ("b", better)], "miou") if not r.floor] == ["b", "a"]


def test_recall_falls_with_the_threshold_and_lies_in_its_ribbon(data: Any) -> None:
    found = curve(data.scores(0.5), 200)
    assert found.low is not None and found.high is not None
    assert (np.diff(found.values) <= 0).all()
    assert (found.low <= found.values).all() and (found.values <= found.high).all()
    tiou = np.array([s.values["tiou"] for s in data.scores(0.5)])
    assert found.values[THRESHOLDS.index(0.5)] == pytest.approx((tiou >= 0.5).mean())


def test_starts_count_what_was_not_predicted(data: Any) -> None:
    found = Starts.of_scores(data.scores(0.5))
    assert len(found.pairs) + found.without == data.SAMPLES
    assert found.without == len(range(0, data.SAMPLES, 9))


def test_the_constant_intervals_are_the_published_floors() -> None:
    assert {name: (c.start, c.end, c.miou) for name, c in CONSTANT_INTERVALS.items()} == {
        "MSAD": (1, 12, 41.92),
        "UCF-Crime": (4, 40, 14.19),
        "ECVA": (0, 50, 35.08),
    }


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=12), st.floats(0.5, 6))
def test_labels_keep_their_order_and_distance(values: list[float], gap: float) -> None:
    places = apart(sorted(values), (0, 100), gap)
    assert len(places) == len(values)
    assert all(b - a >= gap - 1e-6 for a, b in pairwise(places))
    assert min(places) >= -1e-6 and max(places) <= 100 + 1e-6


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_any_name_is_one_legible_line(name: str) -> None:
    shown = legible_name(name)
    assert len(shown) <= 38
    assert shown.isprintable() or shown == ""


def test_colours_of_a_theme_are_all_different_and_stand_out() -> None:
    for theme in (LIGHT, DARK):
        colours = list(theme.colours.values())
        assert len(set(colours)) == len(colours)
        for colour in (theme.ink, theme.muted):
            assert contrast(colour, theme.ground) >= 4.5
        for colour in (*theme.series, theme.floor, theme.good, theme.bad):
            assert contrast(colour, theme.ground) >= 2.5


def contrast(one: str, other: str) -> float:
    """Ratio of luminances after WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_settings_of_the_user_change_nothing(data: Any) -> None:
    entries = data.entries(3)
    before = hashlib.sha256(svg(plots.forest_plot(entries)).encode()).hexdigest()
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "none", "lines.linewidth": 9}):
        assert hashlib.sha256(svg(plots.forest_plot(entries)).encode()).hexdigest() == before
        assert matplotlib.rcParams["font.size"] == 30


def test_another_process_draws_the_same_bytes(data: Any) -> None:
    code = (
        "import hashlib; from vau_bench import plots; from vau_bench.plots.files import png, svg;"
        "f = plots.reported_beside_floor([plots.Reported('a', 'MSAD', None, 20.4)]);"
        "print(hashlib.sha256(svg(f).encode() + png(f)).hexdigest())"
    )
    figure = plots.reported_beside_floor([Reported("a", "MSAD", None, 20.4)])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert done.stdout.strip() == hashlib.sha256(svg(figure).encode() + png(figure)).hexdigest()


def test_an_inline_drawing_takes_its_colours_from_the_page(data: Any) -> None:
    drawing = plots.inline(plots.forest_plot(data.entries(2)), prefix="one", label='a "b" <c>')
    assert drawing.startswith('<svg class="plot" role="img" aria-label="a &#34;b&#34; &lt;c&gt;"')
    assert "var(--plot-series-0)" in drawing and LIGHT.series[0] not in drawing
    assert 'id="one-' in drawing and "Qwen2.5-VL-7B</text>" in drawing


def test_a_folder_that_cannot_be_written(data: Any, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot write"):
        plots.render(plots.forest_plot(data.entries(1)), tmp_path / "absent" / "plot")


def test_importing_the_package_imports_no_matplotlib() -> None:
    code = "import sys, vau_bench.plots; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError):
        plots.no_such_plot  # noqa: B018
