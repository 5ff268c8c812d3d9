"""Where calls go, and how patiently they are made."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class EndpointSettings:
    """Where to call and how patiently.

    Attributes:
        urls: of the resource that calls are posted to, one a server; all of them serve the same model.
        key: sent as a bearer token, to all of them; `None` sends none.
        model: that is asked for; `None` does not look at which one answers.
        concurrency: calls in flight at each server at most; fewer while it is overloaded, see `vau_bench.models.load`.
        timeout: seconds that one attempt may take, from connecting to the last byte.
        retries: further rounds of attempts after one that a later attempt may cure; in a round, each server that is
            well is asked once at most.
        first_pause: seconds before the first further round at most (drawn uniformly), doubled for each; also before
            a server that was drained is tried again.
        longest_pause: seconds that a pause may last, also when the server asks for more.
        give_up_after: calls in a row that never connected, to no server, after which the endpoint counts as down.
    """

    urls: tuple[str, ...]
    key: str | None = field(default=None, repr=False)
    model: str | None = None
    concurrency: int = 8
    timeout: float = 120.0
    retries: int = 6
    first_pause: float = 1.0
    longest_pause: float = 60.0
    give_up_after: int = 20

    @property
    def lanes(self) -> int:
        """Calls in flight at most, at all servers together."""
        return self.concurrency * len(self.urls)

    @property
    def name(self) -> str:
        """All addresses, for sentences."""
        return " and ".join(self.urls)
