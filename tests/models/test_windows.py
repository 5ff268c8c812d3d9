"""Windows: every moment is seen, times stay those of the video, and what windows say becomes one answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.errors import UsageError
from vau_bench.evaluation import Options, evaluate
from vau_bench.kinds.detection import Detection
from vau_bench.kinds.grounding import Grounding
from vau_bench.models.base import Model, ModelConfig
from vau_bench.models.windows import Windowed, Windows, frames_within, joined, parse_windows, votes
from vau_bench.parsing import write_interval
from vau_bench.records import Generation, Message, Outcome, Request, Response, Sample, Seen, Segment, Target, Usage


class TestCutting:
    @given(st.floats(0.5, 500), st.floats(1, 60), st.floats(0.05, 1))
    def test_every_moment_lies_in_a_window_and_none_is_longer(
        self, duration: float, length: float, part: float
    ) -> None:
        windows = Windows(length, length * part).of(duration)
        assert windows[0].start == 0 and windows[-1].end == pytest.approx(duration, abs=1e-3)
        assert all(w.duration <= length + 2e-3 for w in windows)
        assert all(after.start <= before.end + 2e-3 for before, after in pairwise(windows))
        assert len(set(windows)) == len(windows)

    def test_the_last_window_ends_with_the_video(self) -> None:
        assert Windows(32, 16).of(70) == [(0, 32), (16, 48), (32, 64), (38, 70)]
        assert Windows(32, 16).of(64) == [(0, 32), (16, 48), (32, 64)]
        assert Windows(32, 16).of(20) == [(0, 20)]

    @pytest.mark.parametrize(
        ("text", "told"), [("32s/16s", "32s/16s"), ("8/8", "8s/8s"), (" 1.5s / 0.5 ", "1.5s/0.5s")]
    )
    def test_notation(self, text: str, told: str) -> None:
        assert str(parse_windows(text)) == told

    @pytest.mark.parametrize("text", ["", "32", "32s/0s", "0/0", "16s/32s", "-8/4", "8/4/2", "a/b"])
    def test_what_is_none_is_told(self, text: str) -> None:
        with pytest.raises(UsageError, match="windows"):
            parse_windows(text)

    def test_a_window_gets_the_frames_that_a_video_of_its_length_would(self) -> None:
        window = Segment(16.0, 48.0)
        assert frames_within("fps(1, max=64) short_side=336", window) == "window(16, 48, 32) short_side=336"
        assert frames_within("fps(8, max=64)", window) == "window(16, 48, 64)"
        assert frames_within("uniform(16)", window) == "window(16, 48, 16)"
        with pytest.raises(UsageError, match="is a window already"):
            frames_within("window(0, 4, 8)", window)


class TestVotes:
    def test_a_moment_scores_the_share_of_the_windows_around_it(self) -> None:
        windows = [Segment(0, 8), Segment(4, 12)]
        assert votes(windows, [[(2, 6)], [(5, 9)]]) == ((2, 4, 1.0), (4, 5, 0.5), (5, 6, 1.0), (6, 8, 0.5), (8, 9, 1.0))

    def test_what_lies_outside_its_window_is_cut(self) -> None:
        assert votes([Segment(0, 8), Segment(8, 16)], [[(6, 20)], [(0, 9)]]) == ((6, 9, 1.0),)

    @given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=5))
    def test_one_window_says_what_it_says(self, drawn: list[tuple[int, int]]) -> None:
        pairs = [(float(s), float(s + n)) for s, n in drawn]
        found = votes([Segment(0, 40)], [pairs])
        for tenth in range(400):
            at = tenth / 10
            assert any(s <= at < e for s, e, _ in found) == any(s <= at < e for s, e in pairs)

    def test_pieces_of_at_least_a_half_become_intervals(self) -> None:
        assert joined(((2, 4, 1.0), (4, 5, 0.5), (5, 6, 0.4), (8, 9, 1.0))) == ((2, 5), (8, 9))


class Video:
    """Stands for the loader: every video lasts 40 s."""

    def probe(self, path: Path) -> Any:
        return type("Info", (), {"duration": 40.0})()


class Watcher(Model[ModelConfig]):
    """Calls 10-14 s anomalous, as far as it sees it; what it was asked is kept."""

    def __init__(self, texts: dict[str, str | None] | None = None) -> None:
        super().__init__(ModelConfig(), Video())  # type: ignore[arg-type]
        self.texts = texts or {}
        self.plans: list[str] = []

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        held = list(requests)
        for request in reversed(held):  # in any order
            self.plans.append(request.plan)
            start, end = (float(part) for part in request.plan.removeprefix("window(").split(",")[:2])
            pair = (max(start, 10.0), min(end, 14.0))
            text = write_interval(Segment(*pair)) if pair[0] < pair[1] else write_interval(None)
            said = self.texts.get(request.plan, text)
            if said is None:
                yield request.failure(Outcome.ERRORED, "it broke")
                continue
            seen = Seen((int(start), int(end) - 1), (start, end - 1), 8, 8, "none", 40.0)
            yield request.answer(said, seen=seen, usage=Usage(100, 10, 0.5))


SAMPLE = Sample("v", "v.mp4", "v", Target(segments=(Segment(10, 14),)), {"duration": 40.0})


def ask(kind: Any, model: Model[Any], count: int = 1) -> list[Response]:
    windowed = Windowed(model, Windows(16, 8), Video())  # type: ignore[arg-type]
    windowed.prepare("task", kind, ())
    requests = [
        Request(f"key{n}", "task", kind.name, "direct", 0, SAMPLE, (Message("user", "?", True),), Generation(),
                Path("v.mp4"), "fps(1, max=64)")
        for n in range(count)
    ]  # fmt: skip
    return list(windowed.generate(requests))


class TestAsking:
    def test_grounding_is_answered_by_where_most_windows_agree(self) -> None:
        (response,) = ask(Grounding(), Watcher())
        found = Grounding().read(response.text, SAMPLE)
        assert response.key == "key0" and found is not None and found.answer == ((10, 14),)
        assert "16-32 s" in response.text and "&lt;answer&gt;Normal&lt;/answer&gt;" in response.text

    def test_detection_is_answered_by_scores(self) -> None:
        first = write_interval(None)
        (response,) = ask(Detection(), Watcher({"window(0, 16, 16)": first}))
        found = Detection().read(response.text, SAMPLE)
        assert found is not None and found.answer == ((10, 14, 0.5),)

    def test_what_was_seen_and_what_it_cost_is_that_of_all_windows(self) -> None:
        (response,) = ask(Grounding(), Watcher())
        assert response.seen is not None and response.seen.times == (0, 8, 15, 16, 23, 24, 31, 39)
        assert response.usage == Usage(400, 40, 2.0)

    def test_a_window_that_failed_fails_the_video(self) -> None:
        (response,) = ask(Grounding(), Watcher({"window(8, 24, 16)": None}))
        assert (response.outcome, response.error) == (Outcome.ERRORED, "1 of 4 windows: 8-24 s it broke")

    def test_an_unreadable_window_has_no_say_where_others_see_the_same(self) -> None:
        (response,) = ask(Grounding(), Watcher({"window(8, 24, 16)": "Hm."}))
        found = Grounding().read(response.text, SAMPLE)
        assert found is not None and found.answer == ((10, 14),)

    def test_where_no_other_window_sees_it_there_is_no_answer(self) -> None:
        (response,) = ask(Grounding(), Watcher({"window(0, 16, 16)": "Hm."}))
        assert response.outcome is Outcome.UNPARSED
        assert response.error == "1 of 4 windows hold no answer, and parts of the video no other"

    def test_many_videos_each_get_one_answer(self) -> None:
        assert sorted(r.key for r in ask(Grounding(), Watcher(), 5)) == [f"key{n}" for n in range(5)]

    def test_a_blind_model_has_nothing_to_cut(self) -> None:
        class Blind(Watcher):
            reads_video = False

        with pytest.raises(UsageError, match="looks at no video"):
            ask(Grounding(), Blind())


def test_motion_in_windows_from_the_options_to_the_score(tmp_path: Path) -> None:
    tasks = ("vau_synth_grounding", "vau_synth_detection")
    options = Options(model="motion", tasks=tasks, windows="8s/4s", limit=6, resamples=0)
    results = evaluate(options, tmp_path, run_id="cut")
    assert [task["outcomes"]["scored"] for task in results.tasks] == [6, 6]
    again = evaluate(Options(model="motion", tasks=tasks, limit=6, resamples=0), tmp_path, run_id="whole")
    assert [s.prediction for s in again.scores] != [s.prediction for s in results.scores]
