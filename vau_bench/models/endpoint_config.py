"""What is to be known of a chat endpoint before it is called: its address, its model, its key, its patience."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from vau_bench.errors import ModelError, UsageError
from vau_bench.models.base import ModelConfig
from vau_bench.models.endpoint_settings import EndpointSettings

HOSTED = "https://api.openai.com/v1"


class EndpointConfig(ModelConfig):
    """Arguments of everything that calls an OpenAI-compatible endpoint."""

    reserved: ClassVar[Collection[str]] = ("model", "messages", "stream", "n")
    """Fields of a request that `extra_body` cannot set."""

    model: str = Field(min_length=1, description="name of the model, as the server knows it")
    base_url: str | None = Field(
        None,
        description="address up to /v1, or several with commas between them, of servers of the same model; "
        f"default: $OPENAI_BASE_URL, else {HOSTED}",
    )
    service: str | None = Field(
        None,
        min_length=1,
        description="name of what answers, whichever servers it has today: answers are kept under it; "
        "default: the first address",
    )
    api_key_env: str = Field("OPENAI_API_KEY", description="environment variable that holds the key")
    api_key_file: Path | None = Field(None, description="file that holds the key; read before the variable")
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens",
        description="what the server calls the token limit; reasoning models want the longer name",
    )
    send_temperature: bool = Field(True, description="send temperature and top_p; reasoning models refuse them")
    send_seed: bool = Field(True, description="send the seed")
    extra_body: dict[str, Any] = Field(
        default_factory=dict, description='more fields of the request, as JSON, such as {"top_k": 1}'
    )
    concurrency: int = Field(8, ge=1, le=512, description="requests in flight at most, at each server")
    timeout: float = Field(120.0, gt=0, description="seconds that one attempt may take altogether")
    retries: int = Field(
        6, ge=0, description="further attempts after 429, 5xx, a timeout or a broken connection; of all servers in turn"
    )
    first_pause: float = Field(1.0, gt=0, description="seconds before the first retry at most; doubles with each")
    longest_pause: float = Field(60.0, gt=0, description="seconds between attempts at most, also by Retry-After")
    give_up_after: int = Field(20, ge=1, description="requests in a row without a connection that stop the run")

    @field_validator("extra_body", mode="before")
    @classmethod
    def _from_json(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("extra_body")
    @classmethod
    def _keeps_the_question(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(set(cls.reserved) & value.keys()):
            raise ValueError(f"extra_body cannot set {', '.join(taken)}")
        return value

    @field_validator("base_url", mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return ",".join(map(str, value)) if isinstance(value, list | tuple) else value

    @field_validator("base_url")
    @classmethod
    def _is_addresses(cls, value: str | None) -> str | None:
        return None if value is None else ",".join(checked_addresses(value))

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses in force: the argument, the environment, the hosted default.

        Raises:
            UsageError: if the environment holds none.
        """
        if self.base_url is not None:
            return tuple(self.base_url.split(","))
        try:
            return checked_addresses(os.environ.get("OPENAI_BASE_URL") or HOSTED)
        except ValueError as error:
            raise UsageError(f"$OPENAI_BASE_URL: {error}") from None

    @property
    def known_as(self) -> str:
        """What answers are kept under: the service's name, else its first address, so that replicas may come and go."""
        return self.service or self.addresses[0]

    def settings(self) -> EndpointSettings:
        """Return where to call and how patiently, with the key.

        Raises:
            ModelError: if there is no key where one is needed.
        """
        return EndpointSettings(
            urls=tuple(f"{address}/chat/completions" for address in self.addresses),
            key=self._key(),
            model=self.model,
            concurrency=self.concurrency,
            timeout=self.timeout,
            retries=self.retries,
            first_pause=self.first_pause,
            longest_pause=self.longest_pause,
            give_up_after=self.give_up_after,
        )

    def payload(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        **fields: Any,
    ) -> dict[str, Any]:
        """Return the JSON of a call, with further `fields`; what `extra_body` says comes before all of it."""
        payload: dict[str, Any] = {
            **fields,
            "model": self.model,
            "messages": messages,
            self.max_tokens_field: max_tokens,
        }
        if self.send_temperature:
            payload["temperature"] = temperature
            if top_p != 1.0:
                payload["top_p"] = top_p
        if self.send_seed:
            payload["seed"] = seed
        return payload | self.extra_body

    def _key(self) -> str | None:
        source = self.api_key_file
        if source is not None:
            try:
                key = source.expanduser().read_text(encoding="utf-8").strip()
            except (OSError, UnicodeError) as error:
                raise ModelError(f"the key file {source} cannot be read: {type(error).__name__}") from None
        else:
            key = os.environ.get(self.api_key_env, "").strip()
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            raise ModelError(f"{source or f'${self.api_key_env}'} holds something that is no key")
        if not key and HOSTED in self.addresses:
            raise ModelError(
                f"no key: set ${self.api_key_env}, or pass api_key_file=PATH; "
                "for a local server pass base_url=http://HOST:PORT/v1"
            )
        return key or None


NOT_THE_ANSWER = frozenset(
    {
        "service",
        "api_key_env",
        "api_key_file",
        "concurrency",
        "timeout",
        "retries",
        "first_pause",
        "longest_pause",
        "give_up_after",
        "max_tokens_field",
    }
)
"""Arguments that decide whether and when an answer comes, never what it says."""


def checked_addresses(value: str) -> tuple[str, ...]:
    """Return the addresses in a text that holds commas or semicolons between them, each as `checked_address` does.

    Raises:
        ValueError: if one of them is none, or stands twice.
    """
    addresses = tuple(checked_address(part) for part in re.split(r"\s*[,;]\s*|\s+", value.strip()))
    for number, address in enumerate(addresses):
        if address in addresses[:number]:
            raise ValueError(f"base_url names {address} twice")
    return addresses


def checked_address(value: str) -> str:
    """Return the address without a slash at its end.

    Raises:
        ValueError: if it is none, or holds a password or a query, which would end up in manifests.
    """
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("base_url must look like http://HOST:PORT/v1")
    if parts.username or parts.password:
        raise ValueError("base_url must not hold a password; use api_key_env or api_key_file")
    if parts.query or parts.fragment:
        raise ValueError("base_url must end before any ? or #; a key belongs into api_key_env or api_key_file")
    return value.rstrip("/").removesuffix("/chat/completions")
