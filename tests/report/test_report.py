"""The report is one safe, offline, deterministic file, whatever the run went through and whatever models wrote."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vau_bench import evaluation
from vau_bench.cli.main import cli
from vau_bench.errors import ModelError, RunError
from vau_bench.evaluation import Options
from vau_bench.records import Outcome
from vau_bench.report import write_report

VOID = {"meta", "img", "input", "br", "hr", "link"}
SELF_CLOSED = {"rect", "line", "circle"}
Run = Callable[..., Path]
Rewrite = Callable[[Path, Callable[[dict[str, Any]], None]], None]


class Page(HTMLParser):
    """Reads a page and holds what a browser would make of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.source = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._open: list[str] = []
        self.feed(self.source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"an attribute of <{tag}> stands twice"
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SELF_CLOSED
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self._open[-1:] != ["style"]:
            self.text += data

    def all(self, tag: str, kind: str | None = None) -> list[dict[str, str | None]]:
        return [a for t, a in self.elements if t == tag and (kind is None or kind in (a.get("class") or "").split())]

    def attribute_values(self, *names: str) -> list[str]:
        return [value for _, a in self.elements for name in names if (value := a.get(name)) is not None]


def report(run: Path, **changes: Any) -> Page:
    return Page(write_report(run, **changes))


def test_all_three_kinds_make_a_balanced_page_that_tells_model_run_and_status(make_run: Run) -> None:
    page = report(make_run("clips_grounding", "clips_mcq", "clips_classification", style="reflect"))
    assert "watcher" in page.text and "success" in page.text
    assert "vau-bench evaluate --model watcher --tasks clips_grounding,clips_mcq,clips_classification" in page.text
    assert len(page.all("article")) == 18
    assert page.text.count("6 samples expected") == 3
    assert {a["data-task"] for a in page.all("article")} == {"clips_grounding", "clips_mcq", "clips_classification"}


def test_nothing_is_loaded_from_anywhere(make_run: Run) -> None:
    page = report(make_run("clips_grounding"))
    assert all(link.startswith("#") for link in page.attribute_values("href", "action", "formaction", "xlink:href"))
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.attribute_values("src", "srcset"))
    assert not {"link", "iframe", "object", "embed", "base", "video"} & {tag for tag, _ in page.elements}
    assert "url(" not in page.source and "@import" not in page.source
    assert not re.search(r"https?://", page.source)


def test_the_policy_allows_this_script_and_no_other(make_run: Run) -> None:
    page = report(make_run("clips_mcq"))
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:; ")
    assert len(page.scripts) == 1
    digest = base64.b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy


def test_the_same_run_gives_the_same_bytes(make_run: Run, tmp_path: Path) -> None:
    run = make_run("clips_grounding", "clips_mcq")
    first = write_report(run).read_bytes()
    assert write_report(run, tmp_path / "again.html").read_bytes() == first


def test_a_strip_shows_exactly_the_frames_that_the_model_saw(make_run: Run) -> None:
    run = make_run("clips_grounding", frames="uniform(5)")
    page = report(run)
    seen = json.loads((run / "responses.jsonl").read_text().splitlines()[0])["seen"]
    captions = [f"frame {i} at {t:.2f} s" for i, t in zip(seen["indices"], seen["times"], strict=True)]
    assert len(captions) == 5
    for article in page.source.split("<article")[1:]:
        assert re.findall(r'alt="(frame [^"]+)"', article) == captions
    pictures = page.attribute_values("src")
    assert len(pictures) == 30
    assert all(base64.b64decode(p.partition(",")[2]).startswith(b"\xff\xd8") for p in pictures)
    assert all(a["width"] == "120" and a["height"] == "72" for a in page.all("img"))


def test_of_many_frames_twelve_are_shown_and_it_says_so(make_run: Run) -> None:
    page = report(make_run("clips_grounding", frames="uniform(30)"))
    assert len(page.all("img")) == 6 * 12
    assert page.text.count("12 of the 30 are shown, evenly chosen") == 6


