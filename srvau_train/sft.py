"""Supervised fine-tuning on rows: TRL's trainer with batches of our own."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Sampler
from trl import SFTConfig, SFTTrainer

from srvau_train.batches import (
    IGNORED,
    ClipSource,
    DecodedHere,
    ExampleDataset,
    PromptBuilder,
    check_rows,
    family_of_model,
    input_builder,
    load_base,
    sft_batch,
)
from srvau_train.checkpoints import FINAL, MetricsLog, WholeCheckpoints, claim, finish, keep_off_stdout, latest
from srvau_train.config import Steps, TrainConfig
from srvau_train.examples import Example
from srvau_train.profile import Profiled
from srvau_train.skips import CountsSkips, SkipCount
from srvau_train.sources import training_rows

SKIPPED = "skipped_rows"


class Collator:
    """Turns row numbers into a batch, within the workers of the data loader."""

    def __init__(self, rows: ExampleDataset, pad: int) -> None:
        self._rows = rows
        self._pad = pad

    def __call__(self, numbers: Sequence[dict[str, int]]) -> dict[str, Any]:
        """Return the batch, and under `SKIPPED` the rows that are not in it; without any, no label bears loss."""
        import torch

        items = [self._rows[number["row"]] for number in numbers]
        shown = [item for item in items if hasattr(item, "prompt")]
        batch = sft_batch(shown, self._pad) if shown else {"labels": torch.full((1, 2), IGNORED)}  # type: ignore[arg-type]
        return {**batch, SKIPPED: [item for item in items if not hasattr(item, "prompt")], "rows": len(items)}


class LengthGroups(Sampler):  # type: ignore[misc]
    """Orders rows so that those of a batch are of like length, and batches come in no order.

    transformers' own sampler goes through each stretch of rows from the longest to the shortest: where long rows are of
    one kind and short ones of another, such as chains and answers, the model forgets one over the other.

    Args:
        lengths: of the rows.
        batch: rows of a step's batch, over all processes.
        seed: of the order; each epoch has another.
    """

    STRETCH = 50
    """Batches that are sorted together."""

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self._lengths = list(lengths)
        self._batch = batch
        self._seed = seed
        self._epoch = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._lengths)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        """Yield each row once; only the last batch may be short."""
        draw = random.Random(f"{self._seed}/{self._epoch}")
        rows = draw.sample(range(len(self)), len(self))
        short = rows[len(rows) - len(rows) % self._batch :]
        rows = rows[: len(rows) - len(short)]
        stretch = self._batch * self.STRETCH
        for start in range(0, len(rows), stretch):
            near = sorted(rows[start : start + stretch], key=self._lengths.__getitem__)
            batches = [near[i : i + self._batch] for i in range(0, len(near), self._batch)]
            draw.shuffle(batches)
            for batch in batches:
                yield from batch
        yield from short


class VideoSFTTrainer(WholeCheckpoints, Profiled, CountsSkips, SFTTrainer):  # type: ignore[misc]
    """TRL's trainer, which counts rows that cannot be shown and keeps whole checkpoints."""

    muon_rate: float | None = None

    def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        """Return Muon, if its rate is set, or what transformers makes."""
        if self.muon_rate is None:
            return super().create_optimizer(*args, **kwargs)
        from srvau_train.muon import Muon

        rate, decay = self.args.learning_rate, self.args.weight_decay
        betas = (self.args.adam_beta1, self.args.adam_beta2)
        self.optimizer = Muon(self.model, lr=rate, muon_lr=self.muon_rate, weight_decay=decay, betas=betas)
        return self.optimizer

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(*args, **kwargs)
        size = self.args.train_batch_size * self.accelerator.num_processes
        return LengthGroups(self.train_dataset["length"], size, self.args.seed)

    def _prepare_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        self.skips.count(inputs.pop("rows"), inputs.pop(SKIPPED))
        prepared: dict[str, Any] = super()._prepare_inputs(inputs)
        return prepared

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Return the mean over the tokens of the step that bear loss; a batch of which nothing was shown adds none."""
        if "input_ids" not in inputs:
            return sum(p.sum() for p in model.parameters() if p.requires_grad) * 0.0
        return super().compute_loss(model, inputs, *args, **kwargs)


def train_sft(
    config: TrainConfig,
    out: Path,
    *,
    rows: Sequence[Example] | None = None,
    clips: ClipSource | None = None,
    model: Any = None,
    processor: Any = None,
    builder: PromptBuilder | None = None,
    callbacks: Sequence[Any] = (),
    bar: bool = True,
) -> Path:
    """Train, or go on where it stopped, and return the folder of the finished checkpoint.

    Args:
        config: of the training.
        out: its folder.
        rows: to train on; default: what `config.data` names.
        clips: where frames come from; default: the video files.
        model: to train; default: the checkpoint that the configuration names.
        processor: of the model.
        builder: of the prompts; default: as the configuration says.
        callbacks: of transformers' trainer.
        bar: show one of steps.

    Raises:
        UsageError: for a configuration that cannot be.
        DataError: for rows that may not be trained on.
        ModelError: for a checkpoint that cannot be trained, a loss that is no number, or too many rows without video.
        RunError: if the folder belongs to another training or cannot be written.
    """
    if (out / FINAL).is_dir():
        claim(out, config)
        return out / FINAL
    given = list(rows) if rows is not None else training_rows(config.data, responses=True)
    check_rows(given, responses=True)
    if model is None:
        model, processor, family = load_base(config.model)
    else:
        family = family_of_model(model)
    claim(out, config)
    builder = builder or input_builder(processor, model, family, config.data)
    dataset = ExampleDataset(given, builder, processor.tokenizer, clips or DecodedHere())
    prepare_weights(model, config)
    trainer = _trainer(config, out, model, processor, dataset, callbacks)
    keep_off_stdout(trainer, bar=bar)
    last = latest(out)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    trainer.tell_skipped()
    return finish(trainer, out, processor, model_arguments=arguments(config))


def _trainer(
    config: TrainConfig, out: Path, model: Any, processor: Any, dataset: ExampleDataset, callbacks: Sequence[Any]
) -> VideoSFTTrainer:
    from datasets import Dataset

    sft = config.sft
    table = Dataset.from_dict({"row": list(range(len(dataset))), "length": dataset.lengths()})
    trainer = VideoSFTTrainer(
        model=model,
        args=SFTConfig(
            **step_arguments(config, sft, out),
            num_train_epochs=sft.epochs,
            max_steps=sft.max_steps or -1,
            per_device_train_batch_size=sft.batch_size,
            gradient_accumulation_steps=sft.accumulation,
            train_sampling_strategy="group_by_length" if sft.group_by_length else "random",
            length_column_name="length",
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
        ),
        train_dataset=table,
        data_collator=Collator(dataset, _pad(processor)),
        processing_class=processor,
        peft_config=lora(config),
        callbacks=[MetricsLog(out), *callbacks],
    )
    trainer.skips, trainer.kept = SkipCount(config.data.most_skipped), sft.keep
    trainer.muon_rate = sft.muon_rate if sft.optimizer == "muon" else None
    return trainer


def step_arguments(config: TrainConfig, steps: Steps, out: Path) -> dict[str, Any]:
    """Return the arguments that both trainings give to transformers."""
    import torch

    on_cpu = config.model.device == "cpu" or not torch.cuda.is_available()
    workers = config.data.workers
    return {
        "output_dir": str(out),
        "learning_rate": steps.learning_rate,  # type: ignore[attr-defined]
        "lr_scheduler_type": "constant_with_warmup" if steps.schedule == "constant" else steps.schedule,
        "warmup_steps": steps.warmup_share,
        "weight_decay": steps.weight_decay,
        "adam_beta2": steps.adam_beta2,
        "max_grad_norm": steps.max_grad_norm,
        "bf16": steps.bf16 and not on_cpu,
        "use_cpu": on_cpu,
        "gradient_checkpointing": config.model.gradient_checkpointing,
        "logging_steps": steps.log_every,
        "logging_nan_inf_filter": False,
        "save_steps": steps.save_every,
        "save_strategy": "steps",
        "seed": steps.seed,
        "dataloader_num_workers": workers,
        "dataloader_prefetch_factor": 2 if workers else None,
        "dataloader_persistent_workers": workers > 0,
        "dataloader_pin_memory": not on_cpu,
        "remove_unused_columns": False,
        "report_to": list(config.report_to) or "none",
        "disable_tqdm": None,
    }


def prepare_weights(model: Any, config: TrainConfig) -> None:
    """Freeze what stays as it is."""
    model.train()
    model.config.use_cache = False
    if config.model.freeze_vision:
        model.model.visual.requires_grad_(False)
        # with gradient checkpointing transformers lets the embeddings of each part require gradients: of the tower's
        # patches, too, and with these all of the tower would keep its activations
        model.model.visual.get_input_embeddings = lambda: None


def lora(config: TrainConfig) -> Any:
    """Return the adapters' configuration, `None` where all weights are trained."""
    if config.model.method == "full":
        return None
    from peft import LoraConfig

    own = config.model.lora
    return LoraConfig(
        r=own.r,
        lora_alpha=own.alpha,
        lora_dropout=own.dropout,
        target_modules=config.model.adapted,
        task_type="CAUSAL_LM",
    )


def arguments(config: TrainConfig) -> dict[str, Any]:
    """Return the arguments of `qwen_vl` that show a clip as in this training."""
    data = config.data
    return {
        "mode": data.mode,
        "tell_times": data.tell_times,
        "max_pixels": data.max_pixels,
        "min_pixels": data.min_pixels,
        "total_pixels": data.total_pixels,
        **({"frames": data.frames} if data.frames else {}),
        "style": data.style,
    }


def _pad(processor: Any) -> int:
    tokenizer = processor.tokenizer
    return int(tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id)
