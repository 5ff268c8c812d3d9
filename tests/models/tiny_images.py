"""Tiny image-text checkpoints with random weights and the real processors: offline, in seconds, 1 MB each."""

from __future__ import annotations

from pathlib import Path

from tiny_qwen import SPREAD, TEXT, make_tokenizer

FAMILIES = ("internvl", "llava_onevision", "smolvlm")
SIDE, PATCH = 28, 14

_TURNS = """\
{%- for message in messages %}<|im_start|>{{ message.role }}
PARTS<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
_INTERLEAVED = """\
{%- for part in message.content %}
{%- if part.type == 'image' %}IMAGE{% else %}{{ part.text }}{% endif %}
{%- endfor %}"""
_IMAGES_FIRST = """\
{%- for part in message.content if part.type == 'image' %}IMAGE{% endfor %}
{%- for part in message.content if part.type == 'text' %}{{ part.text }}{% endfor %}"""
"""As the published templates of LLaVA-OneVision have it."""


def build(folder: Path, family: str, *, seed: int = 0) -> Path:
    """Write a checkpoint of the family into the folder and return it."""
    import torch
    from transformers import AutoModelForImageTextToText, GenerationConfig

    processor, config = {"internvl": _internvl, "llava_onevision": _llava_onevision, "smolvlm": _smolvlm}[family]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForImageTextToText.from_config(config)
    end = processor.tokenizer.convert_tokens_to_ids("<|im_end|>")
    model.generation_config = GenerationConfig(eos_token_id=end, pad_token_id=end)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _tokenizer(parts: str, **named: str):
    template = _TURNS.replace("PARTS", parts).replace("IMAGE", next(iter(named.values())))
    return make_tokenizer({**named, "turn_token": "<|im_start|>"}, template)


def _text(tokenizer) -> dict:
    ends = tokenizer.convert_tokens_to_ids("<|im_end|>")
    return {**TEXT, "vocab_size": len(tokenizer), "eos_token_id": ends, "bos_token_id": ends, "pad_token_id": ends}


_VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "patch_size": PATCH,
    "initializer_range": SPREAD,
}


def _internvl():
    import transformers as t

    tokenizer = _tokenizer(
        _INTERLEAVED, context_image_token="<IMG_CONTEXT>", start_image_token="<img>", end_image_token="</img>",
        video_token="<video>",
    )  # fmt: skip
    size = {"height": SIDE, "width": SIDE}
    processor = t.InternVLProcessor(
        t.GotOcr2ImageProcessor(size=size), tokenizer, t.InternVLVideoProcessor(size=size), image_seq_length=1,
        chat_template=tokenizer.chat_template,
    )  # fmt: skip
    config = t.InternVLConfig(
        vision_config={**_VISION, "image_size": [SIDE, SIDE], "patch_size": [PATCH, PATCH]},
        text_config={"model_type": "qwen2", **_text(tokenizer)},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=1,
    )
    return processor, config


def _llava_onevision():
    import transformers as t

    tokenizer = _tokenizer(_IMAGES_FIRST, image_token="<image>", video_token="<video>")
    size = {"height": SIDE, "width": SIDE}
    pinpoints = [[SIDE, SIDE], [2 * SIDE, 2 * SIDE]]
    processor = t.LlavaOnevisionProcessor(
        t.LlavaOnevisionImageProcessor(size=size, image_grid_pinpoints=pinpoints),
        tokenizer,
        t.LlavaOnevisionVideoProcessor(size=size),
        num_image_tokens=(SIDE // PATCH) ** 2,
        vision_feature_select_strategy="full",
        chat_template=tokenizer.chat_template,
    )
    config = t.LlavaOnevisionConfig(
        vision_config={"model_type": "siglip_vision_model", **_VISION, "image_size": SIDE, "vision_use_head": False},
        text_config={"model_type": "qwen2", **_text(tokenizer)},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<video>"),
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        image_grid_pinpoints=pinpoints,
    )
    return processor, config


def _smolvlm():
    import transformers as t

    tokenizer = _tokenizer(
        _INTERLEAVED, image_token="<image>", fake_image_token="<fake_token_around_image>",
        end_of_utterance_token="<|im_end|>", global_image_token="<global-img>", video_token="<video>",
    )  # fmt: skip
    size = {"longest_edge": 16}
    processor = t.SmolVLMProcessor(
        t.SmolVLMImageProcessor(size=size, max_image_size=size),
        tokenizer,
        t.SmolVLMVideoProcessor(size=size, max_image_size=size),
        image_seq_len=4,
        chat_template=tokenizer.chat_template,
    )
    config = t.SmolVLMConfig(
        # transformers takes the patch size for the tokens of an image
        vision_config={**_VISION, "image_size": 16, "patch_size": 4},
        text_config={"model_type": "llama", **_text(tokenizer)},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    return processor, config
