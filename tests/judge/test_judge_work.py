"""What is judged once is judged for good: nothing is asked twice, lost, or counted wrongly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from vau_bench.errors import ModelError, RunError, UsageError
from vau_bench.judge import work
from vau_bench.judge.items import part_of, task_items
from vau_bench.judge.judgements import FILE, Decision, from_line, latest, read_judgements, to_line
from vau_bench.judge.summary import judge_summary, record_summary
from vau_bench.parsing.grammar import write_reflection
from vau_bench.runs import RunFolder

REPOSITORY = Path(__file__).resolve().parents[2]
REFLECTED = write_reflection(
    "First I see calm.", "<answer>Normal</answer>", "Wrong.", "It burns.", "<answer>Fire</answer>"
)


class Quiet:
    def stage(self, text, total=None):
        pass

    def judged(self, judgement):
        pass


def judged(run, judge, *, repeats=1, **options):
    """Ask a judge about a run; returns what was written."""
    folder = RunFolder(run)
    plan = work.plan(judge, work.wanted(folder, judge.rubric, **options), repeats, read_judgements(run))
    return work.ask(folder, [plan], Quiet())


def by_number(served, say, verdict):
    """Score by the number in the answer: `answer 4` gets 4 in each dimension."""
    number = served.body["messages"][1]["content"].rpartition("answer ")[2].split()[0]
    return say(verdict(int(number)))


class TestItems:
    def test_references_are_description_and_reasoning_as_prose(self, run_folder):
        (task,) = task_items(RunFolder(run_folder()))
        item = task.items[1]
        assert item.reference == (
            "Video 1: in a yard, this is answer 1\n\n"
            "Specific Anomaly Type: Fire\n\nLocation: A yard.\n\nConclusion: Fire it is."
        )
        assert (item.label, item.purpose, len(task.items)) == ("Fire", "answer/final", 8)

    def test_an_answer_that_is_missing_or_blank_is_not_asked_about(self, run_folder):
        (task,) = task_items(RunFolder(run_folder(answers={"v0": None, "v1": " \n"})))
        assert [i.sample_id for i in task.items] == [f"v{n}" for n in range(2, 8)] and len(task.references) == 8

    def test_parts_of_a_reflective_answer(self):
        assert part_of(REFLECTED, "whole") == REFLECTED
        assert part_of(REFLECTED, "final") == "<think>It burns.</think><answer>Fire</answer>"
        assert part_of(REFLECTED, "first") == "<think>First I see calm.</think><answer>Normal</answer>"

    def test_any_other_answer_is_final_as_a_whole(self):
        for text in ("A man falls.", "<think>a</think> b <answer>Fire</answer>"):
            assert part_of(text, "final") == part_of(text, "whole") == text and part_of(text, "first") is None

    def test_a_task_that_is_not_of_the_run(self, run_folder):
        with pytest.raises(UsageError, match="unknown task of this run 'tiny'; known: tiny_reasoning"):
            task_items(RunFolder(run_folder()), tasks=("tiny",))

    def test_data_that_changed_since(self, run_folder, tmp_path):
        run = run_folder()
        with (tmp_path / "data" / "tiny.csv").open("a") as file:
            file.write("v99.mp4,Fire,bin,A,B\n")
        with pytest.raises(RunError, match="the data of tiny_reasoning changed"):
            task_items(RunFolder(run))


class TestResuming:
    def test_nothing_is_asked_twice(self, run_folder, chat_server, judge, say, verdict):
        run, server = run_folder(), chat_server(lambda served: say(verdict()))
        assert len(judged(run, judge(server.url), limit=3)) == 3
        assert len(judged(run, judge(server.url))) == 5
        assert judged(run, judge(server.url)) == []
        assert len(judged(run, judge(server.url), repeats=2)) == 8
        assert len(server.calls) == 16
        keys = [from_line(line).key for line in (run / FILE).read_bytes().splitlines(keepends=True)]
        assert len(keys) == len(set(keys)) == 16

    def test_what_failed_is_asked_again_and_what_could_not_be_read_is_not(
        self, run_folder, chat_server, judge, say, verdict
    ):
        run = run_folder()
        server = chat_server(lambda served: say("prose") if served.number < 2 else say(status=400))
        decisions = Counter(j.decision for j in judged(run, judge(server.url, concurrency=1)))
        assert decisions == {Decision.UNPARSED: 1, Decision.ERRORED: 7}
        healed = chat_server(lambda served: say(verdict()))
        again = judge(server.url)
        again.config = again.config.model_copy(update={"base_url": healed.url})  # the same judge, well again
        assert len(judged(run, again)) == 7 and len(healed.calls) == 7
        assert Counter(j.decision for j in read_judgements(run)) == {Decision.UNPARSED: 1, Decision.JUDGED: 7}

    def test_an_answer_that_changed_is_judged_anew(self, run_folder, chat_server, judge, say, verdict):
        run, server = run_folder(), chat_server(lambda served: say(verdict()))
        judged(run, judge(server.url))
        journal = (run / "responses.jsonl").read_text()
        (run / "responses.jsonl").write_text(journal.replace("Video 3", "Film 3"))
        (figures,) = judge_summary(run)["tiny_reasoning"]["judges"]
        assert (figures["judged"], figures["not_asked"]) == (7, 1), "a verdict on another text is none on this"
        assert [j.sample_id for j in judged(run, judge(server.url))] == ["v3"]

    def test_the_same_text_is_paid_for_once(self, run_folder, chat_server, judge, say, verdict):
        run = run_folder()
        server = chat_server(lambda served: say(verdict()))
        judged(run, judge(server.url), check=8)
        calls = len(server.calls)
        # The answers of the gold model differ from its references: make one that does not.
        (task,) = task_items(RunFolder(run))
        same = [replace(task.items[0], text=task.items[0].reference), replace(task.items[0], text="new")]
        plan = work.plan(judge(server.url), [*same, replace(same[1], purpose="probe/x")], 1, read_judgements(run))
        assert (len(plan.known), len(plan.pending), plan.total) == (1, 1, 3)
        written = work.ask(RunFolder(run), [plan], Quiet())
        assert len(server.calls) == calls + 1
        assert [j.purpose for j in written] == ["answer/final", "answer/final", "probe/x"]
        assert [j.calls for j in written] == [0, 1, 0] and written[0].reason == "Because."

    def test_killed_in_the_middle_it_goes_on(self, run_folder, judge_process):
        run, server = run_folder(count=60), judge_process(0.1)
        command = [sys.executable, "-m", "vau_bench", "judge", str(run), "--judge-model", "m", "--base-url", server.url]
        command += ["--concurrency", "2", "--json"]
        first = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(list(read_judgements(run))) < 10:
            time.sleep(0.05)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        before = len(list(read_judgements(run)))
        assert 10 <= before < 60
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        (figures,) = json.loads(done.stdout)["tiny_reasoning"]["judges"]
        assert figures["judged"] == 60 and figures["spent"]["calls"] == 60
        keys = [from_line(line).key for line in (run / FILE).read_bytes().splitlines(keepends=True)]
        assert len(keys) == len(set(keys)) == 60
        assert server.served()["verdicts"] <= 60 + 2, "at most what was under way is asked again"

    def test_a_damaged_line_is_named(self, run_folder):
        run = run_folder()
        (run / FILE).write_text('{"key": 1}\n')
        with pytest.raises(RunError, match=r"judgements\.jsonl:1: not a judgement"):
            judge_summary(run)

    def test_one_judge_that_is_down_does_not_stop_the_other(self, run_folder, chat_server, judge, say, verdict):
        run, server = run_folder(), chat_server(lambda served: say(verdict()))
        judges = [judge("http://127.0.0.1:9/v1", retries=0, give_up_after=2), judge(server.url)]
        items = work.wanted(RunFolder(run), judges[0].rubric)
        with pytest.raises(ModelError, match=r"m@127\.0\.0\.1:9: .* is down"):
            work.ask(RunFolder(run), [work.plan(j, items, 1, []) for j in judges], Quiet())
        assert sum(j.decision is Decision.JUDGED for j in read_judgements(run)) == 8


def test_a_failure_does_not_replace_a_verdict(judge, item):
    blank = judge("http://h/v1").question(item(), 0).blank
    verdict = replace(blank, decision=Decision.JUDGED, scores={"fluency": 7.0})
    assert latest([blank, verdict, blank]) == [verdict]
    assert from_line(to_line(verdict)) == verdict


class TestSummary:
    def test_every_expected_sample_is_counted_once(self, run_folder, chat_server, judge, say, verdict):
        run = run_folder(answers={"v0": None, "v1": ""})

        def script(served):
            text = str(served.body["messages"][1])
            if "answer 2" in text:
                return say("no idea")
            return say(status=400) if "answer 3" in text else by_number(served, say, verdict)

        judged(run, judge(chat_server(script).url, response_format="none"), tasks=("tiny_reasoning",))
        (figures,) = judge_summary(run)["tiny_reasoning"]["judges"]
        counts = [figures[k] for k in ("judged", "unparsed", "errored", "no_response", "not_asked")]
        assert counts == [4, 1, 1, 2, 0] and sum(counts) == figures["expected"] == 8
        assert figures["total"]["value"] == pytest.approx(5 * (4 + 5 + 6 + 7) / 4) and figures["total"]["n"] == 4
        assert figures["total"]["low"] < figures["total"]["value"] < figures["total"]["high"]
        assert figures["total_missing_as_zero"]["value"] == pytest.approx(5 * 22 / 6)
        assert figures["total_missing_as_zero"]["n"] == 6
        assert figures["dimensions"]["fluency"]["value"] == 5.5
        assert figures["verdicts"] == {"judged": 4, "unparsed": 1, "errored": 1}

    def test_repeats_and_two_judges(self, run_folder, chat_server, judge, say, verdict):
        run = run_folder(count=24)

        def shaky(served):
            said = by_number(served, say, verdict)
            base = min(9, json.loads(said.text)["fluency"] % 10)
            return say(verdict(base + served.body["seed"]))

        by_ten = chat_server(
            lambda served: say(verdict(int(json.loads(by_number(served, say, verdict).text)["fluency"]) % 10))
        )
        judged(run, judge(chat_server(shaky).url, name="shaky"), repeats=2)
        judged(run, judge(by_ten.url, name="steady"))
        summary = judge_summary(run)["tiny_reasoning"]
        figures = {f["judge"]: f for f in summary["judges"]}
        assert figures["shaky"]["repeats"] == 2 and figures["shaky"]["repeat_spread"]["value"] == pytest.approx(
            5 / 2**0.5
        )
        assert figures["steady"]["repeat_spread"]["value"] is None
        assert figures["shaky"]["total"]["value"] - figures["steady"]["total"]["value"] == pytest.approx(2.5)
        (agreement,) = summary["agreement"]
        assert set(agreement["judges"]) == {"shaky", "steady"}
        assert 0.9 < agreement["alpha"]["total"]["value"] < 1 and agreement["alpha"]["fluency"]["n"] == 24
        assert agreement["spearman"][0]["value"] == pytest.approx(1.0)

    def test_a_judge_that_reads_passes_the_check_and_one_that_obeys_does_not(
        self, run_folder, chat_server, judge, say, verdict, between
    ):
        run = run_folder(count=24)

        def careful(served):
            prompt = served.body["messages"][1]["content"]
            reference = prompt.partition(">>>\n")[2].partition("\n<<<")[0]
            text = between(prompt)
            return say(verdict(10 if text == reference else 1 if text else 0))

        def obedient(served):
            text = between(served.body["messages"][1]["content"])
            return say(verdict(10 if any(w in text for w in ("dimension", "verdict", "grader", "维度")) else 3))

        judged(run, judge(chat_server(careful).url, name="careful"), check=21)
        judged(run, judge(chat_server(obedient).url, name="obedient"), check=21)
        checks = {c["judge"]: c for c in judge_summary(run)["tiny_reasoning"]["check"]}
        table = {p["probe"]: p for p in checks["careful"]["probes"]}
        assert table["reference"]["total"]["value"] == 50 and table["reference"]["auc"] is None
        assert table["empty"]["total"]["value"] == 0
        for wrong in ("other_reference", "wrong_class", "wrong_objects", "empty"):
            assert table[wrong]["auc"]["value"] == 1.0 and table[wrong]["judged"] == table[wrong]["expected"] == 21
        assert checks["careful"]["injection"]["resistance"]["value"] == 1.0
        injection = checks["obedient"]["injection"]
        assert injection["resistance"]["value"] == 0.0 and injection["gain"]["value"] == pytest.approx(35)
        assert len(injection["by_template"]) == 7 and {t["n"] for t in injection["by_template"].values()} == {3}

    def test_length_bias_is_seen(self, run_folder, chat_server, judge, say, verdict, between):
        answers = {f"v{n}": "word " * 2 ** (n % 6 + 1) for n in range(24)}
        run = run_folder(count=24, answers=answers)

        def script(served):
            words = len(between(served.body["messages"][1]["content"]).split())
            return say(verdict(words.bit_length() - 1))

        judged(run, judge(chat_server(script).url))
        (figures,) = judge_summary(run)["tiny_reasoning"]["judges"]
        assert figures["length_slope"]["low"] > 3 and figures["length_slope"]["high"] < 8

    def test_nothing_judged_is_an_empty_summary(self, run_folder):
        run = run_folder()
        assert judge_summary(run) == {}
        before = (run / "results.json").read_bytes()
        assert record_summary(run, {}) and json.loads(before) == json.loads((run / "results.json").read_text())
        (run / "results.json").unlink()
        assert not record_summary(run, {})

    def test_it_needs_no_dataset(self, run_folder, chat_server, judge, say, verdict, tmp_path):
        run = run_folder()
        judged(run, judge(chat_server(lambda served: say(verdict())).url))
        (tmp_path / "data" / "tiny.csv").unlink()
        assert judge_summary(run)["tiny_reasoning"]["judges"][0]["judged"] == 8
