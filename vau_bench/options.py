"""What one evaluation is asked to do."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from vau_bench.declarations import first_problem
from vau_bench.errors import RunError, UsageError
from vau_bench.records import JSON
from vau_bench.scoring import RESAMPLES

HARMLESS = ("decode_workers", "decode_timeout", "resamples")
"""Options that change no answer."""


@dataclass(frozen=True)
class Options:
    """What one evaluation is asked to do; every field is an option of `vau-bench evaluate`.

    Attributes:
        model: name of the adapter, or of a preset.
        tasks: names of tasks, groups or patterns.
        model_args: arguments of the adapter.
        data: root of the datasets; not needed for generated ones.
        style: prompt style; default: the model's, else each task's own.
        split: default: each task's own.
        limit: samples per task, evenly spread.
        frames: frame plan; default: the model's, else the task's.
        windows: length and stride in seconds, such as `32s/16s`, of windows that grounding and detection are asked in.
        shuffle_options: seed of a balanced shuffle of multiple-choice options.
        max_new_tokens: default: each task's own.
        temperature: 0 is greedy.
        seed: of generation.
        decode_workers: processes that decode ahead.
        decode_timeout: seconds that one video may take.
        resamples: of the bootstrap.
        tasks_dirs: further folders of tasks.
    """

    model: str
    tasks: tuple[str, ...]
    model_args: dict[str, Any] = field(default_factory=dict)
    data: Path | None = None
    style: str | None = None
    split: str | None = None
    limit: Annotated[int, Field(strict=True, ge=1)] | None = None
    frames: str | None = None
    windows: str | None = None
    shuffle_options: Annotated[int, Field(strict=True)] | None = None
    max_new_tokens: Annotated[int, Field(strict=True, ge=1)] | None = None
    temperature: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 0.0
    seed: Annotated[int, Field(strict=True)] = 0
    decode_workers: Annotated[int, Field(strict=True, ge=1)] = 1
    decode_timeout: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] = 60.0
    resamples: Annotated[int, Field(strict=True, ge=0)] = RESAMPLES
    tasks_dirs: tuple[Path, ...] = ()

    def as_json(self) -> dict[str, JSON]:
        """Return the options as the manifest holds them."""
        record: dict[str, Any] = asdict(self)
        record["tasks"] = list(self.tasks)
        record["data"] = str(self.data.resolve()) if self.data else None
        record["tasks_dirs"] = [str(p.resolve()) for p in self.tasks_dirs]
        return record

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Options:
        """Return the options of a manifest, of a file or of a call.

        Raises:
            RunError: if there is an option that this version does not know.
            UsageError: if one has a value that it cannot have.
        """
        unknown = record.keys() - {f.name for f in fields(cls)}
        if unknown:
            raise RunError(f"the run was made with an option that this version does not know: {min(unknown)}")
        try:
            return TypeAdapter(cls).validate_python(record)
        except ValidationError as error:
            raise UsageError(f"option {first_problem(error, cls)}") from None

    def fingerprint(self) -> str:
        """Return a hash of what makes two evaluations different runs."""
        record = self.as_json()
        for harmless in HARMLESS:
            del record[harmless]
        if self.windows is None:
            del record["windows"]
        return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:8]
