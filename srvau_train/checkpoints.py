"""Checkpoints that are whole or not there, a log that survives a restart, and a stop where the loss is no number.

config.yaml       the effective configuration; another one needs another folder
metrics.jsonl     a line each few steps
checkpoint-N/     to go on from; `complete` is written last
final/            the result, loadable by transformers alone
"""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError
from transformers import PrinterCallback, ProgressCallback, TrainerCallback

from srvau_train.config import TrainConfig
from vau_bench.errors import ModelError, RunError, UsageError

COMPLETE, FINAL, METRICS, CONFIG = "complete", "final", "metrics.jsonl", "config.yaml"
_NO_SPACE = "no space left on device"
_TORCH_WRITER = "inline_container"  # in what torch says when the disk took less than was written
_FAILED_WRITES = (OSError, RuntimeError, SafetensorError)  # torch and safetensors wrap what the disk says


class WholeCheckpoints:
    """Mixin in front of a `Trainer`: marks a checkpoint when it is whole, then removes the oldest ones.

    Attributes:
        kept: how many stay.
    """

    kept: int = 2

    args: Any
    state: Any
    accelerator: Any

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder = Path(self.args.output_dir)
        target = folder / f"checkpoint-{self.state.global_step}"
        last = latest(folder)
        rest = f"{last.name} is whole: the same command goes on from it" if last else "there is none before it"
        try:
            with disk(target, rest):
                super()._save_checkpoint(model, trial)  # type: ignore[misc]
                self.accelerator.wait_for_everyone()  # each process writes its own part
                if self.args.should_save:
                    (target / COMPLETE).write_text("")
        except RunError:
            shutil.rmtree(target, ignore_errors=True)
            raise
        if self.args.should_save:
            for old in _complete(folder)[: -self.kept]:
                shutil.rmtree(old, ignore_errors=True)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load the weights under the names that the model has in memory.

        A checkpoint holds them under the names of the hub; transformers' trainer only warns that they do not fit, and
        would go on from the first weights.
        """
        import transformers

        own = model if model is not None else self.model  # type: ignore[attr-defined]
        whole = Path(resume_from_checkpoint) / "config.json"
        if not isinstance(own, transformers.PreTrainedModel) or not whole.is_file():
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        saved = type(own).from_pretrained(resume_from_checkpoint, dtype=own.dtype, device_map="cpu")
        own.load_state_dict(saved.state_dict())

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """Do a step; a loss that is no number ends the training before it spoils the weights."""
        loss = super().training_step(*args, **kwargs)  # type: ignore[misc]
        if not math.isfinite(float(loss)):
            raise ModelError(
                f"the loss is {float(loss)} at step {self.state.global_step + 1}; the checkpoints before it are whole. "
                "Lower the learning rate, or look at the rows of this step"
            )
        return loss

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write none: the card belongs to the finished model."""


class MetricsLog(TrainerCallback):  # type: ignore[misc]
    """Appends what is logged to `metrics.jsonl`; a line of a step that is done again is taken out first."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / METRICS

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take out the lines behind the step that is gone on from."""
        if state.is_world_process_zero and self._path.exists():
            lines = [line for line in self._path.read_text("utf-8").splitlines() if _step_of(line) <= state.global_step]
            partial = self._path.with_suffix(".partial")
            partial.write_text("".join(f"{line}\n" for line in lines), "utf-8")
            partial.replace(self._path)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Append a line."""
        if state.is_world_process_zero and logs:
            with disk(self._path, "the same command goes on"), self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": state.global_step, **logs}, default=float) + "\n")


class _Bar(ProgressCallback):  # type: ignore[misc]
    """A bar of steps on stderr; what is logged is not printed."""

    def on_log(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing."""


def keep_off_stdout(trainer: Any, *, bar: bool) -> None:
    """Leave stdout to results: what is logged goes to `metrics.jsonl` alone, and steps, where asked for, to a bar."""
    for told in (ProgressCallback, PrinterCallback):
        trainer.remove_callback(told)
    if bar:
        trainer.add_callback(_Bar())


