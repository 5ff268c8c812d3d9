"""The report is one safe, offline, deterministic file, whatever the run went through and whatever models wrote."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import shutil
import time
import zlib
from collections.abc import Callable, Sequence
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
    """Reads a page and holds what a browser would make of it; `cards` are the samples in their order."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.source = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.data: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(self.source)
        self.close()
        assert self._open == []
        self.index = self.unpacked("index")
        chunks = sum(name.startswith("chunk-") for name in self.data)
        self.cards: list[dict[str, Any]] = [c for n in range(chunks) for c in self.unpacked(f"chunk-{n}")]
        self.told = self.text + "\n".join(texts_of([self.index, self.cards]))

    def unpacked(self, name: str) -> Any:
        return json.loads(zlib.decompress(base64.b64decode(self.data[name])))

    def pictures(self, film: dict[str, Any]) -> list[bytes]:
        reel = self.data[f"reel-{film['reel']}"].split(" ")
        return [base64.b64decode(reel[place]) for place, *_ in film["frames"]]

    def answers(self) -> list[dict[str, Any]]:
        return [answer for card in self.cards for answer in card["answers"]]

    def films(self) -> list[dict[str, Any]]:
        return [film for card in self.cards for film in card["films"]]

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
            _, attributes = self.elements[-1]
            if attributes.get("type") == "text/plain":
                self.data[attributes["id"] or ""] = data
            else:
                self.scripts.append(data)
        elif self._open[-1:] != ["style"]:
            self.text += data

    def all(self, tag: str, kind: str | None = None) -> list[dict[str, str | None]]:
        return [a for t, a in self.elements if t == tag and (kind is None or kind in (a.get("class") or "").split())]

    def attribute_values(self, *names: str) -> list[str]:
        return [value for _, a in self.elements for name in names if (value := a.get(name)) is not None]


def texts_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts_of(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts_of(one)]
    return [value] if isinstance(value, str) else []


def report(runs: Path | Sequence[Path], **changes: Any) -> Page:
    return Page(write_report(runs, **changes))


def said(answer: dict[str, Any]) -> str:
    return "".join(text for _, _, text in answer["parts"])


def marked(answer: dict[str, Any]) -> str:
    return "".join(text for _, evidence, text in answer["parts"] if evidence)


def test_all_three_kinds_make_a_balanced_page_that_tells_model_run_and_status(make_run: Run) -> None:
    page = report(make_run("clips_grounding", "clips_mcq", "clips_classification", style="reflect"))
    assert "watcher" in page.text and "success" in page.text
    assert "vau-bench evaluate --model watcher --tasks clips_grounding,clips_mcq,clips_classification" in page.text
    assert len(page.cards) == 18 == len(page.index["ids"])
    assert page.text.count("6 samples expected") == 3
    assert {c["task"] for c in page.cards} == {"clips_grounding", "clips_mcq", "clips_classification"}
    assert [c["id"] for c in page.cards] == page.index["ids"]


def test_nothing_is_loaded_from_anywhere(make_run: Run) -> None:
    page = report(make_run("clips_grounding"))
    assert all(link.startswith("#") for link in page.attribute_values("href", "action", "formaction", "xlink:href"))
    assert page.attribute_values("src", "srcset") == []
    assert not {"link", "iframe", "object", "embed", "base", "video"} & {tag for tag, _ in page.elements}
    assert "url(" not in page.source and "@import" not in page.source
    assert set(re.findall(r"https?://[^\"]+", page.source)) == {"http://www.w3.org/2000/svg"}  # a name, never loaded


def test_the_policy_allows_this_script_and_this_style_and_no_other(make_run: Run) -> None:
    page = report(make_run("clips_mcq"))
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    style = page.source.partition("<style>")[2].partition("</style>")[0]
    assert len(page.scripts) == 1 and page.source.count("<style") == 1
    script_hash, style_hash = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (page.scripts[0], style)
    )
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; img-src data:; script-src 'sha256-{script_hash}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert page.attribute_values("style") == []


def test_the_same_run_gives_the_same_bytes(make_run: Run, tmp_path: Path) -> None:
    run = make_run("clips_grounding", "clips_mcq")
    other = make_run("clips_grounding", model="floors/random", run_id="other")
    for runs in (run, [run, other]):
        first = write_report(runs, tmp_path / "once.html").read_bytes()
        assert write_report(runs, tmp_path / "again.html").read_bytes() == first


def test_a_strip_shows_exactly_the_frames_that_the_model_saw(make_run: Run) -> None:
    run = make_run("clips_grounding", frames="uniform(5)")
    page = report(run)
    seen = json.loads((run / "responses.jsonl").read_text().splitlines()[0])["seen"]
    assert len(seen["indices"]) == 5 and len(page.films()) == 6
    for film in page.films():
        assert [index for _, index, *_ in film["frames"]] == seen["indices"]
        assert [time for _, _, time, _ in film["frames"]] == pytest.approx(seen["times"], abs=1e-3)
        assert film["size"] == [112, 68]
        pictures = page.pictures(film)
        assert len(set(pictures)) == 5
        assert all(picture[:4] == b"RIFF" and picture[8:12] == b"WEBP" for picture in pictures)


