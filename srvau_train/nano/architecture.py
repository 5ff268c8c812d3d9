"""An empty nano model: Qwen2.5-VL's architecture and processor at a few million parameters, and a tokenizer of its own.

The result loads with plain `AutoModelForImageTextToText` and `AutoProcessor`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from srvau_train.rocot import wording

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
TAGS = tuple(f"<{slash}{name}>" for name in ("think", "answer", "glue", "reflect") for slash in ("", "/"))

CHAT_TEMPLATE = """\
{%- for message in messages %}<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}{% else %}
{%- for part in message.content %}
{%- if part.type == 'video' %}<|vision_start|><|video_pad|><|vision_end|>
{%- elif part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>
{%- else %}{{ part.text }}{% endif %}
{%- endfor %}{% endif %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

_PLACE = rf"\b(?:on the (?:left|right)\b(?: side\b)?|{wording.PASSING}\b|{wording.NOWHERE}\b)"
_PIECES = (
    rf"\d+(?:\.\d+)?|\b[A-F]\b|{_PLACE}[:;,]*\s*|(?:(?!\b[A-F]\b|{_PLACE})[^\d<>:;.,?])+[:;,]*\s*|[:;.,?]+\s*|[<>]"
)
"""A number, the letter of an option and a place are pieces of their own, whatever stands beside them, so that a time is
the same token in question and answer; so is each clause, so that a frequent one can become one token."""


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a nano model.

    Attributes:
        hidden: width of the language model; a multiple of `heads`.
        layers: of the language model.
        heads: of its attention; half as many hold keys and values.
        feed: width of its feed-forward part.
        vision_hidden: width of the vision tower.
        vision_layers: of the vision tower.
        vision_heads: of its attention.
        vision_feed: width of its feed-forward part.
        patch: side of a patch in pixels.
        merge: patches a side that become one token.
        vocabulary: tokens at most.
    """

    hidden: int = 128
    layers: int = 4
    heads: int = 4
    feed: int = 352
    vision_hidden: int = 96
    vision_layers: int = 3
    vision_heads: int = 3
    vision_feed: int = 256
    patch: int = 16
    merge: int = 3
    vocabulary: int = 3600


def build_tokenizer(corpus: Iterable[str], vocabulary: int) -> Any:
    """Return a byte-level BPE tokenizer whose merges reach across words, up to whole clauses (as in arXiv 2503.13423).

    Every text can be written with it and is read back as it was.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    learner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=list(SPECIAL_TOKENS),
        show_progress=False,
    )
    learner.train_from_iterator(corpus, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=learner,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=[t for t in SPECIAL_TOKENS if t not in ("<|endoftext|>", "<|im_end|>")],
        padding_side="left",
        model_max_length=32768,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.add_tokens([AddedToken(tag, normalized=False) for tag in TAGS])
    for name, token in (("image_token", "<|image_pad|>"), ("video_token", "<|video_pad|>")):
        setattr(tokenizer, name, token)
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def build_processor(tokenizer: Any, size: Size) -> Any:
    """Return Qwen2.5-VL's processor for this tokenizer and patch size."""
    import transformers as t

    visual = {"patch_size": size.patch, "merge_size": size.merge, "temporal_patch_size": 2}
    return t.Qwen2_5_VLProcessor(
        t.Qwen2VLImageProcessor(**visual), tokenizer, t.Qwen2VLVideoProcessor(**visual), chat_template=CHAT_TEMPLATE
    )


def build_model(tokenizer: Any, size: Size, *, seed: int) -> Any:
    """Return the model with fresh weights: a linear layer's in proportion to 1/sqrt(inputs)."""
    import torch
    import transformers as t

    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIAL_TOKENS}
    half = size.hidden // size.heads // 2
    height = half * 3 // 8
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": size.hidden,
        "intermediate_size": size.feed,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.heads // 2,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": _THETA,
            "mrope_section": [half - 2 * height, height, height],
        },
    }
    vision = {
        "depth": size.vision_layers,
        "hidden_size": size.vision_hidden,
        "intermediate_size": size.vision_feed,
        "num_heads": size.vision_heads,
        "out_hidden_size": size.hidden,
        "patch_size": size.patch,
        "spatial_merge_size": size.merge,
        "temporal_patch_size": 2,
        "window_size": 1024,
        "fullatt_block_indexes": list(range(size.vision_layers)),
        "tokens_per_second": 2,
    }
    config = t.Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        tie_word_embeddings=True,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = t.Qwen2_5_VLForConditionalGeneration(config)
        _spread(model, size)
        _liken(model, tokenizer)
        _number(model, tokenizer, size)
        _look_back(model, size)
    model.generation_config = t.GenerationConfig(
        eos_token_id=[ids["<|im_end|>"], ids["<|endoftext|>"]], pad_token_id=ids["<|endoftext|>"]
    )
    return model


_QUIET = 0.4
"""What the language model's layers add at first, so that a token's embedding is still heard behind them."""


_ALIKE = 0.8
"""Of the embedding of a token with words, the share that it has in common with those of the same words."""


