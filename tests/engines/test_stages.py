"""What a stage does with one block, without a cluster: how portions are made, and how a loss is gone around."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.errors import ModelError, VideoMissingError
from vau_bench.models import MODELS
from vau_bench.models.base import Model, ModelConfig
from vau_bench.records import Generation, Message, Outcome, Request, Response, Sample, Target
from vau_bench.runs import code_digest
from vau_bench.video import Clip, VideoInfo

ray = pytest.importorskip("ray")
stages = pytest.importorskip("vau_bench.engines.stages")
wire = pytest.importorskip("vau_bench.engines.wire")
desks = pytest.importorskip("vau_bench.engines.desk")


def request(number: int, video: int | None = None) -> Request:
    sample = Sample(f"s{number}", f"v{video}.mp4", f"v{video}", Target())
    path = None if video is None else Path(f"v{video}.mp4")
    message = Message("user", "What happens?", video=True)
    return Request(f"k{number}", "t", "mcq", "direct", 0, sample, (message,), Generation(), path, "uniform(4)")


def clip(video: int, size: int) -> Clip:
    info = VideoInfo(Path(f"v{video}.mp4"), 10, 4.0, 40, size, 1, 10.0, "h264", 0, False)
    return Clip(np.zeros((1, 1, size, 3), np.uint8), (0,), (0.0,), info)


class Beside:
    """A desk in this process that is spoken to as an actor is."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.desk, name)

        class Remote:
            def remote(self, *given: Any) -> Any:
                return asyncio.run(method(*given))

        return Remote()


class Told(Model[ModelConfig]):
    """Answers as the test says."""

    reads_video = False
    asked: ClassVar[list[list[str]]] = []
    do: ClassVar[Callable[[Request], Response]] = staticmethod(lambda request: request.answer("C"))

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        requests = list(requests)
        self.asked.append([r.sample.id for r in requests])
        yield from map(type(self).do, requests)


class Lost(BaseException):
    """The process is gone."""


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Beside:
    monkeypatch.setattr(ray, "get", lambda reply: reply)
    monkeypatch.setitem(MODELS._entries, "told", Told)
    monkeypatch.setattr(Told, "asked", [])
    return Beside(desks.Desk(stages.setup_of(stages.Setup("told", {}, [], 10.0))))


def table(*numbers: int) -> Any:
    return wire.request_table(0, wire.pickled([request(n) for n in numbers]))


def answers(desk: Beside, *numbers: int) -> list[Response]:
    """Return what a new process answers."""
    found: list[Response] = wire.read_answers(stages.Answer(desk)(table(*numbers)))
    return found


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([None, 1, 40, 99, 250])), max_size=20))
def test_portions_hold_all_requests_in_order_with_their_clips_and_no_more_than_fits(
    asked: list[tuple[int, int | None]],
) -> None:
    sizes: dict[int, int | None] = dict(reversed(asked))
    decoded: list[tuple[Request, Any]] = []
    for number, (video, _) in enumerate(asked):
        size = sizes[video]
        decoded.append((request(number, video), VideoMissingError("gone") if size is None else clip(video, size)))
    limit, stages.PORTION = stages.PORTION, 300
    try:
        made = list(stages.portions(decoded))
    finally:
        stages.PORTION = limit
    assert [r for requests, _ in made for r in requests] == [r for r, _ in decoded]
    assert made, "an empty block makes a portion, or its number would be lost"
    for requests, found in made:
        assert {stages.place_of(r) for r in requests} == set(found)
        clips = [c for c in found.values() if isinstance(c, Clip)]
        assert len(clips) <= 1 or sum(c.frames.nbytes for c in clips) <= 300


def test_a_block_is_asked_together(desk: Beside) -> None:
    assert [r.text for r in answers(desk, 0, 1, 2)] == ["C"] * 3
    assert Told.asked == [["s0", "s1", "s2"]]


