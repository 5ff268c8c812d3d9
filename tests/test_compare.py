"""Comparing two runs: what is paired, what is refused, and what is said when the samples cannot tell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import vau_bench
from vau_bench import evaluation
from vau_bench.cli.main import cli
from vau_bench.comparison import Comparison, compare_results
from vau_bench.errors import RunError, UsageError
from vau_bench.evaluation import Options
from vau_bench.results import Results
from vau_bench.saved import load_results

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="session")
def floors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs of blind models on the synthetic tasks; read them, do not write into them."""
    out = tmp_path_factory.mktemp("compared")

    def run(name: str, model: str, *tasks: str, **changes: Any) -> Path:
        options = Options(model=f"floors/{model}", tasks=tasks, resamples=0, **changes)
        return evaluation.evaluate(options, out, run_id=name).path

    both = ("vau_synth_grounding", "vau_synth_classification")
    return {
        "random": run("random", "random", *both),
        "normal": run("normal", "always_normal", *both),
        "few": run("few", "always_normal", "vau_synth_grounding", limit=30),
        "a": run("a", "always_a", "vau_synth_mcq"),
        "shuffled": run("shuffled", "always_a", "vau_synth_mcq", shuffle_options=3),
        "think": run("think", "always_normal", "vau_synth_grounding", style="think"),
    }


@pytest.fixture
def edited(floors: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """Return a copy of a run whose results or scores were changed: `edited("random", results=edit)`."""

    def change(name: str, results: Edit | None = None, scores: Edit | None = None) -> Path:
        run = tmp_path / "edited"
        shutil.copytree(floors[name], run)
        if results:
            record = json.loads((run / "results.json").read_text())
            for task in record["tasks"]:
                results(task)
            (run / "results.json").write_text(json.dumps(record))
        if scores:
            rows = [json.loads(line) for line in (run / "scores.jsonl").read_text().splitlines()]
            for row in rows:
                scores(row)
            (run / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return run

    return change


def compare(a: Path, b: Path, **options: Any) -> Comparison:
    return vau_bench.compare(a, b, **{"resamples": 500, **options})


def test_the_values_are_those_of_the_two_runs_and_the_difference_is_theirs(floors: dict[str, Path]) -> None:
    found = compare(floors["random"], floors["normal"])
    a, b = load_results(floors["random"]), load_results(floors["normal"])
    assert [t.task for t in found.tasks] == ["vau_synth_grounding", "vau_synth_classification"]
    for task, result_a, result_b in zip(found.tasks, a.tasks, b.tasks, strict=True):
        assert task.headline == task.metrics[0].name
        assert {m.name for m in task.metrics} == set(result_a["metrics"])
        for metric in task.metrics:
            if metric.unit == "s":
                continue
            value_a, value_b = (r["metrics"][metric.name]["value"] for r in (result_a, result_b))
            assert (metric.a, metric.b) == (pytest.approx(value_a), pytest.approx(value_b))
            assert value_a is not None and value_b is not None
            assert metric.difference == pytest.approx(value_a - value_b)
            assert metric.low is not None and metric.high is not None
            assert metric.low <= value_a - value_b <= metric.high


def test_swapping_the_runs_swaps_everything(floors: dict[str, Path]) -> None:
    one = compare(floors["random"], floors["normal"]).tasks[0]
    other = compare(floors["normal"], floors["random"]).tasks[0]
    assert (one.wins, one.ties, one.losses) == (other.losses, other.ties, other.wins)
    assert [f.only_a for f in one.flips] == [f.only_b for f in other.flips]
    swap = {"A": "B", "B": "A", None: None}
    for x, y in zip(one.metrics, other.metrics, strict=True):
        assert x.difference is None or x.difference == pytest.approx(-y.difference)
        assert x.p == pytest.approx(y.p)
        assert y.verdict == swap[x.verdict]


def test_each_sample_is_won_lost_or_tied_and_each_class_adds_up(floors: dict[str, Path]) -> None:
    (task, _) = compare(floors["random"], floors["normal"]).tasks
    worth = [
        {s.sample_id: s.worth for s in load_results(floors[n]).scores if s.task == task.task}
        for n in ("random", "normal")
    ]
    gains = [worth[0][i] - worth[1][i] for i in worth[0]]
    assert (task.wins, task.ties, task.losses) == (
        sum(g > 0 for g in gains),
        sum(g == 0 for g in gains),
        sum(g < 0 for g in gains),
    )
    assert task.common == 200 == sum(f.only_a + f.only_b + f.both + f.neither for f in task.flips)
    assert sum(f.only_a for f in task.flips) == sum(worth[0][i] >= 0.5 > worth[1][i] for i in worth[0])


def test_the_samples_that_decide_are_those_with_the_largest_difference(floors: dict[str, Path]) -> None:
    (task, _) = compare(floors["random"], floors["normal"], decisive=200).tasks
    sizes = [abs(s.worth_a - s.worth_b) for s in task.decisive]
    assert len(sizes) == task.wins + task.losses
    assert sizes == sorted(sizes, reverse=True)
    assert [s.sample_id for s in compare(floors["random"], floors["normal"], decisive=3).tasks[0].decisive] == [
        s.sample_id for s in task.decisive[:3]
    ]


def test_a_run_against_itself_cannot_be_told_apart_and_says_what_could_have_been(floors: dict[str, Path]) -> None:
    found = compare(floors["random"], floors["random"])
    for task in found.tasks:
        assert (task.wins, task.losses, task.decisive) == (0, 0, [])
        assert all(m.verdict is None and m.difference == 0 and m.p == 1 for m in task.metrics)
    text = found.table()
    assert "cannot tell (MDE 1.8)" in text
    assert "no difference" not in text


def test_a_clear_difference_is_told_with_who_is_better_also_where_less_is_more(floors: dict[str, Path]) -> None:
    task = compare(floors["random"], floors["normal"]).tasks[0]
    verdicts = {m.name: m.verdict for m in task.metrics}
    assert verdicts["miou"] == "A"
    assert verdicts["false_alarm_rate"] == "B" and verdicts["miss_rate"] == "A"
    assert task.metrics[0].p_holm == pytest.approx(2 * (task.metrics[0].p or 0))
    assert all(m.p_holm is None for m in task.metrics[1:])


def test_only_common_samples_and_tasks_take_part_and_the_rest_is_told(floors: dict[str, Path]) -> None:
    found = compare(floors["normal"], floors["few"])
    (task,) = found.tasks
    assert (task.common, task.only_a, task.only_b) == (30, 170, 0)
    assert found.only_a == ["vau_synth_classification"] and found.only_b == []
    assert task.wins == task.losses == 0
    assert "170 of A and 0 of B left out" in found.table()
    assert "of A alone, not compared: vau_synth_classification" in found.table()


def test_runs_without_a_common_task_are_refused(floors: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="share no task: A has vau_synth_mcq; B has vau_synth_grounding"):
        compare(floors["a"], floors["few"])


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda t: t.update(version=9), r"the version differs \(1 and 9\); evaluate both again"),
        (lambda t: t.update(split="val"), "the split differs"),
        (lambda t: t["digests"].update(data="0" * 64), "the data differs .* evaluate both on one dataset"),
        (lambda t: t["digests"].update(parser="0" * 16), "the parser differs .* run `vau-bench score` on both"),
        (lambda t: t.update(headline="recall@0.5"), r"the headline differs \(miou and recall@0.5\); run .* on both"),
    ],
)
@pytest.mark.parametrize("allow", [False, True])
def test_other_data_versions_and_parsers_are_refused_whatever_is_allowed(
    floors: dict[str, Path], edited: Callable[..., Path], edit: Edit, sentence: str, allow: bool
) -> None:
    with pytest.raises(UsageError, match=sentence):
        compare(floors["random"], edited("random", results=edit), allow_different_style=allow)


