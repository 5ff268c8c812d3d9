"""Requests, clips and answers pass between processes unchanged, and pixels without a copy on arrival."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.errors import ModelError, VideoMissingError, VideoTimeoutError, VideoUnreadableError
from vau_bench.records import Generation, Message, Outcome, Request, Sample, Segment, Target
from vau_bench.video import Clip, VideoInfo

pa = pytest.importorskip("pyarrow")
wire = pytest.importorskip("vau_bench.engines.wire")

WIDTH = 4


def request(number: int, video: Path | None = None, plan: str = "uniform(4)") -> Request:
    target = Target("Fire", (Segment(1.0, 2.5),), None, {"description": "smoke \ud800 rises"})
    sample = Sample(f"s{number}", f"v{number}.mp4", f"v{number}", target, {"options": ["a", "b"], "duration": 3.5})
    messages = (Message("system", "You watch."), Message("user", "What happens?", video=True))
    return Request(f"k{number}", "t", "mcq", "direct", 0, sample, messages, Generation(), video, plan, ("A", "B"))


def clip(path: Path, shape: tuple[int, int, int] = (2, 3, 5), seed: int = 0) -> Clip:
    frames = np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)
    info = VideoInfo(path, 10, 4.0, 40, shape[2], shape[1], 10.0, "h264", 0, False)
    return Clip(frames, tuple(range(shape[0])), tuple(n / 10 for n in range(shape[0])), info)


def equal(a: Clip, b: Clip) -> bool:
    return bool((a.frames == b.frames).all()) and (a.indices, a.times, a.info) == (b.indices, b.times, b.info)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40)), max_size=WIDTH))
def test_clips_of_any_size_arrive_as_they_were(shapes: list[tuple[int, int, int]]) -> None:
    places = [(Path(f"v{n}.mp4"), "uniform(4)") for n in range(len(shapes))]
    sent = {place: clip(place[0], shape, n) for n, (place, shape) in enumerate(zip(places, shapes, strict=True))}
    requests = [request(n, place[0]) for n, place in enumerate(places)]
    got, found = wire.read_portion(wire.portion_table(requests, sent, WIDTH))
    assert got == requests
    assert list(found) == places and all(equal(found[place], sent[place]) for place in places)


@pytest.mark.parametrize("kind", [VideoMissingError, VideoTimeoutError, VideoUnreadableError])
def test_why_there_is_no_clip_arrives_between_clips(kind: type[Exception]) -> None:
    sent = {
        (Path("a.mp4"), "uniform(4)"): clip(Path("a.mp4")),
        (Path("b.mp4"), "uniform(4)"): kind("no frames in b.mp4"),
        (Path("c.mp4"), "uniform(4)"): clip(Path("c.mp4"), seed=1),
    }
    _, found = wire.read_portion(wire.portion_table([], sent, WIDTH))
    first, error, last = found.values()
    assert type(error) is kind and str(error) == "no frames in b.mp4"
    assert equal(first, sent[Path("a.mp4"), "uniform(4)"]) and equal(last, sent[Path("c.mp4"), "uniform(4)"])


def test_pixels_are_read_where_they_lie() -> None:
    sent = clip(Path("a.mp4"), (4, 16, 16))
    table = wire.portion_table([], {(Path("a.mp4"), "uniform(4)"): sent}, WIDTH)
    (found,) = wire.read_portion(table)[1].values()
    assert np.shares_memory(found.frames, sent.frames)
    assert not found.frames.flags.writeable


def test_a_view_of_frames_that_lie_apart_is_sent_as_it_looks() -> None:
    whole = clip(Path("a.mp4"), (6, 8, 8))
    part = Clip(whole.frames[::2, ::-1], whole.indices[::2], whole.times[::2], whole.info)
    (found,) = wire.read_portion(wire.portion_table([], {(Path("a.mp4"), "uniform(3)"): part}, WIDTH))[1].values()
    assert equal(found, part)


def test_tables_of_a_pipeline_have_one_schema() -> None:
    empty = wire.portion_table([], {}, WIDTH)
    full = wire.portion_table([request(0)], {(Path("a.mp4"), "uniform(4)"): clip(Path("a.mp4"))}, WIDTH)
    assert empty.schema == full.schema and empty.num_rows == full.num_rows == 1


def test_requests_without_clips_can_be_read_either_way() -> None:
    requests = [request(0), request(1)]
    table = wire.request_table(7, wire.pickled(requests))
    assert wire.read_requests(table) == (7, requests)
    assert wire.read_portion(table) == (requests, {})


def test_answers_arrive_and_so_does_what_made_them_impossible() -> None:
    answers = [request(0).answer("C", option_scores={"A": 0.25}), request(1).failure(Outcome.ERRORED, "no")]
    assert wire.read_answers(wire.answer_table(answers)) == answers
    with pytest.raises(ModelError, match="no weights"):
        wire.read_answers(wire.answer_table(ModelError("no weights")))
