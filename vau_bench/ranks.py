"""How the processes of a launch share a run folder: each writes its own journal, and all must be alike.

Whoever finds nobody at work writes the manifest; whoever comes while others are at work must agree with it. Presence
is a shared lock on `responses.jsonl`, of which a process that works alone holds an exclusive one.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vau_bench.errors import RunError
from vau_bench.journal import Journal
from vau_bench.options import HARMLESS
from vau_bench.runs import Manifest, RunFolder
from vau_bench.shards import Shard

PATIENCE = 10.0
"""Seconds to wait for another process to write the manifest."""

_OF_A_NODE = ("data", "tasks_dirs")
"""Options that may differ between nodes: what lies there is compared by its content."""


@contextmanager
def joined(folder: RunFolder, shard: Shard, manifest: Manifest) -> Iterator[Journal]:
    """Join the processes that write into a run folder, and give the journal of this one.

    Raises:
        RunError: if another process has this rank, or works on the run alone, or does not do the same.
    """
    with Journal(folder.journal_path(shard.rank)) as journal, _presence(folder.journal_path()) as present:
        if _locked(present, fcntl.LOCK_EX):
            _check_goes_on(folder, manifest, shard)
            folder.write_manifest(manifest)
        begin = time.monotonic()
        while not _locked(present, fcntl.LOCK_SH):
            if time.monotonic() - begin > PATIENCE:
                raise RunError(f"another process works on {folder.path} alone; wait for it, or choose another --out")
            time.sleep(0.05)
        check_alike(manifest, folder.read_manifest(), shard)
        yield journal


def check_alike(own: Manifest, other: Manifest, shard: Shard) -> None:
    """Refuse to add to a run what another program, model or benchmark has said.

    Raises:
        RunError: naming what differs, here and there.
    """
    mine, theirs = ({**_asked(m), **_program(m), "number of processes": str(m.processes)} for m in (own, other))
    for what, here, there in _differences(mine, theirs):
        raise RunError(
            f"{shard} on {socket.gethostname()} does not do what the run that it joins does: "
            f"{what} is {here} here, {there} there; make both the same, then run the same command again"
        )


def _check_goes_on(folder: RunFolder, own: Manifest, shard: Shard) -> None:
    """Refuse to go on with a run whose other answers are to something else: nobody may be left to ask them anew.

    Another program may go on, and says so.

    Raises:
        RunError: naming what differs, here and there.
    """
    mine = folder.journal_path(shard.rank)
    others = any(path.stat().st_size for path in folder.journals() if path != mine)
    if not (others and folder.manifest_path.is_file()):
        return
    other = folder.read_manifest()
    for what, here, there in _differences(_asked(own), _asked(other)):
        raise RunError(
            f"{shard} on {socket.gethostname()} does not do what the other processes of {folder.path} did: "
            f"{what} is {here} here, {there} there; make both the same, or choose another --run-id"
        )
    for what, here, there in _differences(_program(own), _program(other)):
        warnings.warn(
            f"{what} is {here} here, was {there} when the run began; {shard} goes on all the same", stacklevel=2
        )
        return


def _differences(mine: dict[str, str], theirs: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield what differs, here and there, the most telling first."""
    for what in dict.fromkeys((*mine, *theirs)):
        here, there = mine.get(what, "none"), theirs.get(what, "none")
        if here != there:
            yield what, here, there


def _asked(manifest: Manifest) -> dict[str, str]:
    """Return who is asked what, each part in words."""
    told = {"model": manifest.model}
    told |= {f"{name} of the model": str(value) for name, value in manifest.model_identity.items()}
    told |= {
        f"option {name}": str(value)
        for name, value in manifest.options.items()
        if name not in (*HARMLESS, *_OF_A_NODE, "model_args")
    }
    for task in manifest.tasks:
        told[f"version of {task.name}"] = str(task.version)
        told[f"samples of {task.name}"] = str(task.expected)
        told |= {f"{part} of {task.name}": digest[:12] for part, digest in sorted(task.digests.items())}
    return told


def _program(manifest: Manifest) -> dict[str, str]:
    """Return what asks, each part in words."""
    packages = manifest.environment.get("packages")
    told = {f"version of {name}": str(v) for name, v in (packages if isinstance(packages, dict) else {}).items()}
    changed = " with changes" if manifest.environment.get("dirty") else ""
    told["commit of vau-bench"] = f"{manifest.environment.get('commit')}{changed}"
    told["code of vau-bench"] = str(manifest.environment.get("code"))[:12]
    return told


@contextmanager
def _presence(path: Path) -> Iterator[int]:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from None
    try:
        yield file
    finally:
        os.close(file)


def _locked(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
