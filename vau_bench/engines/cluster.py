"""The Ray cluster of a process: the one at `$RAY_ADDRESS`, else one of its own, of which nothing is left afterwards."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vau_bench.errors import UsageError
from vau_bench.extras import needed

PATIENCE = 10.0
"""Seconds to wait for a cluster that is told to be there."""
QUIET = {"log_to_driver": False, "logging_level": logging.ERROR}
_LONGEST = 24
"""Characters of a folder in which Ray's sockets find a place: their paths may have 107."""


def ray_module() -> Any:
    """Return Ray.

    Raises:
        MissingExtraError: if it, or its part for data, is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers what runs here
    # What goes wrong is raised; Ray Data logs errors that are none.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if _address() == "local" and "ray" not in sys.modules:
        _keep_to_this_machine()
    needed("ray.data", "--engine ray", "ray")
    return needed("ray", "--engine ray", "ray")


def _keep_to_this_machine() -> None:
    """Let the processes of Ray listen on the loopback alone, to whoever has a token; both is read at its import."""
    # What Ray takes for the address of this machine, and listens at, is the loopback then.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    if "RAY_AUTH_MODE" not in os.environ:  # else Ray leaves a token of its own in the home folder
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


class Cluster:
    """A connection to Ray. Close it: that ends a cluster of our own, and all that this process runs in another one.

    Args:
        cpus: logical processors of a cluster of our own.

    Attributes:
        own: whether it was started here, on this machine alone.

    Raises:
        UsageError: if there is no cluster at `$RAY_ADDRESS`.
    """

    def __init__(self, cpus: int) -> None:
        self._ray = ray_module()
        address = _address()
        self.own = address == "local"
        self._found = self._ray.is_initialized()
        self._folder: Path | None = None
        if self._found:
            return
        with _own_signals(), _quiet_start():
            if self.own:
                self._start(cpus)
            else:
                self._join(address)
        # Ray prints on stdout, in colours, what nodes report of lost processes: there the results stand.
        self._ray._private.worker._worker_logs_enabled = False

    def _start(self, cpus: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="vau-ray-", dir=_short_folder()))
        try:
            self._ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                _node_ip_address="127.0.0.1",
                _temp_dir=str(self._folder),
                **QUIET,
            )
        except BaseException:
            self.close()
            raise

    def _join(self, address: str) -> None:
        _check_reached(address)
        try:
            self._ray.init(address=address, **QUIET)
        except ConnectionError as error:
            told = str(error).splitlines()[0] if str(error) else "it does not answer"
            raise UsageError(f"no Ray cluster at $RAY_ADDRESS={address}: {told}") from None

    def resources(self) -> tuple[float, float]:
        """Return the logical processors and the GPUs that the cluster has now."""
        have = self._ray.cluster_resources()
        return have.get("CPU", 0.0), have.get("GPU", 0.0)

    def close(self) -> None:
        """End what was started here; a connection that was there before stays."""
        if not self._found:
            self._ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _check_reached(address: str) -> None:
    """Refuse an address where nobody listens: Ray would try for minutes, without a word.

    Raises:
        UsageError: naming it.
    """
    if address.startswith("ray://"):
        raise UsageError(f"$RAY_ADDRESS={address} is for clients; run on a node of the cluster, with its HOST:6379")
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
        except OSError as error:
            raise UsageError(f"no Ray cluster at $RAY_ADDRESS={address}: {error.strerror or error}") from None


@contextmanager
def quiet_data(ray: Any) -> Iterator[None]:
    """Let Ray Data hand on each row as it comes, and say nothing but errors, while the block runs."""
    context = ray.data.DataContext.get_current()
    settings = {
        "target_max_block_size": 1,  # so that every row is a block of its own, and none waits for others
        "enable_progress_bars": False,
        "print_on_execution_start": False,
    }
    before = {name: getattr(context, name) for name in settings if hasattr(context, name)}
    logger = logging.getLogger("ray.data")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"ray\.")
    for name in before:
        setattr(context, name, settings[name])
    try:
        yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            setattr(context, name, value)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the handlers of signals, for Ray puts its own in their place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Keep stderr free of what Ray's own code tells of its settings; what goes wrong is raised."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _address() -> str:
    return os.environ.get("RAY_ADDRESS") or "local"


def _short_folder() -> str:
    usual = tempfile.gettempdir()
    return usual if len(usual) <= _LONGEST else "/tmp"
