"""A headless Chromium, and pages with something of everything in them. Without a browser these tests are skipped."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vau_bench import evaluation
from vau_bench.evaluation import Options
from vau_bench.judge.judgements import Decision, Judgement, digest, to_line
from vau_bench.models import MODELS
from vau_bench.records import Outcome
from vau_bench.report import write_report

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

HOSTILE = (
    "<script>document.title = 'taken'</script></script><img src=x onerror=\"document.title = 'taken'\">",
    "</template></pre></section><h1>not mine</h1><style>body { display: none }</style>",
    "\u202egnp.exe\u202c <a href='file:///etc/passwd'>open</a> file:///etc/passwd",
    "javascript:alert(1) ${alert(1)} {{ 7 * 7 }} &lt;b&gt;",
)


def load(name: str, *path: str) -> ModuleType:
    """Load a file of other tests as a module."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1].joinpath(*path))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


small = load("small_runs", "report", "conftest.py")
clips = small.clips


@pytest.fixture(scope="module")  # its event loop would run on beside the tests of other modules
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Open a file or an address: `open_page(path, width=390, scheme="dark", scripts=False)`; it may write no error."""
    contexts, complaints = [], []

    def open_it(
        where: Path | str, *, width: int = 1280, scheme: str = "light", bare: bool = False, scripts: bool = True
    ) -> Any:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            bypass_csp=bare,
            reduced_motion="reduce",
            java_script_enabled=scripts,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5_000)
        page.on("console", lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}") or dialog.dismiss())
        address = where.as_uri() if isinstance(where, Path) else where
        if address.startswith("file:"):
            page.on("request", lambda asked: complaints.append(asked.url) if asked.url.startswith("http") else None)
        page.goto(address)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def axe() -> Callable[[Any], list[str]]:
    """Return the serious faults that axe-core finds in a page that was opened `bare`."""
    source = pytest.importorskip("axe_playwright_python.base", reason="needs axe-playwright-python").AXE_SCRIPT

    def check(page: Any) -> list[str]:
        page.evaluate(source)
        found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        return [
            f"{fault['id']}: {fault['nodes'][0]['html'][:200]}"
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]

    return check


def _answers(wrong: bool) -> dict[str, Any]:
    reflected = "<think>{}</think><answer>{}</answer><glue>{}</glue>" * 2
    halves = reflected.partition("</glue>")
    text = f"{halves[0]}</glue><reflect>I looked again at the {{}}.</reflect>{halves[2]}"
    broken = text.format("a red car", "Anomaly", "[0.5, 1.5]", "car", "a blue car", "Anomaly", "[2.5, 2.9]")
    return {
        "clip0": broken if wrong else text.format("a", "Anomaly", "[0.0, 0.4]", "b", "c", "Anomaly", "[0.5, 1.5]"),
        "clip1": HOSTILE[0] + "<answer>Anomaly</answer><glue>[0.5, 1.6]</glue>" + HOSTILE[1],
        "clip2": HOSTILE[2] + HOSTILE[3] if wrong else "<answer>Normal</answer><glue>[-1.0, -1.0]</glue>",
        "clip3": "I see nothing of use." if wrong else "<answer>Anomaly</answer><glue>[2.0, 1.0]</glue>",
        "clip4": Outcome.ERRORED if wrong else "<answer>Normal</answer><glue>[-1.0, -1.0]</glue>",
    }


@pytest.fixture(scope="session")
def two_runs(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two judged runs that reflect, with what is broken, unparsed, errored and hostile among their answers."""
    out = tmp_path_factory.mktemp("browsed")
    runs = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS._entries, "watcher", small.Watcher)
        patch.setenv("VAU_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        for name, wrong in (("good", False), ("bad", True)):
            patch.setattr(small.Watcher, "answers", _answers(wrong))
            options = Options("watcher", ("clips_grounding", "clips_mcq"), data=clips, style="reflect", resamples=100)
            runs.append(evaluation.evaluate(options, out, run_id=name).path)
            _judge(runs[-1])
    return runs


def _judge(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "responses.jsonl").read_text().splitlines()]
    judged = [
        Judgement(
            key=f"k{n}", judge="strict", judge_digest="j", rubric="vau 1", rubric_digest="r", prompt_digest="p",
            task=line["task"], sample_id=line["sample_id"], group="g", purpose="answer/whole",
            response_digest=digest(line["text"]), characters=9, left_out=0, repeat=0, decision=Decision.JUDGED,
            scores={"detail": float(n)}, reason=HOSTILE[n % 4],
        )
        for n, line in enumerate(lines[:6])
    ]  # fmt: skip
    (run / "judgements.jsonl").write_bytes(b"".join(map(to_line, judged)))


@pytest.fixture(scope="session")
def report(two_runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAU_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return write_report(two_runs)


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of 130 samples, which fill three pages of the list and two chunks."""
    folder = tmp_path_factory.mktemp("many")
    rows = [(f"v{n:03}.mp4", f"What of {n}?", *"abcd", "ABCD"[n % 4], "Fire", 0, 1) for n in range(130)]
    small.write_annotation(folder, rows)
    options = Options("floors/always_a", ("clips_mcq",), data=folder, resamples=0)
    return write_report(evaluation.evaluate(options, folder, run_id="run").path)


@pytest.fixture(scope="session")
def leaderboard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A leaderboard with measured models, one of a hostile name and one that reflects, beside the published figures."""
    pytest.importorskip("matplotlib")
    from vau_bench.leaderboard.page import build_page

    made = load("board_of_tests", "leaderboard", "test_page.py")
    entries = [*made.several(), made.entry(HOSTILE[0] + HOSTILE[2], 0.2, seed=9), made.reflecting("SRVAU-R1")]
    folder = tmp_path_factory.mktemp("leaderboard")
    build_page(made.board(*entries), folder)
    return folder / "index.html"
