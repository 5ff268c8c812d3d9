"""Packages of the optional extras, imported where they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from vau_bench.errors import MissingExtraError


def needed(module: str, purpose: str, extra: str) -> Any:
    """Import a module that belongs to an extra.

    Args:
        module: its dotted name.
        purpose: what it is needed for, as the error's subject.
        extra: the extra that brings it.

    Raises:
        MissingExtraError: if it, or something that it imports, is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(purpose, extra) from error
