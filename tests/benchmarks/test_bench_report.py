"""What a report costs: its making, its size, how soon its first row is there. Prints figures beside their targets."""

from __future__ import annotations

import importlib.util
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vau_bench import evaluation
from vau_bench.evaluation import Options
from vau_bench.report import write_report

pytestmark = pytest.mark.benchmark

VIDEOS, SECONDS = 125, 12


def small_runs() -> Any:
    spec = importlib.util.spec_from_file_location("small", Path(__file__).parents[1] / "report" / "conftest.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_noisy(path: Path, seed: int) -> None:
    """Write a clip of 320x240 that moves and is grainy all over, as a night camera's is."""
    from fractions import Fraction

    import av

    rng = np.random.default_rng(seed)
    scene = np.kron(rng.integers(20, 200, (12, 16, 3)), np.ones((20, 20, 1))).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 320, 240, "yuv420p", Fraction(1, 5)
        for number in range(SECONDS * 5):
            grain = rng.integers(-12, 12, scene.shape, np.int16)
            frame = np.clip(np.roll(scene, 3 * number, axis=1) + grain, 0, 255).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Evaluate so many samples, each of a file of its own, with a model that looks at 16 frames of each."""
    small = small_runs()
    root = tmp_path_factory.mktemp("report")
    drawn = root / "drawn"
    drawn.mkdir()
    for seed in range(VIDEOS):
        write_noisy(drawn / f"{seed}.mp4", seed)

    def evaluate(samples: int) -> Path:
        folder = root / str(samples)
        (folder / "videos").mkdir(parents=True)
        for n in range(samples):
            path = folder / "videos" / f"v{n}.mp4"
            shutil.copy(drawn / f"{n % VIDEOS}.mp4", path)
            with path.open("ab") as file:
                file.write(n.to_bytes(4, "big"))  # no two are the same file
        rows = [(f"v{n}.mp4", "What?", *"abcd", "A", "Fire", 2, 9) for n in range(samples)]
        small.write_annotation(folder, rows)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(evaluation.create_model.__globals__["MODELS"]._entries, "watcher", small.Watcher)
            options = Options(
                "watcher", ("clips_grounding",), data=folder, frames="uniform(16)", style="reflect", resamples=0
            )
            return evaluation.evaluate(options, folder, run_id="run").path

    return evaluate


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("samples", "target"), [(500, ""), (2_000, "10 s")])
def test_a_report_with_cached_frames(
    evaluated: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, samples: int, target: str
) -> None:
    monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path))
    run = evaluated(samples)
    wall, cpu = time.perf_counter(), time.process_time()
    path = write_report(run)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    size = path.stat().st_size / 1e6
    print(
        f"\nreport of {samples:,} samples, 500 of them with 16 frames, frames cached: {wall:.1f} s, {cpu:.1f} s of "
        f"processor{f' (target {target})' if target else ''}; {size:.1f} MB (target of 500: 8 MB)"
    )
    assert size < 60


def test_ten_thousand_samples_in_a_browser(tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or pytest.skip("needs chromium")
    rows = [(f"v{n}.mp4", f"What of {n}?", *"abcd", "ABCD"[n % 4], "Fire", 0, 1) for n in range(10_000)]
    small_runs().write_annotation(tmp_path, rows)
    options = Options("floors/always_a", ("clips_mcq",), data=tmp_path, resamples=0)
    path = write_report(evaluation.evaluate(options, tmp_path, run_id="run").path)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        begun = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_selector(".row")
        first = time.perf_counter() - begun
        begun = time.perf_counter()
        page.keyboard.press("j")
        page.wait_for_selector(".opened .reply")
        opened = time.perf_counter() - begun
        begun = time.perf_counter()
        page.fill("[name=text]", "what of 9999?")
        page.locator("output", has_text="1 of 10,000").wait_for()
        searched = time.perf_counter() - begun
        browser.close()
    print(
        f"\nreport of 10,000 samples, {path.stat().st_size / 1e6:.1f} MB: first row after {first:.2f} s, "
        f"a sample opened in {opened:.2f} s, all texts searched in {searched:.2f} s"
    )