def test_frames_in_the_true_interval_are_marked(make_run: Run) -> None:
    page = report(make_run("clips_grounding", frames="fps(2)"))
    # 0.0, 0.5 .. 2.5 s against [0.5, 1.5), [0.5, 1.75), [0.5, 2.0), [0.5, 2.25) and two normal videos.
    assert len(page.all("figure", "inside")) == 2 + 3 + 3 + 4


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda seen: seen["indices"].__setitem__(0, 1), "frame 1 is not in the frame plan of the run"),
        (lambda seen: seen["times"].__setitem__(0, 0.25), "the model saw 0.250 s"),
    ],
)
def test_frames_that_are_not_the_recorded_ones_are_never_shown(
    make_run: Run, rewrite: Rewrite, edit: Callable[[dict[str, Any]], None], told: str
) -> None:
    run = make_run("clips_grounding", frames="uniform(3)")
    rewrite(run, lambda record: edit(record["seen"]))
    page = report(run)
    assert page.all("img") == []
    assert page.text.count("Frames are not available") == 6
    assert told in page.text


def test_without_videos_the_questions_stay_and_the_reason_is_told(make_run: Run, clips: Path, tmp_path: Path) -> None:
    run = make_run("clips_mcq")
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(clips / "clips.csv", bare)
    page = report(run, data=bare)
    assert page.all("img") == []
    assert "What happens in 3?" in page.text
    assert page.text.count("no video clip") == 6


def test_without_the_dataset_the_figures_and_answers_stay(make_run: Run, tmp_path: Path) -> None:
    run = make_run("clips_mcq")
    page = report(run, data=tmp_path)
    assert "questions and frames are not shown: no annotation file" in page.text
    assert "What happens" not in page.text
    assert len(page.all("article")) == 6
    assert "6 samples expected" in page.text and "longest_option" in page.text
    assert page.text.count("right") >= 6


def test_a_blind_model_is_told_to_have_seen_no_frames(make_run: Run) -> None:
    page = report(make_run("clips_grounding", model="floors/prior_interval"))
    assert page.all("img") == []
    assert page.text.count("No frames were recorded") == 6
    assert "length of the video unknown" in page.text


def test_options_show_the_right_and_the_chosen_one(make_run: Run, watcher: Any) -> None:
    watcher.answers = {"clip0": "<answer>B</answer>", "clip1": "I would rather say nothing of use."}
    page = report(make_run("clips_mcq"))
    items = [a["class"].split() for a in page.all("li") if "class" in a and a["class"] is not None]
    assert items.count(["right", "chosen"]) == 4
    assert items.count(["right"]) == 2
    assert items.count(["chosen"]) == 1
    first = page.all("article")[0]
    assert (first["id"], first["data-outcome"], first["data-class"]) == ("sample-1-1", "unparsed", "Fighting")


def test_a_timeline_shows_truth_prediction_and_the_answer_before_the_reflection(make_run: Run) -> None:
    page = report(make_run("clips_grounding", style="reflect", frames="fps(2)"))
    labels = page.attribute_values("aria-label")
    assert "truth: 0.50 \u2013 1.50 s" in labels
    assert "prediction: 0.50 \u2013 1.50 s" in labels
    assert labels.count("before reflection: 0.00 \u2013 1.00 s") == 4
    truth = page.all("rect", "truth")[0]
    assert truth["x"] == "16.667%" and truth["width"] == "33.333%"


def test_what_reflections_repaired_is_told_on_the_page_and_in_the_table(make_run: Run) -> None:
    run = make_run("clips_grounding", style="reflect")
    sentence = (
        r"4 pairs = (\d) repaired \+ (\d) broken \+ (\d) kept right \+ (\d) kept wrong; "
        r"2 samples without a pair; gain [+-]\d+\.\d"
    )
    for text in (report(run).text, evaluation.score(run, resamples=0).table()):
        found = re.search(sentence, text)
        assert found and sum(map(int, found.groups())) == 4
    assert "net_gain" in report(run).text
    assert "Reflection" not in report(make_run("clips_mcq")).text


def test_the_evidence_is_marked_and_its_rule_named(make_run: Run) -> None:
    page = report(make_run("clips_mcq"))
    assert "<mark>A</mark>" in page.source
    assert page.text.count("read by rule tag") == 6


