"""Train a randomly initialised Qwen2.5-VL on a GPU for a few steps: does it run, and what does it cost?

    python tests/gpu/check_training.py [--size 3b] [--out DIR]

Needs no download: the shape is Qwen2.5-VL-3B's, the weights are random, the clips are drawn. It says nothing about
learning; it checks that the trainers run on CUDA in bfloat16 and prints memory and seconds. `--size tiny` runs
anywhere, slowly without a GPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
warnings.simplefilter("ignore")

SHAPES = {
    "3b": {"hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16,
           "num_key_value_heads": 2},
    "tiny": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 2},
}  # fmt: skip
VISION = {
    "3b": {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 2048},
    "tiny": {"depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": 64},
}
VOCABULARY = 151_936


def build(size: str, processor, device: str):
    import torch
    import transformers as t

    ids = {name: processor.tokenizer.convert_tokens_to_ids(name) for name in processor.tokenizer.all_special_tokens}
    half = SHAPES[size]["hidden_size"] // SHAPES[size]["num_attention_heads"] // 2
    config = t.Qwen2_5_VLConfig(
        text_config={
            **SHAPES[size], "vocab_size": VOCABULARY if size != "tiny" else len(processor.tokenizer),
            "tie_word_embeddings": True, "max_position_embeddings": 32768,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6,
                                "mrope_section": [half - 2 * (half * 3 // 8), half * 3 // 8, half * 3 // 8]},
        },
        vision_config={**VISION[size], "tokens_per_second": 2, "window_size": 112,
                       "fullatt_block_indexes": [7, 15, 23, 31] if size == "3b" else [1]},
        tie_word_embeddings=True,
        image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"],
    )  # fmt: skip
    with torch.device(device):
        model = t.Qwen2_5_VLForConditionalGeneration(config)
    model.generation_config = t.GenerationConfig(
        eos_token_id=ids["<|im_end|>"], pad_token_id=processor.tokenizer.pad_token_id
    )
    return model


class Drawn:
    """Draws the clip that a row asks for."""

    def load(self, path: Path, plan: str):
        from vau_bench.synth import render_at, scene_at
        from vau_bench.video.clip import Clip, VideoInfo

        times = tuple(k / 2 for k in range(32))
        frames = render_at(scene_at("train", int(path.stem.rpartition("-")[2])), times, (448, 336))
        return Clip(frames, tuple(range(32)), times, VideoInfo(path, 0, 16.0, 32, 448, 336, 2.0, "drawn", 0, False))


def rows(count: int, *, responses: bool):
    from srvau_train.examples import Example, answer_of, request_of, truth_of
    from vau_bench.catalogue import Catalogue
    from vau_bench.synth import samples

    task = Catalogue().get("vau_synth_grounding")
    kind = task.kind(task.read(None, "train"))
    found = []
    for sample in samples("train", count):
        request = request_of(task, kind, sample, "reflect", video=Path(sample.video), plan="fps(2, max=32)")
        response = None
        if responses:
            answer = answer_of(sample, "grounding")
            words = "The picture shows a street; nothing stands out before the marked time. " * 6
            response = f"<think>{words}</think>{answer}<reflect>{words}</reflect><think>{words}</think>{answer}"
        found.append(Example(request, truth_of(sample, "grounding", kind.classes), response))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", choices=SHAPES, default="3b")
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--stages", default="sft-lora,sft-full,grpo-lora,grpo-full")
    options = parser.parse_args()
    import tiny_qwen
    import torch
    from transformers import AutoProcessor, TrainerCallback

    from srvau_train.config import TrainConfig
    from srvau_train.grpo import train_grpo
    from srvau_train.sft import train_sft

    cuda = torch.cuda.is_available()
    work = options.out or Path(tempfile.mkdtemp())
    processor = AutoProcessor.from_pretrained(tiny_qwen.build(work / "processor", "qwen2_5_vl"))

    class Clock(TrainerCallback):
        def __init__(self):
            self.begin, self.seconds = 0.0, []

        def on_step_begin(self, *_, **__):
            self.begin = time.perf_counter()

        def on_step_end(self, *_, **__):
            if cuda:
                torch.cuda.synchronize()
            self.seconds.append(time.perf_counter() - self.begin)

    for stage in options.stages.split(","):
        trainer, _, method = stage.partition("-")
        torch.manual_seed(0)
        if cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        model = build(options.size, processor, "cuda" if cuda else "cpu")
        parameters = sum(p.numel() for p in model.parameters())
        if method == "lora" and cuda:
            model.to(torch.bfloat16)
        config = TrainConfig.parse({
            "model": {"checkpoint": "random", "method": method, "gradient_checkpointing": True,
                      "device": "auto" if cuda else "cpu"},
            "data": {"mode": "video", "frames": "fps(2, max=32)", "max_pixels": 448 * 336, "min_pixels": 56 * 56,
                     "workers": 4 if cuda else 0},
            "sft": {"max_steps": 6, "batch_size": 2, "accumulation": 2, "log_every": 1, "save_every": 1000,
                    "learning_rate": 1e-5},
            "grpo": {"steps": 3, "prompts": 2, "rollouts": 4, "micro_batch": 4, "max_new_tokens": 128, "beta": 0.0,
                     "log_every": 1, "save_every": 1000},
        })  # fmt: skip
        clock = Clock()
        train = train_sft if trainer == "sft" else train_grpo
        train(config, work / stage, rows=rows(24, responses=trainer == "sft"), clips=Drawn(), model=model,
              processor=processor, callbacks=[clock])  # fmt: skip
        lines = [json.loads(line) for line in (work / stage / "metrics.jsonl").read_text().splitlines()]
        told = {
            "stage": stage, "parameters": parameters,
            "seconds_a_step": round(sorted(clock.seconds)[len(clock.seconds) // 2], 3),
            "first_step": round(clock.seconds[0], 3),
            "peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2) if cuda else None,
            "loss": [line["loss"] for line in lines if "loss" in line], "tokens": lines[-2].get("num_tokens"),
            "grad_norm": [round(line["grad_norm"], 3) for line in lines if "grad_norm" in line],
            "generate": [round(line["seconds/generate"], 2) for line in lines if "seconds/generate" in line],
            "device": torch.cuda.get_device_name() if cuda else "cpu",
        }  # fmt: skip
        print(json.dumps(told), flush=True)
        del model


if __name__ == "__main__":
    main()
