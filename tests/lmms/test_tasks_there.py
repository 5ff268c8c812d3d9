"""Our tasks and models under lmms-eval: the same numbers, to the last digit."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from vau_bench.api import evaluate
from vau_bench.catalogue import Catalogue
from vau_bench.conversations import whole_conversations
from vau_bench.lmms.folder import evaluator_problem
from vau_bench.records import Outcome, Response
from vau_bench.scoring import score_task

pytestmark = [
    pytest.mark.skipif(evaluator_problem() is not None, reason=str(evaluator_problem())),
    pytest.mark.slow,
    pytest.mark.xdist_group("lmms_eval"),
]
HERE = Path(__file__).parent
KINDS = ("grounding", "classification", "mcq", "reasoning", "detection", "verdict", "text")
TASKS = (*(f"tiny_{kind}" for kind in KINDS), "absent_grounding")


def texts_of(kind, samples) -> dict[str, str]:
    """Return right, wrong, wordy, unreadable and empty answers in turn."""
    said = {}
    for place, sample in enumerate(samples):
        right, other = (kind.write(kind.truth(s)) for s in (sample, samples[(place + 1) % len(samples)]))
        forms = (
            right,
            other,
            f"<think>Or {other}?</think>\n\n{right}",
            "I cannot tell.",
            "",
            right + "\n\nThat is all.",
        )
        said[sample.id] = forms[place % len(forms)]
    return said


@pytest.fixture(scope="module")
def ours(tiny_tasks: Path):
    """Every tiny task: its texts and what our scoring makes of them."""
    catalogue, found = Catalogue([tiny_tasks]), {}
    for name in TASKS:
        task = catalogue.get(name)
        selection = task.select(None)
        kind = task.kind(selection.dataset)
        said = texts_of(kind, selection.samples)
        there = {s.id for s in selection.samples if name.startswith("tiny") or selection.dataset.find_video(s)}
        rounds = len(task.prompts.turns("direct"))
        turns = {
            key: {n: Response("", name, key, "direct", n, text, Outcome.SCORED) for n in range(rounds)}
            for key, text in said.items()
            if key in there
        }
        responses = whole_conversations(turns, rounds)
        result, _ = score_task(task, selection, responses, style="direct", split="test", frames="", resamples=0)
        found[name] = (said, result)
    return found


@pytest.fixture(scope="module")
def theirs(ours, lmms_path, environment, tiny_tasks, tiny_qwen25_checkpoint, tmp_path_factory):
    """What `evaluated.py` found."""
    out = tmp_path_factory.mktemp("out")
    texts = out / "texts.json"
    texts.write_text(json.dumps({name: said for name, (said, _) in ours.items()}))
    command = [sys.executable, HERE / "evaluated.py", lmms_path, texts, tiny_qwen25_checkpoint, tiny_tasks, out]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((out / "found.json").read_text())


def same(theirs: dict[str, float], metrics: dict[str, float | None], outcomes: dict[str, int]) -> None:
    for name, value in metrics.items():
        assert math.isnan(theirs[name]) if value is None else theirs[name] == value, name
    assert {name: theirs[name] for name in outcomes} == outcomes
    assert theirs["expected"] == sum(outcomes.values())


@pytest.mark.parametrize("task", TASKS)
def test_scores_are_ours_to_the_last_digit(task: str, ours, theirs) -> None:
    result = ours[task][1]
    same(theirs["told"][task], {name: m["value"] for name, m in result["metrics"].items()}, result["outcomes"])
    assert result["outcomes"]["scored"] and theirs["tags"][task] == "none"


def test_a_sample_without_its_video_is_not_asked_and_counts_as_missing(theirs) -> None:
    assert theirs["told"]["absent_grounding"]["missing"] == 1
    assert theirs["told"]["absent_grounding"]["expected"] == 3


def test_a_part_of_a_task_expects_that_part(theirs) -> None:
    assert theirs["cut"]["tiny_grounding"]["expected"] == 2
    assert theirs["cut"]["tiny_grounding"]["missing"] == 0


def test_the_prompt_is_the_task_s_own(theirs, tiny_tasks: Path) -> None:
    task = Catalogue([tiny_tasks]).get("absent_grounding")
    selection = task.select(None)
    sample = next(s for s in selection.samples if selection.dataset.find_video(s))
    system, user = task.messages(task.kind(selection.dataset), sample, "direct")
    (asked,) = theirs["asked"]
    assert asked[0] == {"role": "system", "content": [{"type": "text", "text": system.text}]}
    shown, said = asked[1]["content"]
    assert shown == {"type": "video", "url": str(selection.dataset.find_video(sample))} and said["text"] == user.text


def test_a_conversation_goes_on_with_what_was_said(theirs) -> None:
    assert [turn["role"] for turn in theirs["conversation"]] == ["system", "user", "assistant", "user"]


def test_our_checkpoints_run_there(theirs) -> None:
    told = {name: value for name, value in theirs["ours"].items()}
    assert {name: theirs["qwen"][name] for name in told} == told
    assert theirs["qwen"]["truncated"] == 6, "an outcome survives that lmms-eval has no place for"


def test_every_name_of_theirs_is_known(theirs) -> None:
    assert theirs["unlisted"] == []


def test_motion_under_the_stock_command_line(lmms_path, environment, tiny_tasks, cache, tmp_path, monkeypatch) -> None:
    tasks = ["tiny_grounding", "tiny_verdict", "tiny_mcq"]
    command = [sys.executable, "-m", "lmms_eval", "--model", "motion", "--include_path", str(lmms_path)]
    command += ["--tasks", ",".join(tasks), "--output_path", str(tmp_path / "there"), "--log_samples"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    written = sorted((tmp_path / "there").rglob("*_results.json"))
    assert written, done.stdout[-2000:] + done.stderr[-2000:]
    found = json.loads(written[0].read_text())["results"]
    monkeypatch.setenv("VAU_BENCH_CACHE", str(cache))
    results = evaluate("motion", tasks, out=tmp_path, tasks_dirs=(tiny_tasks,), resamples=0)
    for task in results.tasks:
        theirs = {name.removesuffix(",none"): value for name, value in found[task["task"]].items()}
        same(theirs, {name: m["value"] for name, m in task["metrics"].items()}, task["outcomes"])
    assert results.tasks[2]["outcomes"]["refused"] == 6
