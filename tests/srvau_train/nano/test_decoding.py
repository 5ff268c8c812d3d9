"""Answers are written quickly, and are those that `generate` writes."""

from __future__ import annotations

import pytest

from srvau_train.nano.frames import Look
from srvau_train.nano.rows import prompt

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

LOOK = Look()


@pytest.fixture
def asked(model, made, features):
    """A batch of prompts, of several lengths, one of them twice, padded on the left."""
    from srvau_train.batches import visual_tensors

    rows = [prompt(n, kind, "reflect", LOOK) for n, kind in ((0, "mcq"), (1, "grounding"), (0, "mcq"), (2, "mcq"))]
    shown, pad = features(rows), made[1].tokenizer.pad_token_id
    width = max(f.prompt.inputs["input_ids"].shape[1] for f in shown)

    def padded(name, fill):
        rows = [f.prompt.inputs[name] for f in shown]
        return torch.cat([torch.nn.functional.pad(row, (width - row.shape[1], 0), value=fill) for row in rows])

    ids, types = padded("input_ids", pad), padded("mm_token_type_ids", 0)
    mask = padded("attention_mask", 0)
    assert mask.sum(1).unique().numel() > 1
    return {"input_ids": ids, "attention_mask": mask, "mm_token_type_ids": types, **visual_tensors(shown)}


@pytest.fixture
def config(model, made):
    def make(**changes):
        ends = model.generation_config.eos_token_id
        given = {"do_sample": False, "max_new_tokens": 24, "eos_token_id": ends, "top_k": 0, **changes}
        return transformers.GenerationConfig(pad_token_id=made[1].tokenizer.pad_token_id, **given)

    return make


def both(model, asked, config, **more):
    """Return what `generate` writes, and what is written quickly."""
    from srvau_train.nano.decoding import write_quickly

    model.eval()
    with torch.no_grad():
        usual = model.generate(**asked, generation_config=config, **more)
        write_quickly(model)
        return usual, model.generate(**asked, generation_config=config, **more)


@pytest.mark.parametrize("read_at_once", [64, 2, 1])
def test_the_greedy_answers_are_the_same(model, asked, config, monkeypatch, read_at_once) -> None:
    monkeypatch.setattr("srvau_train.nano.decoding._READ_AT_ONCE", read_at_once)
    usual, quick = both(model, asked, config())
    assert torch.equal(usual, quick) and quick.shape[1] == asked["input_ids"].shape[1] + 24


def test_rows_that_end_are_padded_and_dropped_while_others_go_on(model, asked, config) -> None:
    with torch.no_grad():
        free = model.eval().generate(**asked, generation_config=config())
    begin = asked["input_ids"].shape[1]
    ends = [int(free[1, begin + 3]), int(free[3, begin + 9])]  # whatever it writes there ends an answer now
    usual, quick = both(model, asked, config(eos_token_id=ends))
    assert torch.equal(usual, quick)
    assert any(int((row[begin:] == config().pad_token_id).sum()) for row in quick)


def test_what_is_suppressed_is_not_written(model, asked, config) -> None:
    usual, _ = both(model, asked, config())
    begin = asked["input_ids"].shape[1]
    banned = sorted(set(usual[:, begin:].flatten().tolist()))[:5]
    quick = model.generate(**asked, generation_config=config(suppress_tokens=banned))
    assert not set(quick[:, begin:].flatten().tolist()) & set(banned)


def test_processors_of_logits_see_all_rows_and_have_their_way(model, asked, config) -> None:
    seen = []

    def always_nine(tokens, scores):
        seen.append(tokens.shape)
        return torch.zeros_like(scores).index_fill_(1, torch.tensor([9]), 1.0)

    usual, quick = both(model, asked, config(max_new_tokens=3), logits_processor=[always_nine])
    assert torch.equal(usual, quick) and set(quick[:, -3:].flatten().tolist()) == {9}
    assert seen[:3] == seen[3:]


def test_samples_are_drawn_alike_from_the_same_seed_and_as_the_model_says(model, asked, config) -> None:
    from srvau_train.nano.decoding import write_quickly

    write_quickly(model.eval())
    begin = asked["input_ids"].shape[1]
    many = {k: v.repeat_interleave(16, 0) if v.dim() == 2 and len(v) == 4 else v for k, v in asked.items()}
    clips = len(asked["video_grid_thw"]) // 4
    rows = [i for row in range(4) for _ in range(16) for i in range(row * clips, (row + 1) * clips)]
    parts = asked["pixel_values_videos"].split(asked["video_grid_thw"].prod(1).tolist())
    many["second_per_grid_ts"] = torch.as_tensor(asked["second_per_grid_ts"])[rows]
    many |= {
        "video_grid_thw": asked["video_grid_thw"][rows],
        "pixel_values_videos": torch.cat([parts[i] for i in rows]),
    }
    sampled = config(do_sample=True, temperature=0.7, max_new_tokens=1)
    drawn = []
    for seed in (3, 3, *range(4, 24)):
        torch.manual_seed(seed)
        drawn.append(model.generate(**many, generation_config=sampled)[:, begin])
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[1], drawn[2])
    with torch.no_grad():
        told = torch.softmax(model(**asked).logits[:, -1] / 0.7, -1)
    found = torch.stack(drawn[1:]).view(-1, 4, 16).permute(1, 0, 2).flatten(1)
    for row in range(4):
        likeliest = told[row].topk(50)
        share = torch.isin(found[row], likeliest.indices).float().mean()
        assert abs(float(share) - float(likeliest.values.sum())) < 0.15


@pytest.mark.parametrize("changes", [{"num_beams": 2}, {"repetition_penalty": 1.3}, {"no_repeat_ngram_size": 2}])
def test_what_is_more_than_that_goes_the_usual_way(model, asked, config, changes) -> None:
    usual, quick = both(model, asked, config(max_new_tokens=6, **changes))
    assert torch.equal(usual, quick)
