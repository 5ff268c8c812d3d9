"""P(option): how likely each choice is as the answer, from the model's own likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

TAG, END = "<answer>", "</answer>"


def context_of(text: str) -> str:
    """Return what the model wrote before its last answer; nothing if it gave none."""
    return text[: max(text.rfind(TAG), 0)]


def option_scores(
    model: Any, tokenizer: Any, inputs: dict[str, Any], text: str, choices: Sequence[str]
) -> dict[str, float]:
    """Return P(choice) over the choices, given the prompt and what the model wrote before its last answer.

    The likelihood is that of the whole sequence `<answer>choice</answer>`, exact and not normalised by
    length: the end tag makes a choice that begins like another one comparable with it, and what all sequences
    share cancels in the softmax.

    Args:
        model: in evaluation mode.
        tokenizer: its tokenizer.
        inputs: of the prompt, a batch of one, on the model's device.
        text: what the model answered.
        choices: as the model is to write them.
    """
    import torch

    prompt = _extended(inputs, _ids(tokenizer, context_of(text), inputs["input_ids"]))
    length = prompt["input_ids"].shape[1]
    sequences = [_ids(tokenizer, f"{TAG}{choice}{END}", inputs["input_ids"]) for choice in choices]
    with torch.inference_mode():
        first = model(**prompt, use_cache=True, logits_to_keep=1)
        cache = first.past_key_values
        cache.batch_repeat_interleave(len(choices))
        padded = torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True)
        real = torch.nn.utils.rnn.pad_sequence([torch.ones_like(s) for s in sequences], batch_first=True)
        shift = _position_shift(model, prompt)
        positions = torch.arange(length, length + padded.shape[1], device=padded.device) + shift
        rest = model(
            input_ids=padded,
            attention_mask=torch.cat([prompt["attention_mask"].expand(len(choices), -1), real], dim=1),
            position_ids=positions.view(1, 1, -1).expand(3, len(choices), -1),
            past_key_values=cache,
            use_cache=True,
        )
        logits = torch.cat([first.logits.expand(len(choices), -1, -1), rest.logits[:, :-1]], dim=1)
        steps = torch.log_softmax(logits.float(), dim=-1).gather(-1, padded[..., None])[..., 0]
        scores = torch.softmax((steps * real).sum(dim=1), dim=0)
    return dict(zip(choices, scores.tolist(), strict=True))


def _ids(tokenizer: Any, text: str, like: Any) -> Any:
    import torch

    ids = tokenizer(text, add_special_tokens=False)["input_ids"] if text else []
    return torch.tensor(ids, dtype=like.dtype, device=like.device)


def _extended(inputs: dict[str, Any], ids: Any) -> dict[str, Any]:
    """Return the inputs with text tokens after them."""
    import torch

    if not len(ids):
        return inputs
    more = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "mm_token_type_ids": torch.zeros_like(ids),
    }
    return inputs | {
        name: torch.cat([inputs[name], row[None].to(inputs[name].dtype)], dim=1) for name, row in more.items()
    }


def _position_shift(model: Any, prompt: dict[str, Any]) -> int:
    """Return how far positions lag behind the place in the sequence: visual tokens share some."""
    if "image_grid_thw" not in prompt and "video_grid_thw" not in prompt:
        return 0
    return int(model.model.rope_deltas[0])
