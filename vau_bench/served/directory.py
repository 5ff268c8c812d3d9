"""What a server says about itself before it is asked anything: that it is there, and which models it has."""

from __future__ import annotations

import time
from typing import Any

import httpx

from vau_bench.errors import suggestion
from vau_bench.models.endpoint import shortened
from vau_bench.models.endpoint_config import EndpointConfig
from vau_bench.models.told_model import same_model
from vau_bench.served.check import Check

PATIENCE = 15.0
"""Seconds that a list of models may take."""


def directory_checks(config: EndpointConfig, model: str | None) -> tuple[list[Check], str | None]:
    """Return what is found at the first address, and the model to ask; `None` where there is none, or nobody.

    Args:
        config: tells address and key.
        model: that is to be asked; `None` takes the only one that the server has.
    """
    (address, *_), key = config.addresses, config.settings().key
    start = time.perf_counter()
    try:
        answer = httpx.get(
            f"{address}/models", headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=PATIENCE
        )
    except httpx.HTTPError as error:
        told = _clean(str(error) or type(error).__name__, key)
        return [Check("reached", "BAD", f"{address}: {told}", "start the server, or correct the address")], None
    reached = Check("reached", "ok", f"{address} in {1000 * (time.perf_counter() - start):.0f} ms")
    if answer.status_code in {401, 403}:
        advice = f"set ${config.api_key_env}, or name another variable with --api-key-env"
        return [reached, Check("key", "BAD", f"not accepted ({answer.status_code})", advice)], None
    row, found = _model(_names(answer, key), model)
    return [reached, row], found


def _model(names: list[str] | None, model: str | None) -> tuple[Check, str | None]:
    """Return what is found about a model among those that a server has, and the one to ask."""
    if not names:
        if model is None:
            return Check("model", "BAD", "the server has no list of models", "name one: --model NAME"), None
        return Check("model", "-", f"{model}; the server has no list of models"), model
    if model is None and len(names) == 1:
        return Check("model", "ok", f"{names[0]}, the only one"), names[0]
    if model is None:
        return Check("model", "BAD", f"{len(names)} models: {', '.join(names[:8])}", "name one: --model NAME"), None
    if any(name == model for name in names):
        return Check("model", "ok", f"{model}, one of {len(names)}"), model
    if like := next((name for name in names if same_model(model, name)), None):
        return Check("model", "-", f"{model} is not there, {like} is", f"write it like this: --model {like}"), model
    return Check("model", "BAD", f"{model} is not there{suggestion(model, names)}", "name another: --model NAME"), model


def _names(answer: httpx.Response, key: str | None) -> list[str] | None:
    """Return the names in a list of models, `None` where it is none."""
    try:
        body: Any = answer.json() if answer.status_code == 200 else None
    except ValueError:
        return None
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, list):
        return None
    return [_clean(m["id"], key) for m in data if isinstance(m, dict) and isinstance(m.get("id"), str)]


def _clean(text: str, key: str | None) -> str:
    """Return a text on one line, without the key."""
    return shortened(text.replace(key, "[key]") if key else text, 200)