def test_a_poison_sample_costs_itself_alone(desk: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    def die_over_one(request: Request) -> Response:
        if request.sample.id == "s1":
            raise Lost
        return request.answer("C")

    monkeypatch.setattr(Told, "do", staticmethod(die_over_one))
    lost = 0
    while True:
        try:
            found = answers(desk, 0, 1, 2)
            break
        except Lost:
            lost += 1
    assert lost == stages.TRIES
    assert {r.sample_id: r.outcome for r in found} == {
        "s0": Outcome.SCORED,
        "s1": Outcome.ERRORED,
        "s2": Outcome.SCORED,
    }
    assert "lost" in str(next(r.error for r in found if r.error))
    alone = [asked for asked in Told.asked if len(asked) == 1]
    assert alone.count(["s0"]) == 1, "what was answered before the loss is not asked, or paid for, again"


def test_a_model_whose_processes_are_all_lost_ends_the_run(desk: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(request: Request) -> Response:
        raise Lost

    monkeypatch.setattr(Told, "do", staticmethod(die))
    block, lost = 0, 0
    with pytest.raises(ModelError, match="processes of the model were lost before one of them answered"):
        while lost < 50:
            try:
                answers(desk, block)
                block += 1
            except Lost:
                lost += 1
    assert lost <= stages.HOPELESS + stages.TRIES


@pytest.mark.parametrize(
    ("raised", "expected"), [(ModelError("no key"), ModelError), (ZeroDivisionError("x"), RuntimeError)]
)
def test_what_a_model_raises_is_raised_where_answers_are_read(
    desk: Beside, monkeypatch: pytest.MonkeyPatch, raised: Exception, expected: type[Exception]
) -> None:
    def fail(request: Request) -> Response:
        raise raised

    monkeypatch.setattr(Told, "do", staticmethod(fail))
    with pytest.raises(expected, match=type(raised).__name__ if expected is RuntimeError else "no key"):
        answers(desk, 0)


def test_a_node_with_another_program_answers_nothing_and_both_are_named(
    desk: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = code_digest()[:12]
    monkeypatch.setattr(stages, "code_digest", lambda: "b" * 64)
    with pytest.raises(
        ModelError, match=rf"runs vau-bench .* code b{{12}}, the process that asks .* code {here}; install"
    ):
        answers(desk, 0)
    assert Told.asked == []


def test_where_the_time_goes_is_told_to_the_desk(desk: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    def think(request: Request) -> Response:
        loader.profile.add("generate", 0.5)
        return request.answer("C")

    monkeypatch.setattr(Told, "do", staticmethod(think))
    answer = stages.Answer(desk, 3)
    loader = answer._model({}).clips
    for number in range(2):
        answer(table(number))
    assert [tuple(spent) for spent in desk.spent.remote()] == [("generate", 2, 1.0, 3)]


def test_an_empty_block_has_no_answers(desk: Beside) -> None:
    assert answers(desk) == [] and Told.asked == []


def test_a_block_over_which_decoding_is_lost_is_left_to_the_model_one_by_one(desk: Beside) -> None:
    for _ in range(stages.TRIES):
        desk.begin_alone.remote("decode/0")
    made = list(stages.Decode(desk, 8)(table(0, 1)))
    assert [wire.read_portion(each)[1] for each in made] == [{}, {}]
    assert [wire.read_portion(each)[0] for each in made] == [[request(0)], [request(1)]]


def test_served_clips_are_those_that_were_sent(tmp_path: Path) -> None:
    sent, gone = clip(0, 5), VideoMissingError("no file for video")
    with stages.Served() as loader:
        loader.served = {(Path("v0.mp4"), "uniform(4)"): sent, (Path("v1.mp4"), "uniform(4)"): gone}
        assert loader.load(Path("v0.mp4"), "uniform( 4 )") is sent
        streamed = [found for _, found in loader.stream([request(0, 0), request(1, 1)], stages.place_of)]
        assert streamed == [sent, gone]
        with pytest.raises(VideoMissingError):
            loader.load(tmp_path / "other.mp4", "uniform(4)")