@contextmanager
def disk(path: Path, then: str = "the same command tries again") -> Iterator[None]:
    """Turn what a disk says while `path` is written, also through torch and safetensors, into one sentence.

    Raises:
        RunError: if it cannot be written.
    """
    try:
        yield
    except _FAILED_WRITES as error:
        if not _about_disk(error):
            raise
        raise RunError(f"cannot write {path}: {_reason(error)}; {then}") from error


def latest(folder: Path) -> Path | None:
    """Return the newest whole checkpoint."""
    found = _complete(folder)
    return found[-1] if found else None


def claim(out: Path, config: TrainConfig) -> None:
    """Make the folder of a training, or see that it belongs to the same configuration.

    A field that its configuration does not know yet has the default.

    Raises:
        RunError: if it holds another training, or cannot be written.
    """
    path, text = out / CONFIG, config.dump()
    try:
        if path.exists() and not _same(path.read_text("utf-8"), config):
            raise RunError(f"{out} holds a training of another configuration; choose another --out")
        out.mkdir(parents=True, exist_ok=True)
        # several processes of one training may claim it at once
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(text, "utf-8")
        partial.replace(path)
    except OSError as error:
        raise RunError(f"cannot write {out}: {error.strerror}") from None
    for half in out.glob("checkpoint-*"):
        if not (half / COMPLETE).exists():
            shutil.rmtree(half, ignore_errors=True)


def _same(text: str, config: TrainConfig) -> bool:
    try:
        return TrainConfig.parse(yaml.safe_load(text)) == config
    except (UsageError, yaml.YAMLError):
        return False


def finish(trainer: Any, out: Path, processor: Any, *, model_arguments: dict[str, Any]) -> Path:
    """Write a trainer's result by one of its processes, while the others wait, and return its folder.

    Raises:
        RunError: if it cannot be written.
    """
    accelerator = trainer.accelerator
    spread = str(accelerator.distributed_type).rpartition(".")[2] in ("DEEPSPEED", "FSDP")
    model = accelerator.unwrap_model(trainer.model)
    gathered = accelerator.get_state_dict(trainer.model) if spread and not hasattr(model, "merge_and_unload") else None
    if accelerator.is_main_process:
        save_final(out, model, processor, model_arguments=model_arguments, weights=gathered)
    accelerator.wait_for_everyone()
    return out / FINAL


def save_final(
    out: Path, model: Any, processor: Any, *, model_arguments: dict[str, Any], weights: dict[str, Any] | None = None
) -> Path:
    """Write the result under its name only when it is whole.

    Args:
        out: the folder of the training.
        model: adapters are merged into it.
        processor: with the chat template.
        model_arguments: of `qwen_vl`, with which it was trained; written as `vau_bench.json`.
        weights: to save instead of the model's own, where these are spread over processes.

    Raises:
        RunError: if it cannot be written.
    """
    merged = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
    partial, final = out / f"{FINAL}.partial", out / FINAL
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with disk(final):
            merged.save_pretrained(partial, state_dict=weights)
            processor.save_pretrained(partial)
            (partial / "vau_bench.json").write_text(json.dumps(model_arguments, indent=2) + "\n")
            partial.rename(final)
    except RunError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return final


def _complete(folder: Path) -> list[Path]:
    found = [path.parent for path in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return sorted(found, key=lambda path: int(path.name.partition("-")[2]))


def _step_of(line: str) -> int:
    with suppress(ValueError, KeyError, TypeError):
        return int(json.loads(line)["step"])
    return 1 << 62  # a torn line


def _about_disk(error: Exception) -> bool:
    text = str(error).lower()
    signs = (_NO_SPACE, "os error", "i/o error", "iostream", "file write", "disk", _TORCH_WRITER)
    return isinstance(error, OSError) or any(words in text for words in signs)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if _NO_SPACE in str(error).lower():
        return os.strerror(errno.ENOSPC)
    if _TORCH_WRITER in str(error):
        return "the disk did not take all of it; it may be full"
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
