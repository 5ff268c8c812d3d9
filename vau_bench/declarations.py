"""Reading YAML files against a schema, with errors that name the file, the line and the key."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

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
        DataError: naming the file, the line and the first key that is wrong.
    """
    value = read_yaml(path)
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        where = place_of(path, *_first(error)["loc"])
        raise DataError(f"{where}: {first_problem(error, schema)}") from None


def place_of(path: Path, *keys: int | str) -> str:
    """Return `file:line` of a nested key, or of the innermost of its parents that is there; the file if none is."""
    line = None
    with suppress(OSError, UnicodeDecodeError, yaml.YAMLError):
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
        for key in keys:
            node, found = _below(node, key)
            if found is None:
                break
            line = found
    return str(path) if line is None else f"{path}:{line}"


def _below(node: Any, key: int | str) -> tuple[Any, int | None]:
    """Return what stands under a key of a YAML node, and the line on which the key stands."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return value, name.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key].start_mark.line + 1
    return None, None


def validated(schema: type[S], value: Any, where: str) -> S:
    """Return a value as `schema`.

    Raises:
        DataError: beginning with `where`, naming the first key that is wrong.
    """
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        raise DataError(f"{where}: {first_problem(error, schema)}") from None


def first_problem(error: ValidationError, schema: type[Any]) -> str:
    """Return the first problem of a validation as one clause: the key, what is wrong, what was meant.

    An unknown key comes before a missing one: a mistyped key is both.
    """
    first = _first(error)
    key = ".".join(map(str, first["loc"])) or "the whole"
    if first["type"] == "extra_forbidden":
        *parents, name = first["loc"]
        return f"unknown key {key!r}{suggestion(str(name), _keys_below(schema, parents))}"
    if first["type"] == "missing":
        return f"the key {key!r} is missing"
    message = first["msg"].removeprefix("Value error, ")
    return f"{key}: {message[:1].lower()}{message[1:]}"


def _first(error: ValidationError) -> ErrorDetails:
    return min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")


def _keys_below(schema: type[BaseModel], parents: Iterable[int | str]) -> Iterable[str]:
    """Return the keys of the schema that is nested under these keys."""
    for parent in parents:
        field = schema.model_fields.get(str(parent))
        kinds = (field.annotation, *get_args(field.annotation)) if field else ()
        nested = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
        if not nested:
            return ()
        schema = nested[0]
    return schema.model_fields