def test_samples_of_one_video_share_its_pictures(make_run: Run) -> None:
    page = report(make_run("clips_grounding", "clips_mcq", frames="uniform(5)"))
    assert len(page.films()) == 12
    assert sum(name.startswith("reel-") for name in page.data) == 6


def test_of_many_frames_sixteen_are_shown_and_it_says_so(make_run: Run) -> None:
    page = report(make_run("clips_grounding", frames="uniform(30)"))
    assert [(len(film["frames"]), film["total"]) for film in page.films()] == [(16, 30)] * 6


def test_frames_in_the_true_interval_are_marked(make_run: Run) -> None:
    page = report(make_run("clips_grounding", frames="fps(2)"))
    # 0.0, 0.5 .. 2.5 s against [0.5, 1.5), [0.5, 1.75), [0.5, 2.0), [0.5, 2.25) and two normal videos.
    assert sum(inside for film in page.films() for *_, inside in film["frames"]) == 2 + 3 + 3 + 4


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
    films = report(run).films()
    assert [film["frames"] for film in films] == [[]] * 6
    assert all(told in film["problem"] for film in films)


def test_without_videos_the_questions_stay_and_the_reason_is_told(make_run: Run, clips: Path, tmp_path: Path) -> None:
    run = make_run("clips_mcq")
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(clips / "clips.csv", bare)
    page = report(run, data=bare)
    assert "What happens in 3?" in [card["question"] for card in page.cards]
    assert all("no video clip" in film["problem"] and film["frames"] == [] for film in page.films())


def test_without_the_dataset_the_figures_and_answers_stay(make_run: Run, tmp_path: Path) -> None:
    run = make_run("clips_mcq")
    page = report(run, data=tmp_path)
    assert "questions and frames are not shown: no annotation file" in page.text
    assert "What happens" not in page.told
    assert "6 samples expected" in page.text and "longest_option" in page.text
    assert [answer["verdict"] for answer in page.answers()] == [["right", "good"]] * 6


def test_a_blind_model_is_told_to_have_seen_no_frames(make_run: Run) -> None:
    page = report(make_run("clips_grounding", model="floors/prior_interval"))
    assert page.films() == []
    assert all(answer["seen"].startswith("No frames were recorded") for answer in page.answers())
    assert [card["timeline"]["end"] for card in page.cards if card["timeline"]] == [None] * 6


def test_options_show_the_right_and_the_chosen_one(make_run: Run, watcher: Any) -> None:
    watcher.answers = {"clip0": "<answer>B</answer>", "clip1": "I would rather say nothing of use."}
    page = report(make_run("clips_mcq"))
    by_id = {card["id"]: card for card in page.cards}
    assert all([o["right"] for o in card["options"]].count(True) == 1 for card in page.cards)
    assert [o["letter"] for o in by_id["clip0"]["options"] if o["right"]] == ["A"]
    assert by_id["clip0"]["answers"][0]["prediction"] == "B"
    assert page.cards[0]["id"] == "clip1" and page.cards[0]["answers"][0]["outcome"] == "unparsed"


def test_a_timeline_shows_truth_and_the_answers_before_and_after_the_reflection(make_run: Run) -> None:
    page = report(make_run("clips_grounding", style="reflect", frames="fps(2)"))
    line = next(card["timeline"] for card in page.cards if card["id"] == "clip0")
    assert [(lane["role"], lane["told"]) for lane in line["lanes"]] == [
        ("truth", "0.50 \u2013 1.50 s"),
        ("first", "0.00 \u2013 1.00 s"),
        ("answer", "0.50 \u2013 1.50 s"),
    ]
    assert line["lanes"][0]["bars"] == [[16.667, 33.333, True, 1.0]]


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


def test_what_a_reflection_did_to_each_answer_is_told(make_run: Run) -> None:
    page = report(make_run("clips_grounding", style="reflect"))
    # The first answer is [0, 1]: of [0.5, 1.5) and longer truths never half.
    by_id = {card["id"]: card["answers"][0]["reflected"] for card in page.cards}
    assert by_id == {**{f"clip{n}": "repaired" for n in range(4)}, "clip4": None, "clip5": None}
    assert page.index["sides"][0]["reflected"].count("repaired") == 4


