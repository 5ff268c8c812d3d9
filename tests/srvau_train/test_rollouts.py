"""What GRPO knows of its completions: their clips and truths, where they reflect, and what the reflection did."""

from __future__ import annotations

from dataclasses import replace

import pytest

from srvau_train.grading import Truth
from srvau_train.rewards import tiou_reward
from srvau_train.rollouts import CELLS, Prompts, effect_shares, reflection_start
from srvau_train.weights import RewardWeights
from vau_bench.errors import ModelError
from vau_bench.parsing import write_reflection
from vau_bench.records import Segment

pytest.importorskip("trl")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("training")]


class TestPrompts:
    def test_a_damaged_video_gives_its_place_to_the_next(self, dataset, make_rows):
        rows = make_rows(4, responses=False, videos=["train-x.mp4", "train-1.mp4", "train-2.mp4", "train-3.mp4"])
        records = Prompts(dataset(rows)[0])([{"row": 0}, {"row": 0}, {"row": 2}])
        assert [r["prompt"] for r in records] == ["1", "1", "2"]
        assert records[0]["truth"] == rows[1].truth, "its truth comes with it"
        assert len(records[0]["skipped"]) == 1
        with pytest.raises(ModelError, match="none of 1 rows could be shown"):
            Prompts(dataset(rows[:1])[0])([{"row": 0}])

    def test_a_batch_that_comes_again_is_not_decoded_again(self, dataset, make_rows, clips):
        source = clips()
        rows = make_rows(4, responses=False, videos=["train-x.mp4", "train-1.mp4", "train-2.mp4", "train-3.mp4"])
        prompts = Prompts(dataset(rows, source=source)[0])
        first, again = (prompts([{"row": 0}, {"row": 2}]) for _ in range(2))
        assert source.loaded == 3
        assert [r["shown"] for r in first] == [r["shown"] for r in again] and first[0]["skipped"] == again[0]["skipped"]

    def test_an_interval_is_graded_by_how_long_the_decoded_video_is(self, dataset, make_rows):
        rows = [replace(row, truth=replace(row.truth, duration=None)) for row in make_rows(2, kind="grounding")]
        records = Prompts(dataset(rows)[0])([{"row": 0}, {"row": 1}])
        assert [record["truth"].duration for record in records] == [4.0, 4.0]
        whole = replace(records[0]["truth"], segments=(Segment(1.0, 2.0),))
        assert tiou_reward("<glue>[0.0, 4.0]</glue>", whole) == 0.25
        assert tiou_reward("<glue>[0.0, 4.0]</glue>", whole, above_whole=True) == 0


class TestWhatReflectionsDid:
    def shares(self, *pairs):
        truth = Truth(option="B", options=("a", "b", "c", "d"))
        texts = [
            write_reflection(
                "It looks so.", f"<answer>{a}</answer>", "I look again at it.", "Now I see.", f"<answer>{b}</answer>"
            )
            for a, b in pairs
        ]
        return effect_shares(texts, [truth] * len(texts), RewardWeights())

    def test_the_four_cells(self):
        found = self.shares("BB", "AB", "AB", "BA", "AC")
        assert found == {"keep": 0.2, "repair": 0.4, "damage": 0.2, "stay_wrong": 0.2} and set(found) == set(CELLS)

    def test_answers_without_reflection_do_not_count(self):
        truth = Truth(option="B", options=("a", "b"))
        assert effect_shares(["<answer>B</answer>"], [truth], RewardWeights()) == {}


def test_where_a_reflection_begins(tiny_qwen25_checkpoint):
    from transformers import AutoProcessor

    tokenizer = AutoProcessor.from_pretrained(tiny_qwen25_checkpoint).tokenizer
    text = "<think>é B</think><answer>B</answer><reflect>Was it?</reflect><think>A</think><answer>A</answer>"
    tokens = tokenizer(text)["input_ids"]
    start = reflection_start(tokenizer, tokens)
    assert tokenizer.decode(tokens[start:]).lstrip(">").startswith("<reflect>")
    assert "<reflect>" not in tokenizer.decode(tokens[:start])
    assert reflection_start(tokenizer, tokenizer("<answer>B</answer>")["input_ids"]) == 0
