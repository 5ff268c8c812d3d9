"""Blind predictors and the truth as models, and how a model is made from a name and its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from vau_bench.errors import UnknownNameError, UsageError
from vau_bench.kinds import KINDS, FloorContext, Kind
from vau_bench.models import MODELS, create_model, model_config, parse_model_args
from vau_bench.records import Generation, Message, Outcome, Request, Response, Sample, Segment, Target
from vau_bench.video import ClipLoader

FLOORS = [name.removeprefix("floors/") for name in MODELS if name.startswith("floors/")]
OPTIONS = ["short", "the longest one", "no", "yes"]


def make(n: int) -> list[Sample]:
    return [
        Sample(
            f"s{i}",
            f"s{i}.mp4",
            f"s{i}",
            Target("Fire" if i % 3 else "Normal", (Segment(2, 6 + i % 2),) if i % 3 else (), "ABCD"[i % 4]),
            {"question": "?", "options": OPTIONS, "duration": 10.0 + i},
        )
        for i in range(n)
    ]


def request(kind: Kind[Any], sample: Sample, video: Path | None = None) -> Request:
    return Request(
        f"key {sample.id}",
        "task",
        kind.name,
        "direct",
        0,
        sample,
        (Message("user", "?", True),),
        Generation(),
        video,
        "",
    )


def ask(
    name: str,
    kind: Kind[Any],
    samples: Sequence[Sample],
    tuning: Sequence[Sample] = (),
    video: Path | None = None,
    **args: Any,
) -> list[Response]:
    with ClipLoader() as clips:
        model = create_model(name, args, clips)
        model.prepare("task", kind, tuning)
        return list(model.generate(request(kind, s, video) for s in samples))


KIND = {name: KINDS.get(name)(("Fire",)) for name in KINDS}
HAS = {
    "mcq": {"always_a", "longest_option", "random"},
    "grounding": {"always_normal", "whole_video", "prior_interval", "random"},
    "classification": {"always_normal", "majority_class", "random"},
}


@pytest.mark.parametrize("kind", HAS)
@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_as_a_model_answers_as_the_floor_in_a_table_does(kind: str, floor: str) -> None:
    samples = make(24)
    responses = ask(f"floors/{floor}", KIND[kind], samples, samples, seed=5)
    assert [r.sample_id for r in responses] == [s.id for s in samples]
    if floor not in HAS[kind]:
        assert {r.outcome for r in responses} == {Outcome.REFUSED}
        assert all(r.error is not None and f"floor of {kind} tasks" in r.error for r in responses)
        return
    durations = {s.id: float(s.fields["duration"]) for s in samples}
    expected = KIND[kind].floor(floor, samples, FloorContext(samples, durations, 5))
    readings = [KIND[kind].read(r.text, s) for r, s in zip(responses, samples, strict=True)]
    assert [reading.answer if reading else None for reading in readings] == expected


def test_every_floor_of_every_kind_is_a_model() -> None:
    assert set.union(*HAS.values()) == set(FLOORS)


def test_a_floor_that_knows_too_little_says_so() -> None:
    for name in ("prior_interval", "whole_video"):
        response = ask(f"floors/{name}", KIND["grounding"], [replace(make(1)[0], fields={})])[0]
        assert response.outcome is Outcome.REFUSED
        assert response.error == f"{name} knows too little to answer"


def test_whole_video_measures_the_video_where_the_data_do_not_tell(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with av.open(path, "w") as file:
        stream = file.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 32
        for _ in range(15):
            file.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        file.mux(stream.encode(None))
    response = ask("floors/whole_video", KIND["grounding"], [replace(make(1)[0], fields={})], video=path)[0]
    reading = KIND["grounding"].read(response.text, make(1)[0])
    assert reading is not None and reading.answer == ((0.0, pytest.approx(3.0, abs=0.01)),)


def test_a_video_that_cannot_be_measured_is_an_error_of_that_video(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(b"no video at all")
    samples = [replace(s, fields={}) for s in make(2)]
    responses = ask("floors/whole_video", KIND["grounding"], samples, video=path)
    assert [r.outcome for r in responses] == [Outcome.ERRORED] * 2
    assert responses[0].error is not None and "v.mp4" in responses[0].error


def test_a_floor_looks_at_the_tuning_samples_only_once() -> None:
    class Counted(list[Sample]):
        looks = 0

        def __iter__(self) -> Any:
            Counted.looks += 1
            return super().__iter__()

    tuning = Counted(make(50))
    for name in ("prior_interval", "random", "always_normal"):
        ask(f"floors/{name}", KIND["grounding"], make(100), tuning)
    ask("floors/majority_class", KIND["classification"], make(100), tuning)
    assert Counted.looks <= 4


def test_the_random_floor_depends_on_its_seed() -> None:
    texts = [[r.text for r in ask("floors/random", KIND["mcq"], make(30), seed=seed)] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("kind", HAS)
def test_gold_is_right_about_everything(kind: str) -> None:
    samples = make(12)
    for response, sample in zip(ask("gold", KIND[kind], samples), samples, strict=True):
        reading = KIND[kind].read(response.text, sample)
        assert reading is not None and reading.answer == KIND[kind].truth(sample)


def test_floors_take_their_requests_one_by_one() -> None:
    taken = []

    def requests() -> Any:
        for sample in make(3):
            taken.append(sample.id)
            yield request(KIND["mcq"], sample)

    with ClipLoader() as clips:
        for name in ("gold", "floors/always_a"):
            taken.clear()
            model = create_model(name, {}, clips)
            model.prepare("task", KIND["mcq"], ())
            responses = model.generate(requests())
            next(responses)
            assert taken == ["s0"]


# Names and arguments.


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((), {}),
        (("a=1",), {"a": "1"}),
        (("a=1,b=x",), {"a": "1", "b": "x"}),
        (("a=1", "b=2"), {"a": "1", "b": "2"}),
        ((" a = 1 , b = 2 ",), {"a": "1", "b": "2"}),
        (("a=1,2,3,b=x",), {"a": "1,2,3", "b": "x"}),
        (("url=http://h/v1?x=1",), {"url": "http://h/v1?x=1"}),
        (("a=",), {"a": ""}),
        (("a=b=c",), {"a": "b=c"}),
    ],
)
def test_arguments_are_names_and_values(texts: tuple[str, ...], expected: dict[str, str]) -> None:
    assert parse_model_args(texts) == expected


@pytest.mark.parametrize("text", ["", "a", "=1", "a,b=1", " =x"])
def test_what_is_no_argument_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--model-args wants name=value"):
        parse_model_args((text,))


@pytest.mark.parametrize("texts", [("a=1,a=2",), ("a=1", "a=1")])
def test_an_argument_stands_only_once(texts: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="names 'a' twice"):
        parse_model_args(texts)


def test_arguments_are_checked_against_the_model() -> None:
    assert model_config("floors/random", {"seed": "7"}).model_dump() == {"seed": 7, "split": None}
    with pytest.raises(UsageError, match="model floors/random: unknown key 'sead'; did you mean seed"):
        model_config("floors/random", {"sead": "7"})
    with pytest.raises(UsageError, match="model floors/random: seed: input should be a valid integer"):
        model_config("floors/random", {"seed": "seven"})
    with pytest.raises(UnknownNameError, match="unknown model 'floors/always_b'; did you mean floors/always_a"):
        model_config("floors/always_b", {})


def test_a_constant_interval_can_be_given_instead_of_fitted() -> None:
    kind = KINDS.get("grounding")()
    clips = ClipLoader()
    model = create_model("floors/prior_interval", {"interval": "1:12.5"}, clips)
    model.prepare("t", kind, [])
    sample = Sample("s", "s.mp4", "s", Target(segments=(Segment(1, 2),)))
    asked = Request("k", "t", "grounding", "direct", 0, sample, (), Generation(), None, "uniform(1)")
    (answer,) = model.generate([asked])
    assert answer.text == "<answer>Anomaly</answer><glue>[1.0, 12.5]</glue>"
    with pytest.raises(UsageError, match="interval"):
        create_model("floors/prior_interval", {"interval": "soon"}, clips)
