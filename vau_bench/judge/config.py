"""Which judges are asked: from options of the command line, or from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vau_bench.declarations import first_problem, read_declaration
from vau_bench.errors import DataError, UsageError
from vau_bench.judge.client import JudgeConfig


class JudgesFile(BaseModel):
    """The contents of a file of judges: `judges:`, a list of the arguments of each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    judges: list[dict[str, Any]] = Field(min_length=1)


def judge_configs(
    texts: Sequence[str], file: Path | None, shorthand: Mapping[str, Any], common: Mapping[str, Any]
) -> list[JudgeConfig]:
    """Return the judges that are asked; none where none is named.

    Args:
        texts: of `--judge`, such as `model=gpt-4o,temperature=1`.
        file: of `--judges`.
        shorthand: arguments of a single judge; counts where it holds a model.
        common: what holds for every judge that does not say otherwise; `None` is not said.

    Raises:
        UsageError: if an argument is unknown, missing or of the wrong form.
        DataError: if the file is not one of judges.
    """
    common = {name: value for name, value in common.items() if value is not None}
    shorthand = {name: value for name, value in shorthand.items() if value is not None}
    configs = []
    if "model" in shorthand:
        configs.append(_config({**common, **shorthand}, "--judge-model"))
    elif shorthand and not texts and file is None:
        raise UsageError(f"{_flag(min(shorthand))} needs --judge-model")
    else:
        common = {**common, **shorthand}
    configs += [_config({**common, **_pairs(text)}, "--judge") for text in texts]
    if file is not None:
        for number, arguments in enumerate(read_declaration(JudgesFile, file).judges, 1):
            try:
                configs.append(_config({**common, **arguments}, f"judge {number}"))
            except UsageError as error:
                raise DataError(f"{file}: {error}") from None
    return configs


def _config(arguments: Mapping[str, Any], where: str) -> JudgeConfig:
    try:
        return JudgeConfig.model_validate(dict(arguments))
    except ValidationError as error:
        raise UsageError(f"{where}: {first_problem(error, JudgeConfig)}") from None


def _pairs(text: str) -> dict[str, str]:
    from vau_bench.models import parse_model_args

    try:
        return parse_model_args((text,))
    except UsageError as error:
        raise UsageError(str(error).replace("--model-args", "--judge")) from None


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
