"""Finding, fingerprinting and loading a checkpoint on this machine; heavy imports wait for the loading."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from vau_bench.errors import MissingExtraError, ModelError, UsageError

_PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json")
_TOKENIZER_FILES = ("tokenizer.json", "vocab.json")
_WEIGHTS = (".safetensors", ".bin")
_DOCUMENTS = {".md", ".svg", ".png", ".jpg", ".jpeg", ".gif", ".pdf"}
"""What is written about a checkpoint, such as its card with its plots: another one is no other model."""
_SAMPLES, _SAMPLE_BYTES = 64, 4096


@dataclass(frozen=True)
class Source:
    """Where a checkpoint, or its processor, comes from.

    Attributes:
        name: a folder or the hub's id.
        revision: the commit on the hub; `None` for a folder.
        config: the folder's or commit's `config.json`.
        offline: whether the hub must not be asked.
    """

    name: str
    revision: str | None
    config: dict[str, Any]
    offline: bool = False

    @property
    def folder(self) -> Path | None:
        """The local folder, if it is one."""
        return None if self.revision else Path(self.name)


def find(checkpoint: str, revision: str | None = None, *, offline: bool = False) -> Source:
    """Return where a checkpoint is, without loading it.

    Raises:
        ModelError: if there is none, or it is not a whole checkpoint.
        UsageError: if a revision is asked of a folder.
    """
    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise UsageError(f"revision={revision} needs an id on the hub; {checkpoint} is a folder")
        return Source(str(folder), None, _local_config(folder))
    if checkpoint.startswith((".", "/", "~")) or checkpoint.count("/") != 1 or folder.exists():
        raise ModelError(f"no checkpoint folder {checkpoint}")
    return _on_hub(checkpoint, revision, offline)


def fingerprint(source: Source) -> str:
    """Return what changes when the checkpoint does: the hub's commit, or a hash of the folder's content.

    Small files are hashed whole; of weight files, the size and 64 blocks spread over the file. Where the
    folder lies, when it was written and what its card says does not matter.
    """
    folder = source.folder
    if folder is None:
        return f"{source.name}@{source.revision}"
    digest = hashlib.sha256()
    held = (p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    for path in sorted(p for p in held if p.suffix.lower() not in _DOCUMENTS):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        if path.suffix in _WEIGHTS:
            _hash_sampled(path, digest)
        elif path.suffix in {".json", ".jinja", ".txt", ".model"}:
            digest.update(path.read_bytes())
    return f"sha256:{digest.hexdigest()}"


def load_processor(source: Source) -> Any:
    """Return the processor.

    Raises:
        ModelError: if the files are incomplete or there is no chat template.
        MissingExtraError: if transformers or torchvision is not installed.
    """
    if source.folder is not None:
        _require(source.folder, _PROCESSOR_FILES)
        _require(source.folder, _TOKENIZER_FILES)
    transformers = import_transformers()
    try:
        processor = transformers.AutoProcessor.from_pretrained(source.name, **_origin(source))
    except Exception as error:  # a damaged file fails in as many ways as there are readers
        raise ModelError(f"the processor of {source.name} cannot be loaded: {_first_line(error)}") from error
    if not (getattr(processor, "chat_template", None) or processor.tokenizer.chat_template):
        raise ModelError(f"{source.name} has no chat template, so there is no way to ask it anything")
    processor.tokenizer.padding_side = "left"
    return processor


def load_config(source: Source) -> Any:
    """Return the configuration with the defaults of its architecture.

    Raises:
        ModelError: if it cannot be read.
        MissingExtraError: if torch or transformers is not installed.
    """
    transformers = import_transformers()
    try:
        return transformers.AutoConfig.from_pretrained(source.name, **_origin(source))
    except Exception as error:  # a damaged file fails in as many ways as there are readers
        raise ModelError(f"the configuration of {source.name} cannot be read: {_first_line(error)}") from error


def load_model(source: Source, *, device: str, dtype: str, attention: str | None) -> Any:
    """Return the model, in evaluation mode on the device.

    Args:
        source: the checkpoint.
        device: as in torch, or `auto` for the first GPU or else the CPU, or `split` for all GPUs.
        dtype: `auto` for the checkpoint's own, or a torch dtype's name.
        attention: the `attn_implementation`; `None` for transformers' choice.

    Raises:
        ModelError: if it cannot be loaded, or weights are missing from it.
        MissingExtraError: if torch or transformers is not installed.
    """
    transformers = import_transformers()
    placed = {"device_map": "auto"} if device == "split" else {}
    try:
        model, report = transformers.AutoModelForImageTextToText.from_pretrained(
            source.name,
            **_origin(source),
            dtype=dtype,
            attn_implementation=attention,
            output_loading_info=True,
            **placed,
        )
        if device != "split":
            model.to(torch_device(device))
    except Exception as error:  # a damaged file fails in as many ways as there are readers
        raise ModelError(f"{source.name} cannot be loaded: {_first_line(error)}") from error
    if absent := sorted(report["missing_keys"]):
        raise ModelError(f"{source.name} lacks {len(absent)} of its weights (first: {absent[0]})")
    return model.eval()


def set_threads(count: int | None) -> None:
    """Let torch use so many threads on the CPU; `None` leaves its choice."""
    if count is not None:
        import torch

        torch.set_num_threads(count)


def torch_device(name: str) -> str:
    """Return the torch device of a name; `auto` is this process's GPU where there is one."""
    if name != "auto":
        return name
    import torch

    if not torch.cuda.is_available():
        return "cpu"
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    return f"cuda:{rank % torch.cuda.device_count()}"


def import_transformers() -> Any:
    """Import transformers with all that a processor needs.

    Raises:
        MissingExtraError: if a package of the extra is not installed.
    """
    try:
        _, _, transformers = (import_module(name) for name in ("torch", "torchvision", "transformers"))
    except ImportError as error:
        raise MissingExtraError("a local checkpoint", "hf") from error
    if not sys.stderr.isatty():
        transformers.utils.logging.disable_progress_bar()
    return transformers


def _origin(source: Source) -> dict[str, Any]:
    return {
        "revision": source.revision,
        "local_files_only": source.offline,
        "trust_remote_code": False,
    }


def _local_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.exists():
        if (folder / "adapter_config.json").exists():
            raise ModelError(f"{folder} holds a LoRA adapter alone; merge it into its base model first")
        raise ModelError(f"{folder} is no checkpoint: it has no config.json")
    return _read_config(path)


def _on_hub(checkpoint: str, revision: str | None, offline: bool) -> Source:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise MissingExtraError("a checkpoint from the hub", "hf") from error
    try:
        path = Path(hf_hub_download(checkpoint, "config.json", revision=revision, local_files_only=offline))
    except Exception as error:  # the hub client raises OSError, ValueError and several of its own
        where = "in the local cache" if offline else "on the hub, and no such folder here"
        raise ModelError(f"no checkpoint {checkpoint!r} {where}: {_first_line(error)}") from error
    return Source(checkpoint, path.parent.name, _read_config(path), offline)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise ModelError(f"{path} holds no object")
    return config


def _require(folder: Path, names: tuple[str, ...]) -> None:
    if not any((folder / name).exists() for name in names):
        raise ModelError(
            f"{folder} has no {' or '.join(names)}; copy the base model's beside the weights, or pass processor=BASE"
        )


def _hash_sampled(path: Path, digest: Any) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        for number in range(_SAMPLES):
            file.seek(max(0, size - _SAMPLE_BYTES) * number // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