def test_another_style_is_compared_when_that_is_meant_and_noted(floors: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="the style differs: A direct, B think; pass --allow-different-style"):
        compare(floors["few"], floors["think"])
    (task,) = compare(floors["few"], floors["think"], allow_different_style=True).tasks
    assert task.notes == ["the style differs: A direct, B think"]
    assert (task.style_a, task.style_b) == ("direct", "think")


def test_reworded_prompts_count_as_another_style(floors: dict[str, Path], edited: Callable[..., Path]) -> None:
    other = edited("random", results=lambda t: t["digests"].update(prompts="0" * 16))
    with pytest.raises(UsageError, match="the prompts differ: A"):
        compare(floors["random"], other)
    assert compare(floors["random"], other, allow_different_style=True).tasks[0].notes


def test_other_frames_are_noted(floors: dict[str, Path], edited: Callable[..., Path]) -> None:
    other = edited("random", results=lambda t: t.update(frames="uniform(4)"))
    (note,) = compare(floors["random"], other).tasks[0].notes
    assert note.startswith("the frames differ: A fps(4") and note.endswith("B uniform(4)")


def test_options_shuffled_in_one_run_alone_are_refused(floors: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match=r"the truth of \d+ samples differs .*were options shuffled in one run alone"):
        compare(floors["a"], floors["shuffled"])


@pytest.mark.parametrize("file", ["results.json", "scores.jsonl"])
@pytest.mark.parametrize("damage", ["absent", "torn", "foreign"])
def test_a_run_that_is_not_scored_or_damaged_is_refused_with_what_to_do(
    edited: Callable[..., Path], floors: dict[str, Path], file: str, damage: str
) -> None:
    run = edited("random")
    path = run / file
    text = path.read_text()
    path.write_text({"absent": "", "torn": text[: len(text) // 2], "foreign": '{"schema": 99}\n'}[damage])
    if damage == "absent":
        path.unlink()
    with pytest.raises(RunError, match=f"{file}.*run `vau-bench score"):
        compare(floors["random"], run)


def test_scores_that_lack_a_sample_are_not_of_these_results(edited: Callable[..., Path]) -> None:
    run = edited("random")
    lines = (run / "scores.jsonl").read_text().splitlines(keepends=True)
    (run / "scores.jsonl").write_text("".join(lines[1:]))
    with pytest.raises(RunError, match="does not hold the 200 samples of vau_synth_grounding"):
        load_results(run)


def test_names_cannot_steer_a_terminal(floors: dict[str, Path]) -> None:
    a = load_results(floors["random"])
    hostile = Results(a.run_id, "evil\x1b[2J\u202e", a.tasks, a.path, a.scores)
    text = compare_results(hostile, a, resamples=100).table()
    assert "\x1b" not in text and "\u202e" not in text and r"evil\x1b[2J\u202e" in text


def test_the_command_prints_a_table_or_json(floors: dict[str, Path]) -> None:
    arguments = ["compare", str(floors["random"]), str(floors["normal"]), "--resamples", "300", "--samples", "1"]
    told = CliRunner().invoke(cli, arguments)
    assert told.exit_code == 0, told.output
    assert told.output.startswith("A: model floors/random  run random\nB: model floors/always_normal  run normal\n")
    record = json.loads(CliRunner().invoke(cli, [*arguments, "--json"]).output)
    assert record["schema"] == 1 and len(record["tasks"][0]["decisive"]) == 1
    assert record == compare(floors["random"], floors["normal"], resamples=300, decisive=1).as_json()