HOSTILE = [
    "<script>alert(1)</script></script></style><img src=x onerror=alert(1)>",
    "</pre></article><svg onload=alert(1)><a href='javascript:alert(1)'>x</a>",
    "\u202egnp.exe\u202c \u2066x \x00\x07\x1b[31m\x7f\x85 \ufeff\uffff \ud800 \udfff",
    "{{ 7 * 7 }}{% raw %}{# comment #}&amp;&lt;&#x3c;",
    "\r\n\r<!-- --><![CDATA[ ]]>\t",
    "B" * 1_000_000,
]


def test_hostile_texts_of_models_are_inert(make_run: Run, rewrite: Rewrite) -> None:
    run = make_run("clips_mcq", "clips_grounding")
    harmless = report(run)

    def poison(record: dict[str, Any]) -> None:
        text = HOSTILE[int(record["sample_id"][-1])]
        record["text"] = text + "<answer>B</answer>" + text
        record["key"] = text[:40]
        record["seen"]["decoder"] = text[:40]

    rewrite(run, poison)
    scores = [json.loads(line) for line in (run / "scores.jsonl").read_text().splitlines()]
    for score in scores:
        score["error"] = score["group"] = HOSTILE[int(score["sample_id"][-1])]
    (run / "scores.jsonl").write_text("".join(json.dumps(score) + "\n" for score in scores))
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["error"] = manifest["model"] = manifest["model_identity"]["name"] = "".join(HOSTILE[:5])
    (run / "manifest.json").write_text(json.dumps(manifest))
    page = report(run)
    assert page.scripts == harmless.scripts
    # The notes that tell of the errors are all that may be new.
    assert {tag for tag, _ in page.elements} - {tag for tag, _ in harmless.elements} <= {"strong", "span", "p"}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert all(link.startswith("#") for link in page.attribute_values("href"))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page.source)
    assert "\\u202egnp.exe" in page.text and "\\x1b[31m" in page.text and "\\ud800" in page.text
    assert "{{ 7 * 7 }}" in page.text and "&amp;&lt;&#x3c;" in page.text
    assert len(page.source) < 1_000_000


