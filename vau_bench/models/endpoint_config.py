"""What is to be known of a chat endpoint before it is called: its address, its model, its key, its patience."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from vau_bench.errors import ModelError, UsageError
from vau_bench.models.base import ModelConfig
from vau_bench.models.endpoint import EndpointSettings

HOSTED = "https://api.openai.com/v1"


class EndpointConfig(ModelConfig):
    """Arguments of everything that calls an OpenAI-compatible endpoint."""

    reserved: ClassVar[Collection[str]] = ("model", "messages", "stream", "n")
    """Fields of a request that `extra_body` cannot set."""

    model: str = Field(min_length=1, description="name of the model, as the server knows it")
    base_url: str | None = Field(None, description=f"address up to /v1; default: $OPENAI_BASE_URL, else {HOSTED}")
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
    concurrency: int = Field(8, ge=1, le=512, description="requests in flight at most")
    timeout: float = Field(120.0, gt=0, description="seconds that one attempt may take altogether")
    retries: int = Field(6, ge=0, description="further attempts after 429, 5xx, a timeout or a broken connection")
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

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        return None if value is None else checked_address(value)

    @property
    def address(self) -> str:
        """The address in force: the argument, the environment, the hosted default.

        Raises:
            UsageError: if the environment holds none.
        """
        if self.base_url is not None:
            return self.base_url
        try:
            return checked_address(os.environ.get("OPENAI_BASE_URL") or HOSTED)
        except ValueError as error:
            raise UsageError(f"$OPENAI_BASE_URL: {error}") from None

    def settings(self) -> EndpointSettings:
        """Return where to call and how patiently, with the key.

        Raises:
            ModelError: if there is no key where one is needed.
        """
        return EndpointSettings(
            url=f"{self.address}/chat/completions",
            key=self._key(),
            concurrency=self.concurrency,
            timeout=self.timeout,
            retries=self.retries,
            first_pause=self.first_pause,
            longest_pause=self.longest_pause,
            give_up_after=self.give_up_after,
        )

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
        if not key and self.address == HOSTED:
            raise ModelError(
                f"no key: set ${self.api_key_env}, or pass api_key_file=PATH; "
                "for a local server pass base_url=http://HOST:PORT/v1"
            )
        return key or None


NOT_THE_ANSWER = frozenset(
    {
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
