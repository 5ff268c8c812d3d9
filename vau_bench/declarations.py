"""Reading YAML files against a schema, with errors that name the file, the line and the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from vau_bench.errors import DataError, suggestion

S = TypeVar("S", bound=BaseModel)

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """Return the contents of a YAML file.

    Raises:
        DataError: if the file is absent, unreadable or not YAML.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except FileNotFoundError:
        raise DataError(f"no file {path}") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise DataError(f"{where}: {getattr(error, 'problem', None) or 'not YAML'}") from None


def read_declaration(schema: type[S], path: Path) -> S:
    """Return the file's contents as `schema`.

    Raises:
        DataError: naming the file and the first key that is wrong.
    """
    loaded = read_yaml(path)
    try:
        return schema.model_validate(loaded)
    except ValidationError as error:
        raise DataError(f"{path}: {first_problem(error, schema)}") from None


def first_problem(error: ValidationError, schema: type[BaseModel]) -> str:
    """Return the first problem of a validation as one clause: the key, what is wrong, what was meant."""
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"])) or "the whole"
    if first["type"] == "extra_forbidden":
        return f"unknown key {key!r}{suggestion(str(first['loc'][-1]), schema.model_fields)}"
    if first["type"] == "missing":
        return f"the key {key!r} is missing"
    message = first["msg"]
    return f"{key}: {message[:1].lower()}{message[1:]}"