def test_hostile_annotations_are_inert(make_run: Run, clips: Path, tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    shutil.copytree(clips, folder)
    with (folder / "clips.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    for row, text in zip(lines[1:], HOSTILE, strict=True):
        row[1] = row[2] = row[7] = text.encode("utf-8", "ignore").decode().replace("\x00", "")[:5_000]
    with (folder / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    page = report(make_run("clips_mcq", data=folder))
    assert len(page.scripts) == 1
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "<img src=x onerror=alert(1)>" in page.text


def test_a_long_response_is_cut_but_its_evidence_stays(make_run: Run, watcher: Any) -> None:
    watcher.answers = {"clip0": "<think>" + "x" * 50_000 + "</think><answer>A</answer>"}
    page = report(make_run("clips_mcq"))
    assert "50,0" in page.text and "characters left out" in page.text
    assert page.source.count("<mark>A</mark>") == 2  # the right option of clip0 and of clip4
    assert len(re.findall("x" * 100, page.source)) < 50


def test_when_nothing_is_scored_every_outcome_is_still_counted(make_run: Run, watcher: Any) -> None:
    watcher.answers = {f"clip{i}": Outcome.ERRORED for i in range(6)}
    page = report(make_run("clips_mcq"))
    assert "errored 6 100.0%" in " ".join(page.text.split())
    assert page.text.count("because the test says so") == 6


@pytest.mark.parametrize(
    ("stop", "status"), [(KeyboardInterrupt(), "cancelled"), (ModelError("it <b>fell</b>"), "failed")]
)
def test_a_run_that_ended_early_is_scored_and_told_as_it_is(
    make_run: Run, watcher: Any, tmp_path: Path, stop: BaseException, status: str
) -> None:
    watcher.answers = {"clip4": stop}
    with pytest.raises(type(stop)):
        make_run("clips_mcq")
    page = report(tmp_path / "runs" / "run")
    assert status in page.text
    text = " ".join(page.text.split())
    assert "6 samples expected" in text and re.search(r"missing [23] ", text)
    assert ("The run failed: it <b>fell</b>" in text) == (status == "failed")


def test_a_run_that_cannot_be_scored_shows_its_answers(make_run: Run, tmp_path: Path) -> None:
    run = make_run("clips_mcq")
    (run / "results.json").unlink()
    page = report(run, data=tmp_path)
    text = " ".join(page.text.split())
    assert "this run is not scored" in text
    assert "answered 6 100.0%" in text
    assert len(page.all("article")) == 6


def test_answers_that_came_after_scoring_are_told(make_run: Run, watcher: Any) -> None:
    watcher.answers = {"clip2": Outcome.ERRORED}
    run = make_run("clips_mcq")
    journal = run / "responses.jsonl"
    lines = journal.read_text().splitlines()
    failed = next(json.loads(line) for line in lines if '"clip2"' in line)
    late = {**failed, "outcome": "scored", "text": "<answer>C</answer>"}
    journal.write_text("\n".join([*lines, json.dumps(late)]) + "\n")
    assert "1 answers came after the run was scored" in report(run).text
    evaluation.score(run, resamples=0)
    assert "came after" not in report(run).text


def test_an_answer_that_was_taken_back_after_scoring_is_told(make_run: Run) -> None:
    run = make_run("clips_mcq")
    journal = run / "responses.jsonl"
    last = json.loads(journal.read_text().splitlines()[-1])
    with journal.open("a") as file:
        file.write(json.dumps({**last, "outcome": "missing", "text": "", "error": "asked anew"}) + "\n")
    assert "1 answers came after the run was scored" in report(run).text


def test_no_answer_comes_first_then_the_worst(make_run: Run, watcher: Any) -> None:
    watcher.answers = {"clip5": "What?", "clip3": "<answer>Anomaly</answer><glue>[2.9, 3.0]</glue>"}
    ids = re.findall(r'<h4><a href="#[^"]+"><bdi>([^<]+)', report(make_run("clips_grounding")).source)
    assert ids[:2] == ["clip5", "clip3"]


def test_samples_beyond_the_limit_are_counted_not_forgotten(make_run: Run, watcher: Any) -> None:
    watcher.answers = {"clip0": Outcome.REFUSED}
    page = report(make_run("clips_mcq"), samples=2, strips=1)
    assert len(page.all("article")) == 2
    assert "2 of 6 samples are shown, 1 of them with frames" in page.text
    assert "Not shown one by one: 4 scored." in page.text


def test_none_of_the_samples_may_be_shown(make_run: Run) -> None:
    page = report(make_run("clips_mcq"), samples=0, strips=0)
    assert page.all("article") == []
    assert "Not shown one by one: 6 scored." in page.text


def test_ten_thousand_samples_make_a_page_that_can_be_opened(tmp_path: Path) -> None:
    with (tmp_path / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Video Name", "Question", "Option 1", "Option 2", "Option 3", "Option 4", "Correct Option"])
        writer.writerows((f"v{i}.mp4", "What?", "a", "b", "c", "d", "ABCD"[i % 4]) for i in range(10_000))
    options = Options("floors/always_a", ("clips_mcq",), data=tmp_path, resamples=0)
    run = evaluation.evaluate(options, tmp_path / "runs").path
    begun = time.monotonic()
    page = report(run)
    assert time.monotonic() - begun < 60
    assert len(page.all("article")) == 500
    # Half of the 500 are the worst, all of them wrong; of the other 9,750 every 39th is shown.
    assert "500 of 10000 samples are shown" in page.text
    assert len(page.source) < 3_000_000


def test_the_file_is_replaced_whole_or_not_at_all(make_run: Run, tmp_path: Path) -> None:
    run = make_run("clips_mcq")
    assert write_report(run) == run / "report.html"
    with pytest.raises(RunError, match="cannot write"):
        write_report(run, tmp_path / "absent" / "report.html")
    assert sorted(p.name for p in run.iterdir()) == [
        "manifest.json", "report.html", "responses.jsonl", "results.json", "scores.jsonl"
    ]  # fmt: skip


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run in"):
        write_report(tmp_path)


def test_the_command_prints_where_the_report_is(make_run: Run, tmp_path: Path) -> None:
    run = make_run("clips_mcq")
    out = tmp_path / "mine.html"
    done = CliRunner().invoke(cli, ["report", str(run), "--out", str(out), "--samples", "3"])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(out)
    assert len(Page(out).all("article")) == 3
