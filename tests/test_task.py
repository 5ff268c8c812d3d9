"""A task folder: every mistake is one sentence with the file's name; every shipped task keeps its promises."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from vau_bench.catalogue import Catalogue
from vau_bench.errors import DataError, UnknownNameError, VauBenchError
from vau_bench.kinds import KINDS, FloorContext
from vau_bench.metrics import METRICS
from vau_bench.metrics.base import Metric, mean_of, ratio
from vau_bench.models.base import ModelConfig
from vau_bench.models.gold import Gold
from vau_bench.readers import READERS, Dataset
from vau_bench.records import Outcome, Request, Response, Sample, Target
from vau_bench.results import TaskResult
from vau_bench.saved import metrics_of
from vau_bench.scoring import score_task
from vau_bench.task import Selection, Task, shuffled_options
from vau_bench.video import ClipLoader, parse_plan

SPEC: dict[str, Any] = {
    "name": "mine",
    "version": 3,
    "kind": "mcq",
    "summary": "which option",
    "dataset": {"name": "Mine", "reader": "vau_csv", "args": {"annotations": {"test": "clips.csv", "val": "val.csv"}}},
    "splits": ["test", "val"],
    "frames": "uniform(8)",
    "metrics": ["accuracy"],
    "floors": ["always_a"],
    "licence": "ours",
    "citation": "none",
}
PROMPTS = {"styles": {"direct": "{question}\n{options}"}}
COLUMNS = [
    *("Video Name", "Question", "Option 1", "Option 2", "Option 3", "Option 4", "Correct Option"),
    *("Anomaly Class", "Start Time", "End Time"),
]
CLASSES = ("Fire", "Normal", "Explosion", "Normal")


def write_clips(folder: Path, count: int) -> None:
    """Write `clips.csv`: anomalous and normal videos by turns."""
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i in range(count):
            label = CLASSES[i % 4]
            span = (0, 0) if label == "Normal" else (i, i + 4.5)
            writer.writerow([f"v{i}.mp4", f"Q{i}?", f"a{i}", f"b{i}", f"c{i}", f"d{i}", "AAAB"[i % 4], label, *span])


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Task]:
    """Make a task folder from what differs from `SPEC`; `None` leaves a key out."""

    def make(prompts: Any = PROMPTS, *, spec_prompts: str | None = None, **changes: Any) -> Task:
        folder = tmp_path / "mine"
        folder.mkdir(exist_ok=True)
        spec = {k: v for k, v in {**SPEC, "prompts": spec_prompts, **changes}.items() if v is not None}
        (folder / "task.yaml").write_text(yaml.safe_dump(spec))
        (folder / "prompts.yaml").write_text(yaml.safe_dump(prompts))
        return Task(folder)

    return make


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_clips(tmp_path, 10)
    return tmp_path


# Mistakes.

DATASET = SPEC["dataset"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"verison": 1}, "unknown key 'verison'; did you mean version?"),
        ({"metrics": None, "metrcs": ["accuracy"]}, "unknown key 'metrcs'; did you mean metrics?"),
        ({"dataset": {**DATASET, "sha265": {}}}, "unknown key 'dataset.sha265'; did you mean sha256?"),
        ({"licence": None}, "the key 'licence' is missing"),
        ({"citation": None}, "the key 'citation' is missing"),
        ({"version": 0}, "version: input should be greater than or equal to 1"),
        ({"name": "Not A Name"}, "name: string should match pattern"),
        ({"name": "other"}, "the name 'other' is not the folder's"),
        ({"kind": "mcqs"}, "'mcqs'; did you mean mcq?"),
        ({"split": "tets"}, "'tets'; did you mean test?"),
        ({"tuning_split": "vall"}, "'vall'; did you mean val?"),
        ({"dataset": {**DATASET, "sha256": {"tset": "00"}}}, "'tset'; did you mean test?"),
        ({"headline": "acuracy"}, "'acuracy'; did you mean accuracy?"),
        ({"headline": "position_balanced_accuracy"}, "'position_balanced_accuracy'; known: accuracy"),
    ],
    ids=str,
)
def test_a_mistake_in_the_declarations_is_told_when_the_task_is_opened(
    make: Callable[..., Task], changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(VauBenchError) as caught:
        make(**changes)
    assert told in str(caught.value) and "mine/task.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"dataset": {**DATASET, "reader": "vau_cvs"}}, "'vau_cvs'; did you mean vau_csv"),
        ({"metrics": ["acuracy"]}, "'acuracy'; did you mean accuracy"),
        ({"metrics": ["accuracy", "miou"]}, "'miou'; known: accuracy, position_balanced_accuracy"),
        ({"floors": ["allways_a"]}, "'allways_a'; did you mean always_a?"),
        ({"classes": "vau_bnch"}, "'vau_bnch'; did you mean vau_bench"),
        ({"classes": "vau_bench+dta"}, "'vau_bench+dta'; did you mean vau_bench+data"),
    ],
    ids=str,
)
def test_a_mistake_is_told_before_anything_is_asked(
    make: Callable[..., Task], data: Path, changes: dict[str, Any], told: str
) -> None:
    task = make(**changes)
    with pytest.raises(VauBenchError) as caught:
        task.select(data)
    assert told in str(caught.value) and "mine/task.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("prompts", "told"),
    [
        ({"styles": {"direct": "{qestion}"}}, "style 'direct' 'qestion'; did you mean question?"),
        ({"styles": {"direct": "{question} {}"}}, "style 'direct' ''; known: options, question"),
        ({"styles": {"direct": "{question.upper}"}}, "'question.upper'; did you mean question?"),
        ({"styles": {"direct": 'Reply {"answer": "A"}'}}, "style 'direct' '\"answer\"'"),
        ({"styles": {"direct": "{question}}"}}, "style 'direct': single '}'"),
        ({"styles": {"direct": "{question"}}, "style 'direct': expected '}'"),
        ({"styles": {"direct": "{question:d}"}}, "style 'direct': unknown format code 'd'"),
        ({"style": {"direct": "x"}}, "unknown key 'style'; did you mean styles?"),
        ({"styles": {}}, "'direct'; none is known"),
    ],
    ids=str,
)
def test_a_mistake_in_the_prompts_is_told(make: Callable[..., Task], prompts: Any, told: str) -> None:
    task = make(prompts)
    with pytest.raises(VauBenchError) as caught:
        assert task.prompts
    assert told in str(caught.value) and ".yaml" in str(caught.value)


def test_braces_are_written_twice(make: Callable[..., Task], data: Path) -> None:
    task = make({"styles": {"direct": '{question} {{"answer": "A"}}'}})
    selection = task.select(data)
    assert task.messages(task.kind(selection.dataset), selection.samples[0], "direct")[0].text == 'Q0? {"answer": "A"}'


def test_shipped_prompts_are_named_with_a_hint(make: Callable[..., Task]) -> None:
    with pytest.raises(UnknownNameError, match=r"prompts in .*mine/task.yaml:\d+ 'mqc'; did you mean mcq"):
        assert make(spec_prompts="mqc").prompts


def test_the_default_style_must_be_one_of_the_prompts(make: Callable[..., Task]) -> None:
    with pytest.raises(UnknownNameError, match=r"style in .*mine/task.yaml:.* 'dirct'; did you mean direct"):
        assert make(style="dirct").prompts


def test_a_style_that_the_task_does_not_have_gets_a_hint(make: Callable[..., Task]) -> None:
    with pytest.raises(UnknownNameError, match="style of mine 'dirct'; did you mean direct"):
        make().check_style("dirct")


def test_a_split_that_the_task_does_not_have_gets_a_hint(make: Callable[..., Task], data: Path) -> None:
    with pytest.raises(UnknownNameError, match="split of mine 'tst'; did you mean test"):
        make().select(data, split="tst")


def test_a_changed_annotation_is_refused(make: Callable[..., Task], data: Path) -> None:
    digest = hashlib.sha256((data / "clips.csv").read_bytes()).hexdigest()
    task = make(dataset={**DATASET, "sha256": {"test": digest}})
    assert task.read(data).digest == digest
    write_clips(data, 11)
    with pytest.raises(DataError, match=rf"the test annotation of mine has changed.*version 3.*made for {digest[:12]}"):
        task.read(data)


def test_text_in_braces_within_the_data_is_not_rendered(make: Callable[..., Task], data: Path) -> None:
    task = make()
    selection = task.select(data)
    hostile = replace(selection.samples[0], fields={"question": "{options} {0} {{", "options": ["{x}", "b", "c", "d"]})
    text = task.messages(task.kind(selection.dataset), hostile, "direct")[0].text
    assert text == "{options} {0} {{\nA. {x}\nB. b\nC. c\nD. d"


def test_the_video_belongs_to_the_user_and_the_system_speaks_first(make: Callable[..., Task], data: Path) -> None:
    task = make({"system": "Be brief.", **PROMPTS})
    selection = task.select(data)
    system, user = task.messages(task.kind(selection.dataset), selection.samples[0], "direct")
    assert (system.role, system.video, user.role, user.video) == ("system", False, "user", True)


def test_a_reader_that_yields_a_sample_twice_is_refused(
    make: Callable[..., Task], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(data: Path | None, split: str, args: Any) -> Dataset:
        samples = questions(3)
        return Dataset((*samples, samples[1]), "0", lambda sample: None)

    monkeypatch.setitem(READERS._entries, "twice", twice)
    task = make(dataset={**DATASET, "reader": "twice"})
    with pytest.raises(
        DataError, match=r"mine/task.yaml:\d+: the reader 'twice' yields the sample 'q1' twice in the split 'test'"
    ):
        task.read(data)


def test_data_in_the_folder_of_the_task_are_used_where_the_user_names_none(
    make: Callable[..., Task], tmp_path: Path
) -> None:
    task = make()
    with pytest.raises(DataError, match="not shipped; pass --data DIR"):
        task.read(None)
    (task.folder / "data").mkdir()
    write_clips(task.folder / "data", 4)
    assert len(task.read(None).samples) == 4
    write_clips(tmp_path, 10)
    assert len(task.read(tmp_path).samples) == 10


# Metrics of other packages.


def spans(name: str = "anomalous_share", column: str = "truth") -> Metric:
    return Metric(name, "a metric of another package", lambda c: mean_of(c[column]), ratio)


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Metric], None]:
    def offer(name: str, metric: Metric) -> None:
        monkeypatch.setitem(METRICS._entries, name, metric)
        monkeypatch.setitem(METRICS._sources, name, "their_package")

    return offer


def test_a_metric_of_another_package_is_scored_beside_those_of_the_kind(
    make: Callable[..., Task], data: Path, offer: Callable[[str, Metric], None]
) -> None:
    offer("anomalous_share", spans())
    task = make(metrics=["accuracy", "anomalous_share"])
    result = scored(task, task.select(data), lambda request: request.answer("<answer>A</answer>"))
    assert result["metrics"]["anomalous_share"]["value"] == pytest.approx(0.2)
    assert set(result["floors"]["always_a"]["metrics"]) == {"accuracy", "anomalous_share"}


@pytest.mark.parametrize(
    ("name", "metric", "told"),
    [
        (
            "spans",
            spans("spans", "tiou"),
            r"task.yaml:\d+: the metric 'spans' of their_package cannot be computed for mcq tasks, which have the "
            r"columns truth, predicted: KeyError\('tiou'\)",
        ),
        ("spans", spans("other"), r"task.yaml:\d+: the metric 'spans' of their_package calls itself 'other'"),
        ("accuracy", spans("accuracy"), "two metrics are named 'accuracy': one of mcq tasks, one from their_package"),
    ],
)
def test_a_metric_that_cannot_be_used_is_told_before_anything_is_asked(
    make: Callable[..., Task],
    data: Path,
    offer: Callable[[str, Metric], None],
    name: str,
    metric: Metric,
    told: str,
) -> None:
    offer(name, metric)
    with pytest.raises(VauBenchError, match=told):
        make(metrics=["accuracy", name]).select(data)


# The headline.


def test_the_headline_is_that_of_the_kind_until_the_task_names_another_of_its_metrics(
    make: Callable[..., Task], data: Path
) -> None:
    both = ["accuracy", "position_balanced_accuracy"]
    plain, own = make(metrics=both), make(metrics=both, headline="position_balanced_accuracy")
    assert (plain.headline, own.headline) == ("accuracy", "position_balanced_accuracy")
    told = [scored(t, t.select(data), lambda request: request.answer("<answer>A</answer>")) for t in (plain, own)]
    assert [t["headline"] for t in told] == [plain.headline, own.headline]
    assert [list(t["metrics"]) for t in told] == [both, both[::-1]], "the headline comes first"
    assert told[0]["metrics"] == told[1]["metrics"] and told[0]["floors"] == told[1]["floors"]
    assert told[0]["classes"]["Fire"]["value"] == 1.0 and told[1]["classes"]["Fire"]["value"] == 1.0
    normal = [t["classes"]["Normal"]["value"] for t in told]
    assert normal == [pytest.approx(3 / 5), pytest.approx(1 / 2)], "by class, too"
    assert [m.name for m in metrics_of(told[1], {})] == both[::-1]


def test_a_metric_of_another_package_may_be_the_headline(
    make: Callable[..., Task], data: Path, offer: Callable[[str, Metric], None]
) -> None:
    offer("anomalous_share", spans())
    task = make(metrics=["accuracy", "anomalous_share"], headline="anomalous_share")
    result = scored(task, task.select(data), lambda request: request.answer("<answer>A</answer>"))
    assert result["headline"] == next(iter(result["metrics"])) == "anomalous_share"


@pytest.mark.parametrize(
    ("kind", "headline", "told"),
    [
        ("grounding", "start_error", r"task.yaml:\d+: start_error cannot be the headline: it is over answered"),
        ("reasoning", "claimed_time", r"task.yaml:\d+: claimed_time cannot be the headline: it is neither"),
    ],
)
def test_a_headline_by_which_models_cannot_be_told_apart_is_refused_before_anything_is_asked(
    make: Callable[..., Task], data: Path, kind: str, headline: str, told: str
) -> None:
    task = make(kind=kind, metrics=[headline], headline=headline, floors=[])
    with pytest.raises(DataError, match=told):
        task.select(data)


def test_to_name_the_headline_asks_nothing_again(make: Callable[..., Task]) -> None:
    both = ["accuracy", "position_balanced_accuracy"]
    plain, named = make(metrics=both), make(metrics=both, headline="accuracy")
    assert {key for key in plain.digests if plain.digests[key] != named.digests[key]} == {"task"}
    assert named.version == plain.version


def test_tasks_from_before_there_were_headlines_keep_their_hash() -> None:
    before = {key: value for key, value in Catalogue().get("msad_mcq").spec.model_dump().items() if key != "headline"}
    told = hashlib.sha256(json.dumps(before, sort_keys=True).encode()).hexdigest()
    assert Catalogue().get("msad_mcq").digests["task"] == told[:16]


def test_shipped_tasks_are_told_by_what_their_field_reports() -> None:
    tasks = Catalogue()
    assert tasks.get("xd_violence_detection").headline == "ap"
    assert tasks.get("ucf_crime_detection").headline == "auc"


# Digests.


def test_digests_change_with_what_they_stand_for(make: Callable[..., Task]) -> None:
    one = make().digests
    assert make().digests == one
    prompts = make({"styles": {"direct": "{question} {options}"}}).digests
    spec = make(floors=[]).digests
    assert {k for k in one if one[k] != prompts[k]} == {"prompts"}
    assert {k for k in one if one[k] != spec[k]} == {"task"}


# Which samples take part.


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 99])
def test_a_limit_spreads_evenly(make: Callable[..., Task], data: Path, limit: int) -> None:
    task = make()
    everything = [s.id for s in task.select(data).samples]
    limited = [s.id for s in task.select(data, limit=limit).samples]
    places = [everything.index(id_) for id_ in limited]
    assert len(limited) == min(limit, 10)
    assert places[0] == 0 and places == sorted(set(places))
    gaps = {b - a for a, b in zip(places, [*places[1:], 10], strict=True)}
    assert max(gaps) - min(gaps) <= 1


def test_what_cannot_take_part_is_counted_by_reason(make: Callable[..., Task], data: Path) -> None:
    lines = (data / "clips.csv").read_text().splitlines()
    lines[1] = "v0.mp4,-1,-1,-1,-1,-1,-1,-1,0,4.5"
    lines[2] = "v1.mp4,Q1?,a,b,c,d,-1,Normal,0,0"
    (data / "clips.csv").write_text("\n".join(lines))
    selection = make().select(data)
    assert selection.excluded == {"no_question": 1, "no_right_option": 1}
    assert len(selection.samples) == 8


def test_classes_of_the_data_may_be_added_to_a_list(make: Callable[..., Task], data: Path) -> None:
    text = (data / "clips.csv").read_text().replace("Fire", "Pickpocketing")
    (data / "clips.csv").write_text(text)
    changes = {"kind": "classification", "floors": []}
    for classes, known in (("vau_bench+data", True), ("vau_bench", False), (["Explosion"], False)):
        task = make(classes=classes, **changes)
        selection = task.select(data)
        assert ("Pickpocketing" in task.kind(selection.dataset).classes) == known
        assert selection.excluded == ({} if known else {"class_not_listed": 3})


# Shuffled options.


def questions(count: int) -> list[Sample]:
    return [
        Sample(
            f"q{i}", f"q{i}.mp4", f"q{i}", Target(option="A"), {"question": "?", "options": [f"{i}{x}" for x in "rstu"]}
        )
        for i in range(count)
    ]


@pytest.mark.parametrize("count", [1, 4, 7, 40, 41])
def test_the_right_option_stands_equally_often_under_each_letter(count: int) -> None:
    letters = Counter(s.target.option for s in shuffled_options(questions(count), seed=3))
    assert sum(letters.values()) == count
    assert max(letters.values()) - min(letters[x] for x in "ABCD") <= 1


def test_the_right_text_stays_right_and_no_text_is_lost() -> None:
    before = questions(40)
    for old, new in zip(before, shuffled_options(before, seed=3), strict=True):
        assert new.target.option is not None
        assert new.fields["options"]["ABCD".index(new.target.option)] == old.fields["options"][0]
        assert sorted(new.fields["options"]) == sorted(old.fields["options"])
        assert (new.id, new.group) == (old.id, old.group)
    assert before == questions(40)


def test_the_shuffle_depends_on_its_seed_alone() -> None:
    assert shuffled_options(questions(20), 1) == shuffled_options(questions(20), 1)
    assert shuffled_options(questions(20), 1) != shuffled_options(questions(20), 2)
    wrong = {s.fields["options"][-1][-1] for s in shuffled_options(questions(40), 1)}
    assert wrong == set("rstu")  # the others change places too


def test_a_sample_without_options_stays_as_it_is() -> None:
    plain = Sample("v", "v.mp4", "v", Target("Fire"))
    assert shuffled_options([plain], 1) == [plain]


def test_a_limited_run_asks_the_same_questions_as_a_full_one(make: Callable[..., Task], data: Path) -> None:
    task = make()
    full = {s.id: s for s in task.select(data, shuffle_options=1).samples}
    assert all(full[s.id] == s for s in task.select(data, shuffle_options=1, limit=4).samples)


# Every shipped task.

SHIPPED = list(Catalogue())


@pytest.fixture(params=SHIPPED)
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Task, Path | None]:
    """A shipped task and the data root that it needs: generated, hand-made, or the released files."""
    task = Catalogue().get(request.param)
    if task.spec.dataset.reader == "vau_synth":
        return task, None
    if "clips" in task.spec.groups:
        write_clips(tmp_path, 24)
        return task, tmp_path
    rows = "smarthome" if task.spec.dataset.reader == "smarthome_csv" else "shared"
    return task, request.getfixturevalue(rows)


def scored(task: Task, selection: Selection, answer: Callable[[Request], Response] | None) -> TaskResult:
    kind = task.kind(selection.dataset)
    responses = {}
    for sample in selection.samples if answer else ():
        messages = task.messages(kind, sample, "direct")
        asked = Request(
            sample.id,
            task.name,
            kind.name,
            "direct",
            0,
            sample,
            messages,
            task.generation(),
            None,
            "",
            kind.choices(sample),
        )
        responses[sample.id] = answer(asked)
    result, _ = score_task(
        task, selection, responses, style="direct", split="test", frames="", tuning=selection.samples, resamples=0
    )
    return result


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_task_says_what_it_is(name: str) -> None:
    task = Catalogue().get(name)
    assert task.spec.licence.strip() and task.spec.citation.strip() and task.spec.summary.strip()
    page = (task.folder / "README.md").read_text()
    assert page.startswith(f"# {name}\n") and "**Data.**" in page
    assert str(parse_plan(task.spec.frames)) == task.spec.frames
    kind = KINDS.get(task.spec.kind)(())
    assert task.spec.metrics[0] == task.headline
    assert set(task.spec.metrics) <= set(kind.metrics)
    if task.spec.dataset.reader == "vau_csv" and "clips" not in task.spec.groups:
        assert task.spec.split in task.spec.dataset.sha256


@pytest.mark.parametrize("name", SHIPPED)
def test_every_style_of_a_shipped_task_shows_the_form_of_its_answer(name: str) -> None:
    task = Catalogue().get(name)
    assert {"direct", "think", "reflect"} <= set(task.prompts.styles)
    assert task.spec.style in task.prompts.styles
    for style in task.prompts.styles:
        template = "".join(task.prompts.turns(style))
        assert "<answer>" in template or task.spec.kind == "reasoning"
        assert ("<glue>" in template) == (task.spec.kind in ("grounding", "detection"))
        assert ("<think>" in template) == (style in ("think", "reflect"))
        assert ("<reflect>" in template) == (style == "reflect")


def test_prompts_of_a_shipped_task_render(shipped: tuple[Task, Path | None]) -> None:
    task, data = shipped
    selection = task.select(data, limit=3)
    kind = task.kind(selection.dataset)
    for style in task.prompts.styles:
        for sample in selection.samples:
            text = task.messages(kind, sample, style)[-1].text
            assert all(f"{{{name}}}" not in text for name in kind.placeholders)
            assert all(option in text for option in kind.choices(sample))
            assert sample.fields.get("question", "") in text or task.spec.kind != "mcq"


def test_the_truth_scores_all_there_is_on_a_shipped_task(shipped: tuple[Task, Path | None]) -> None:
    task, data = shipped
    selection = task.select(data)
    with ClipLoader() as clips:
        gold = Gold(ModelConfig(), clips)
        gold.prepare(task.name, task.kind(selection.dataset), ())
        result = scored(task, selection, lambda request: next(iter(gold.generate([request]))))
    kind = task.kind(selection.dataset)
    assert result["outcomes"]["scored"] == result["expected"] == len(selection.samples) > 0
    assert result["metrics"][task.headline]["value"] == 1.0
    for name, metric in result["metrics"].items():
        # A reference text is an answer among others: it need not name every object.
        assert metric["value"] == best(kind.metrics[name]) or metric["n"] == 0 or kind.name == "reasoning", name
    assert result["paper"][task.headline] == 1.0
    assert not any("true interval" in w for w in result["warnings"])


def best(metric: Metric) -> float:
    return metric.bounds[1] if metric.higher_is_better else metric.bounds[0]


def test_empty_answers_score_nothing_and_are_counted(shipped: tuple[Task, Path | None]) -> None:
    task, data = shipped
    selection = task.select(data)
    result = scored(task, selection, lambda request: request.answer(""))
    assert result["outcomes"]["unparsed"] == result["expected"] == len(selection.samples)
    assert result["metrics"][result["headline"]]["value"] == 0.0
    assert result["metrics"][result["headline"]]["answered_only"] is None
    assert result["paper_n"] == 0


def test_what_was_never_asked_is_missing(shipped: tuple[Task, Path | None]) -> None:
    task, data = shipped
    selection = task.select(data, limit=5)
    result = scored(task, selection, None)
    assert result["outcomes"]["missing"] == result["expected"] == 5


def test_every_floor_of_a_shipped_task_can_be_computed(shipped: tuple[Task, Path | None]) -> None:
    task, data = shipped
    result = scored(task, task.select(data), None)
    assert set(result["floors"]) == set(task.spec.floors)
    for name, floor in result["floors"].items():
        # Only the whole video needs more than the annotations tell.
        assert floor["answered"] == result["expected"] or name == "whole_video"
        assert floor["answered"] == 0 or set(floor["metrics"]) == set(task.spec.metrics)
    assert task.spec.floors


@pytest.mark.parametrize("name", [n for n in SHIPPED if n.startswith("vau_synth")])
def test_the_splits_of_the_generated_benchmark_share_no_video(name: str) -> None:
    task = Catalogue().get(name)
    seen = [{s.id for s in task.read(None, split).samples} for split in task.spec.splits]
    assert sum(map(len, seen)) == len(set().union(*seen))


def test_a_floor_may_be_asked_about_no_sample() -> None:
    for name in SHIPPED:
        task = Catalogue().get(name)
        for floor in task.spec.floors:
            assert KINDS.get(task.spec.kind)(()).floor(floor, (), FloorContext()) == []


def test_outcomes_of_models_are_those_of_the_records() -> None:
    assert [str(o) for o in Outcome] == ["scored", "unparsed", "refused", "truncated", "errored", "missing"]