def _liken(model: Any, tokenizer: Any) -> None:
    """Let tokens that differ in blanks, punctuation or the unit of a time before them begin nearly alike.

    So a sight in a walk, behind its time, is found again where an option is said to look like it.
    """
    import torch

    weight = model.get_input_embeddings().weight
    same: dict[str, list[int]] = {}
    for place in range(len(tokenizer)):
        words = re.sub(r"^ s (?=\w)", "", tokenizer.decode([place])).strip(" :;,.")
        if re.search(r"[a-z]{2}", words):
            same.setdefault(words, []).append(place)
    with torch.no_grad():
        for places in same.values():
            common = weight[places[0]].clone()
            weight[places[1:]] = math.sqrt(_ALIKE) * common + math.sqrt(1 - _ALIKE) * weight[places[1:]]


def _number(model: Any, tokenizer: Any, size: Size) -> None:
    """Let embeddings fill half of the width, and give numbers waves of their value in most of that.

    So 7 is like 7.0 and near 7.5 from the first step, and what the first layer carries has a place of its own.
    """
    import torch

    weight = model.get_input_embeddings().weight
    half = size.hidden // 2
    rates = torch.exp(torch.linspace(math.log(0.15), math.log(3.0), half * 3 // 8))
    with torch.no_grad():
        weight[:, half:] = 0
        weight[:, :half] *= math.sqrt(2)
        for token, place in tokenizer.get_vocab().items():
            if re.fullmatch(r"\d+(\.\d+)?", token):
                angles = float(token) * rates
                weight[place, : 2 * len(rates)] = torch.cat([angles.sin(), angles.cos()]) * math.sqrt(2 / half)


_THETA = 1e6
"""Base of the rotary frequencies, Qwen's own: most of them hardly turn over a prompt, and so tell what, not where."""
_NEAR = 5.0
"""How sharply a head of the first layer looks at one place."""
_SHARP = 3.0
"""How sharply one of the second looks for what is alike."""
_TOLD = 0.5
"""How loudly it says what it has found."""


_BACK = (1, 3, 2, 4)
"""How many tokens the heads of the first layer look back; the first two share what they carry, and so do the others."""


def _look_back(model: Any, size: Size) -> None:
    """Let the first layer's heads look back so many tokens, and two of the second look up what they have carried.

    The one asks what has stood behind a token like this, the other where the two tokens before the last have stood
    one behind the other: an option that was repeated word by word is found again that way, and its letter with it.
    From there it is a short way to looking things up in the text; without it a model of this size finds none within
    its steps.
    """
    import torch

    layers = model.model.language_model.layers
    first, second = (layer.self_attn for layer in layers[:2])
    wide, embedded = size.hidden // size.heads, size.hidden // 2
    half, part = wide // 2, embedded // size.heads
    angles = _THETA ** (-torch.arange(half) / half)
    slow = [*range(half // 2, half), *range(half + half // 2, wide)]
    itself = [torch.nn.functional.pad(_orthogonal(part, embedded), (0, embedded)) for _ in range(size.heads // 2)]
    carried = torch.eye(size.hidden)[embedded:].split(part)
    with torch.no_grad():
        for projection in (first.q_proj, first.k_proj):
            projection.weight.mul_(0.1)
        for projection in (first.o_proj, layers[0].mlp.down_proj):
            projection.weight.mul_(0.25)
        for head, (distance, place) in enumerate(zip(_BACK, carried, strict=True)):
            begin = head * wide
            back = torch.cat([(angles * distance).cos(), -(angles * distance).sin()])
            first.q_proj.bias[begin : begin + wide] = _NEAR * back
            first.o_proj.weight[:, begin : begin + part] = place.T * size.hidden**-0.5
        for group, read in enumerate(itself):
            begin = group * wide
            first.k_proj.bias[begin : begin + half] = _NEAR
            first.v_proj.weight[begin : begin + part] = read
        for head, asked, found in (
            (0, [(slow, itself[0], carried[0])], [(itself[0], itself[0])]),
            (
                2,
                [(slow[::2], carried[2], itself[1]), (slow[1::2], carried[1], carried[0])],
                [(carried[1], itself[0]), (carried[3], itself[1])],
            ),
        ):
            group = head // 2
            query, key, value = (
                projection.weight[place * wide : (place + 1) * wide].zero_()
                for projection, place in ((second.q_proj, head), (second.k_proj, group), (second.v_proj, group))
            )
            for places, wanted, kept in asked:
                count = min(len(places), part)
                query[places[:count]], key[places[:count]] = wanted[:count] * _SHARP, kept[:count] * _SHARP
            told = second.o_proj.weight[:, head * wide : (head + 1) * wide]
            for place, (read, written) in enumerate(found):
                value[place * part : (place + 1) * part] = read
                told[:, place * part : (place + 1) * part] = written.T * _TOLD


def _orthogonal(rows: int, columns: int) -> Any:
    import torch

    return torch.linalg.qr(torch.randn(columns, rows))[0].T.contiguous()


def _spread(model: Any, size: Size) -> None:
    """Draw the weights anew; what adds to a residual stream begins small, the deeper the model the smaller."""
    import torch

    residual = ("o_proj", "down_proj", "attn.proj")
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv3d):
            std = module.weight[0].numel() ** -0.5
            if name.endswith(residual):
                std /= math.sqrt(2 * (size.vision_layers if "visual" in name else size.layers))
                std *= 1.0 if "visual" in name else _QUIET
            torch.nn.init.normal_(module.weight, std=std)
            if module.bias is not None:
                torch.nn.init.zeros_(module.bias)
        elif isinstance(module, torch.nn.Embedding):
            torch.nn.init.normal_(module.weight, std=size.hidden**-0.5)
