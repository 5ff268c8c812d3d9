"""Text metrics on demand: of answers in prose, by level, with every expected sample in the denominator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vau_bench.cli.main import main
from vau_bench.errors import UnknownNameError, UsageError
from vau_bench.evaluation import Options, evaluate, score
from vau_bench.kinds import KINDS, Kind
from vau_bench.metrics.text import TextScores, meteor
from vau_bench.records import Outcome, Response, Sample, Target
from vau_bench.results import TextResult
from vau_bench.scoring import score_sample
from vau_bench.text_scores import text_result

TEXT, REASONING = KINDS.get("text")(()), KINDS.get("reasoning")(("Fire",))
SAID = ("a man runs to the car", "two dogs sleep", "smoke rises over a roof", "nobody is there")


def sample(number: int, **fields: Any) -> Sample:
    target = Target("Fire" if number % 2 else "Normal", texts={"description": SAID[number]})
    return Sample(f"v{number}", f"v{number}.mp4", f"g{number}", target, fields)


def scored(
    kind: Kind[Any], samples: Sequence[Sample], texts: Sequence[str | None], *names: str, embedder: Any = None
) -> TextResult:
    """Return the text metrics of answers; `None` was never asked."""
    responses = {
        s.id: Response("", "t", s.id, "direct", 0, text, Outcome.SCORED)
        for s, text in zip(samples, texts, strict=True)
        if text is not None
    }
    scores = [score_sample("t", kind, s, responses.get(s.id), "direct") for s in samples]
    answered = [score.outcome == Outcome.SCORED for score in scores]
    return text_result(kind, samples, answered, responses, names, embedder, resamples=0, seed=0)


def values(result: TextResult) -> dict[str, float | None]:
    return {name: metric["value"] for name, metric in result["metrics"].items()}


def test_only_what_was_answered_is_compared_not_what_was_thought_aloud() -> None:
    samples = [sample(i) for i in range(3)]
    plain = scored(TEXT, samples, SAID[:3], "rouge_l", "bleu2")
    tagged = [f"<think>perhaps fire, perhaps not</think><answer>{text}</answer>" for text in SAID[:3]]
    assert values(plain) == values(scored(TEXT, samples, tagged, "rouge_l", "bleu2")) == {"rouge_l": 1.0, "bleu2": 1.0}


@pytest.mark.parametrize("kind", [TEXT, REASONING], ids=["text", "reasoning"])
def test_of_a_reflection_the_final_answer_counts(kind: Kind[Any]) -> None:
    first, last = "<answer>it rains on Sunday</answer>", f"<answer>{SAID[0]}</answer>"
    text = f"<think>so</think>{first}<reflect>not that</reflect><think>thus</think>{last}"
    reflected = scored(kind, [sample(0)], [text], "rouge_l")
    alone = scored(kind, [sample(0)], [f"<think>thus</think>{last}"], "rouge_l")
    assert values(reflected) == values(alone) and values(alone)["rouge_l"] != 0.0


def test_what_has_no_answer_counts_as_an_empty_text() -> None:
    samples = [sample(i) for i in range(4)]
    result = scored(TEXT, samples, [SAID[0], "", None, "<answer> </answer>"], "rouge_l")
    assert values(result) == {"rouge_l": 0.25} and result["metrics"]["rouge_l"]["n"] == 4


def test_each_metric_is_told_by_level_where_there_are_levels() -> None:
    samples = [sample(0, level="clip"), sample(1, level="clip"), sample(2, level="video")]
    told = values(scored(TEXT, samples, [SAID[0], "", SAID[2]], "rouge_l", "bleu1"))
    assert list(told) == ["rouge_l", "bleu1", "rouge_l@clip", "bleu1@clip", "rouge_l@video", "bleu1@video"]
    assert (told["rouge_l@clip"], told["rouge_l@video"], told["rouge_l"]) == (0.5, 1.0, pytest.approx(2 / 3))
    assert list(values(scored(TEXT, samples[:2], SAID[:2], "rouge_l"))) == ["rouge_l", "rouge_l@clip"]


@pytest.mark.usefixtures("small_wordnet")
def test_meteor_is_that_of_the_function_over_lists() -> None:
    samples = [sample(i, level="event") for i in range(3)]
    said = ["a man runs to the auto", "two cats sleep", ""]
    found = meteor(said, [[text] for text in SAID[:3]])
    assert isinstance(found, TextScores) and found.corpus > 0
    told = values(scored(TEXT, samples, said, "meteor"))
    assert told == {"meteor": pytest.approx(found.corpus), "meteor@event": pytest.approx(found.corpus)}


@pytest.mark.usefixtures("wordnet")
def test_a_metric_that_cannot_be_computed_here_says_why_and_the_others_are_there() -> None:
    result = scored(TEXT, [sample(0, level="clip")], [SAID[0]], "meteor", "rouge_l")
    assert list(result["metrics"]) == ["rouge_l", "rouge_l@clip"]
    assert "nltk.downloader wordnet" in result["unavailable"]["meteor"]


class Fake:
    """An embedder of one sentence a text, by the letter that it begins with."""

    model_id = "fake"

    def embed_sentences(self, texts: Sequence[str]) -> list[Any]:
        return [np.eye(128, dtype=np.float32)[[ord(text[0])]] if text else np.zeros((0, 128)) for text in texts]


def test_without_classes_an_embedding_has_no_floors_and_is_not_rescaled() -> None:
    plain = [replace(sample(i), target=Target(texts={"description": SAID[i]})) for i in range(3)]
    result = scored(TEXT, plain, [SAID[0], "what?", None], "embedding", embedder=Fake())
    assert list(result["metrics"]) == ["embedding_f", "embedding_precision", "embedding_recall"]
    assert values(result)["embedding_f"] == pytest.approx(1 / 3)
    assert result["floors"] == {} and result["embedder"] == "fake"
    labelled = scored(REASONING, [sample(i) for i in range(3)], SAID[:3], "embedding", embedder=Fake())
    assert set(labelled["floors"]) == {"same_class_f", "other_class_f"}
    assert values(labelled)["embedding_f_rescaled"] == 1.0


# A run.


@pytest.fixture
def run(unreleased: Path, tmp_path: Path) -> Callable[..., Path]:
    def run(*tasks: str) -> Path:
        options = Options("gold", tasks, data=unreleased, resamples=0)
        return evaluate(options, tmp_path / "runs", run_id="-".join(tasks)).path

    return run


def test_a_run_of_captions_is_scored_with_them_and_prints_them(
    run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run("hivau_captions", "vane_bench")
    (captions, questions) = score(path, text=("rouge_l", "bleu4"), resamples=0).tasks
    told = values(captions["text"])
    assert set(told) == {f"{n}{at}" for n in ("rouge_l", "bleu4") for at in ("", "@clip", "@event", "@video")}
    assert set(told.values()) == {1.0} and "text" not in questions
    assert captions["text"]["metrics"]["rouge_l@clip"]["n"] == 8
    monkeypatch.setattr(sys, "argv", ["vau-bench", "score", str(path), "--text", "rouge_l", "--resamples", "0"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code and "text: rouge_l@video 100.0" in capsys.readouterr().out


@pytest.mark.usefixtures("wordnet")
def test_the_table_says_why_a_metric_is_not_there(run: Callable[..., Path]) -> None:
    table = score(run("cuva_cause"), text=("meteor", "rouge_l"), resamples=0).table()
    assert "text: rouge_l 100.0" in table and "text: meteor - (METEOR needs WordNet" in table


def test_a_run_without_prose_and_a_metric_that_does_not_exist_are_told(run: Callable[..., Path]) -> None:
    path = run("vane_bench", "uca_grounding")
    before = (path / "results.json").read_bytes()
    with pytest.raises(UsageError, match=r"reasoning and text tasks; those of .* are of the kinds grounding, mcq"):
        score(path, text=("rouge_l",))
    with pytest.raises(UnknownNameError, match="unknown text metric 'rogue_l'; did you mean rouge_l"):
        score(path, text=("rogue_l",))
    assert (path / "results.json").read_bytes() == before