def test_the_parsed_parts_are_marked_and_the_rule_named(make_run: Run) -> None:
    page = report(make_run("clips_grounding", style="reflect"))
    answer = next(card["answers"][0] for card in page.cards if card["id"] == "clip0")
    assert answer["rule"] == "tag"
    assert [(kind, text) for kind, _, text in answer["parts"] if kind != "plain"] == [
        ("think", "It starts at once."),
        ("answer", "Anomaly"),
        ("glue", "[0.0, 1.0]"),
        ("reflect", "Too early."),
        ("think", "Better."),
        ("answer", "Anomaly"),
        ("glue", "[0.5, 1.5]"),
    ]
    assert marked(answer) == "[0.5, 1.5]"


def test_every_answer_has_the_command_that_reproduces_it(make_run: Run, clips: Path) -> None:
    page = report(make_run("clips_grounding", "clips_mcq", style="reflect"))
    assert [task["commands"] for task in page.index["tasks"]] == [
        [f"vau-bench evaluate --model watcher --tasks {name} --data {clips} --style reflect --resamples 0"]
        for name in ("clips_grounding", "clips_mcq")
    ]


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
    unseen = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
    assert not re.search(unseen, page.source) and not re.search(unseen, page.told)
    assert "\\u202egnp.exe" in page.told and "\\x1b[31m" in page.told and "\\ud800" in page.told
    assert "{{ 7 * 7 }}" in page.told and "&amp;&lt;&#x3c;" in page.told
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
    assert "<img src=x onerror=alert(1)>" in page.told


def test_a_long_response_is_cut_but_its_evidence_stays(make_run: Run, watcher: Any) -> None:
    watcher.answers = {"clip0": "<think>" + "x" * 50_000 + "</think><answer>A</answer>"}
    answer = next(c["answers"][0] for c in report(make_run("clips_mcq")).cards if c["id"] == "clip0")
    assert answer["length"] > 50_000 > 5_000 > len(said(answer))
    assert marked(answer) == "A"
    assert next(text for kind, _, text in answer["parts"] if kind == "gap").endswith("characters left out")


def test_when_nothing_is_scored_every_outcome_is_still_counted(make_run: Run, watcher: Any) -> None:
    watcher.answers = {f"clip{i}": Outcome.ERRORED for i in range(6)}
    page = report(make_run("clips_mcq"))
    assert "errored 6 100.0%" in " ".join(page.text.split())
    assert [answer["error"] for answer in page.answers()] == ["because the test says so"] * 6
    assert page.index["sides"][0]["told"] == ["errored"] * 6


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
    assert page.index["sides"][0]["outcome"] == ["answered"] * 6


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
    assert report(make_run("clips_grounding")).index["ids"][:2] == ["clip5", "clip3"]


def test_samples_beyond_the_limit_are_counted_not_forgotten(make_run: Run, watcher: Any) -> None:
    watcher.answers = {"clip0": Outcome.REFUSED}
    page = report(make_run("clips_mcq"), samples=2, strips=1)
    assert len(page.cards) == 2
    assert "2 of 6 samples are shown one by one" in page.text and "1 of them with frames" in page.text
    assert "Of clips_mcq, 4 are left out." in page.text
    assert [("frames" in film) for film in page.films()] == [True]


def test_none_of_the_samples_may_be_shown(make_run: Run) -> None:
    page = report(make_run("clips_mcq"), samples=0, strips=0)
    assert page.cards == []
    assert "Of clips_mcq, 6 are left out." in page.text


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
    assert len(page.cards) == 10_000 and len(page.data) == 101
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


def test_a_model_name_that_is_a_path_or_markup_names_no_file_and_makes_no_element(make_run: Run) -> None:
    run = make_run("clips_mcq")
    elements = report(run).elements
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["model"] = manifest["run_id"] = "../../<img src=x>"
    (run / "manifest.json").write_text(json.dumps(manifest))
    before = sorted(run.parent.parent.rglob("*"))
    page = report(run)
    assert sorted(run.parent.parent.rglob("*")) == before
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in elements]
    assert "../../<img src=x>" in page.text


def test_the_command_prints_where_the_report_is(make_run: Run, tmp_path: Path) -> None:
    run = make_run("clips_mcq")
    out = tmp_path / "mine.html"
    done = CliRunner().invoke(cli, ["report", str(run), "--out", str(out), "--samples", "3"])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(out)
    assert len(Page(out).cards) == 3


@pytest.mark.parametrize("out", ["a folder", "absent/report.html"])
def test_where_nothing_can_be_written_it_says_so_at_once(
    make_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    run = make_run("clips_mcq")
    (tmp_path / "a folder").mkdir()
    monkeypatch.setattr("vau_bench.report.writing.report_text", lambda *_, **__: pytest.fail("too late"))
    with pytest.raises(RunError, match="cannot write"):
        write_report(run, tmp_path / out)
    assert list((tmp_path / "a folder").iterdir()) == []


def test_a_folder_without_write_permission_is_told(make_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run("clips_mcq")
    before = write_report(run).read_bytes()
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(RunError, match="permission denied; pass --out FILE"):
        write_report(run)
    assert (run / "report.html").read_bytes() == before
