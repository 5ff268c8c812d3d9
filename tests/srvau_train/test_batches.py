"""What a batch to learn from holds: which tokens bear loss, and that rows of mixed sizes keep to themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srvau_train.batches import IGNORED, response_tokens, sft_batch

pytest.importorskip("trl")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("training")]

RESPONSE = "<think>It is B.</think><answer>B</answer><reflect>No.</reflect><think>A.</think><answer>A</answer>"


@pytest.fixture(scope="module")
def tokenizer(tiny_qwen25_checkpoint):
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(tiny_qwen25_checkpoint).tokenizer


class TestWhatBearsLoss:
    @settings(max_examples=60, deadline=None)
    @given(at=st.integers(0, len(RESPONSE)))
    def test_no_token_that_begins_before_the_mark_does_and_all_others_do(self, tokenizer, at):
        tokens, loss = response_tokens(tokenizer, RESPONSE, at)
        learnt = tokenizer.decode([t for t, b in zip(tokens, loss, strict=True) if b][:-1])
        assert RESPONSE.endswith(learnt) and len(RESPONSE) - len(learnt) >= at
        assert tokens[-1] == tokenizer.eos_token_id and loss[-1], "the end of the turn is learnt"
        assert tokenizer.decode(tokens[:-1]) == RESPONSE

    @pytest.mark.parametrize("mode", ["video", "frames", "patches"])
    def test_the_prompt_and_padding_bear_none(self, dataset, make_rows, mode):
        rows = [replace(row, response=RESPONSE[: 30 * n], loss_from=9) for n, row in enumerate(make_rows(3), 1)]
        prepared, _, _ = dataset(rows, mode)
        features = [prepared[i] for i in range(3)]
        batch = sft_batch(features, pad=0)
        for row, f in enumerate(features):
            start = f.prompt.inputs["input_ids"].shape[1]
            labels = batch["labels"][row]
            assert (labels[:start] == IGNORED).all() and (labels[f.length :] == IGNORED).all()
            kept = labels[labels != IGNORED].tolist()
            assert kept == [t for t, b in zip(f.response, f.bears_loss, strict=True) if b]
            assert batch["attention_mask"][row].sum() == f.length

    @pytest.mark.parametrize("mode", ["video", "patches"])
    def test_a_batch_of_mixed_sizes_has_the_losses_of_its_rows_alone(self, dataset, make_rows, clips, mode):
        import torch

        prepared, model, _ = dataset(make_rows(4), mode, clips(sizes=(56, 84, 112)))
        features = [prepared[i] for i in range(4)]

        def losses(batch):
            with torch.no_grad():
                logits = model(**{k: v for k, v in batch.items() if k != "labels"}).logits
            each = torch.nn.functional.cross_entropy(
                logits[:, :-1].transpose(1, 2), batch["labels"][:, 1:], ignore_index=IGNORED, reduction="none"
            )
            return each.sum(1)

        together = losses(sft_batch(features, pad=0))
        alone = torch.cat([losses(sft_batch([f], pad=0)) for f in features])
        assert torch.allclose(together, alone, atol=1e-4)
