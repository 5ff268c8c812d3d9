"""Tiny Qwen-VL checkpoints with random weights and the real processors: offline, in seconds, 1 MB each.

    python tests/models/tiny_qwen.py OUTDIR [--family qwen2_5_vl]

`AutoProcessor` and `AutoModelForImageTextToText` load the folder as they load a published checkpoint.
"""

from __future__ import annotations

import argparse
from pathlib import Path

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)

CHAT_TEMPLATE = """\
{%- if messages[0].role != 'system' %}<|im_start|>system
You are a helpful assistant.<|im_end|>
{% endif %}
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

CORPUS = (
    "You are a helpful assistant. system user assistant",
    "Which anomaly does the video show, and when does it start and end in seconds?",
    "<think>The man runs across the road at 3.2 s.</think><answer>B</answer>",
    "<answer>Normal</answer><glue>[-1.0, -1.0]</glue><answer>Anomaly</answer><glue>[5.2, 10.4]</glue>",
    "<reflect>Was that right?</reflect> A. Fighting B. Robbery C. Road accident D. Normal",
)

HIDDEN = 64
VISION = 32
HEADS = 4
SPREAD = 0.15
"""Of the weights: wide enough that answers depend on pixels and positions, unlike with the usual 0.02."""

TEXT = {
    "hidden_size": HIDDEN,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": HEADS,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32768,
    "initializer_range": SPREAD,
}


def build(folder: Path, family: str = "qwen2_5_vl", *, seed: int = 0) -> Path:
    """Write a checkpoint of the family into the folder and return it."""
    import torch
    from transformers import AutoModelForImageTextToText, GenerationConfig

    if family not in FAMILIES:
        raise ValueError(f"unknown family {family!r}; one of {', '.join(FAMILIES)}")
    tokenizer = make_tokenizer()
    processor = _processor(family, tokenizer)
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIAL_TOKENS}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForImageTextToText.from_config(_config(family, len(tokenizer), ids))
    model.generation_config = GenerationConfig(
        eos_token_id=[ids["<|im_end|>"], ids["<|endoftext|>"]], pad_token_id=ids["<|endoftext|>"]
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def make_tokenizer(named: dict[str, str] | None = None, template: str = CHAT_TEMPLATE):
    """Return a byte-level BPE tokenizer of Qwen's class, with merges learnt from a few sentences.

    Args:
        named: special tokens by the attribute that holds them; default: those of Qwen-VL, without names.
        template: of a chat.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=sorted(alphabet), show_progress=False)
    learner.train_from_iterator(CORPUS, trainer)
    learnt = learner.get_vocab()
    merges = _merges(learner)
    vocab = {token: number for number, token in enumerate(sorted(learnt, key=learnt.__getitem__))}
    tokenizer = Qwen2Tokenizer(
        vocab={**vocab, "<|endoftext|>": len(vocab)},
        merges=merges,
        eos_token="<|im_end|>",
        extra_special_tokens=named or [t for t in SPECIAL_TOKENS if t not in ("<|endoftext|>", "<|im_end|>")],
        padding_side="left",
        model_max_length=32768,
    )
    tokenizer.chat_template = template
    return tokenizer


def _merges(learner) -> list[tuple[str, str]]:
    import json

    return [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]


def _processor(family: str, tokenizer):
    import transformers as t

    if family == "qwen3_vl":
        return t.Qwen3VLProcessor(
            t.Qwen2VLImageProcessor(patch_size=16),
            tokenizer,
            t.Qwen3VLVideoProcessor(),
            chat_template=CHAT_TEMPLATE,
        )
    kind = t.Qwen2VLProcessor if family == "qwen2_vl" else t.Qwen2_5_VLProcessor
    return kind(t.Qwen2VLImageProcessor(), tokenizer, t.Qwen2VLVideoProcessor(), chat_template=CHAT_TEMPLATE)


def _config(family: str, vocab_size: int, ids: dict[str, int]):
    import transformers as t

    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]}
    text = {
        **TEXT,
        "vocab_size": vocab_size,
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "rope_parameters": rope,
    }
    tokens = {
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
    }
    if family == "qwen2_vl":
        vision = {
            "depth": 2,
            "embed_dim": VISION,
            "hidden_size": HIDDEN,
            "num_heads": 2,
            "initializer_range": SPREAD,
            "mlp_ratio": 2,
        }
        return t.Qwen2VLConfig(text_config=text, vision_config=vision, **tokens)
    if family == "qwen2_5_vl":
        vision = {
            "depth": 2,
            "hidden_size": VISION,
            "out_hidden_size": HIDDEN,
            "intermediate_size": 48,
            "num_heads": 2,
            "initializer_range": SPREAD,
            "fullatt_block_indexes": [1],
            "tokens_per_second": 2,
        }
        return t.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **tokens)
    vision = {
        "depth": 2,
        "hidden_size": VISION,
        "out_hidden_size": HIDDEN,
        "intermediate_size": 48,
        "num_heads": 2,
        "initializer_range": SPREAD,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0],
    }
    return t.Qwen3VLConfig(text_config={**text, "head_dim": HIDDEN // HEADS}, vision_config=vision, **tokens)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--family", choices=FAMILIES, default="qwen2_5_vl")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(build(arguments.outdir, arguments.family, seed=arguments.seed))


if __name__ == "__main__":
    main()
