"""The run folder: the manifest, written first and rewritten atomically; the journal; what is derived from them."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import secrets
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from heapq import merge
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vau_bench._version import __version__
from vau_bench.errors import RunError
from vau_bench.history import History
from vau_bench.journal import dated, read_lines
from vau_bench.records import JSON, Response

SCHEMA = 1
_PACKAGES = ("numpy", "av", "torch", "transformers", "httpx", "lmms-eval")


@dataclass(frozen=True)
class TaskEntry:
    """One task of a run as it was when the run began.

    Attributes:
        digests: of declarations, prompts and parsers (`Task.digests`), and of the data.
        expected: how many samples take part.
        folder: of the task, where it does not ship with the package.
    """

    name: str
    version: int
    kind: str
    style: str
    split: str
    frames: str
    digests: dict[str, str]
    expected: int
    folder: str | None = None


@dataclass(frozen=True)
class Manifest:
    """What a run is: enough to repeat it. Holds no secret.

    Attributes:
        status: `started`, `success`, `failed` or `cancelled`.
        model: its name; `model_identity` all that tells it from another.
        options: what was asked for: data root, limit, seeds, generation settings.
        preset: what the model's name stood for, where it is a preset's.
        processes: how many shared it when it was last gone on with.
        error: why the run failed.
    """

    run_id: str
    model: str
    model_identity: dict[str, JSON]
    tasks: list[TaskEntry]
    options: dict[str, JSON]
    preset: dict[str, JSON] | None = None
    status: str = "started"
    schema: int = SCHEMA
    error: str | None = None
    started: str = ""
    ended: str | None = None
    processes: int = 1
    environment: dict[str, JSON] = field(default_factory=dict)

    def trained_on(self, dataset: str) -> bool | None:
        """Tell whether the training data that the model declares hold a dataset; `None` where it declares nothing."""
        declared = (self.preset or {}).get("trained_on")
        if not isinstance(declared, list):
            return None
        return dataset.casefold() in {str(name).casefold() for name in declared}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Manifest:
        """Return the manifest of its JSON form.

        Raises:
            RunError: if it is of another schema.
        """
        if record.get("schema") != SCHEMA:
            raise RunError(f"the manifest has schema {record.get('schema')!r}, this version reads {SCHEMA}")
        known = {f.name for f in fields(cls)}
        try:
            tasks = [TaskEntry(**t) for t in record["tasks"]]
            return cls(**{**{k: v for k, v in record.items() if k in known}, "tasks": tasks})
        except (KeyError, TypeError) as error:
            raise RunError(f"the manifest is damaged: {error}") from None


class RunFolder:
    """A folder that holds one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def manifest_path(self) -> Path:
        """The manifest."""
        return self.path / "manifest.json"

    def journal_path(self, rank: int | None = None) -> Path:
        """Return the journal of a run that one process writes, or that of a rank of several."""
        return self.path / ("responses.jsonl" if rank is None else f"responses.{rank}.jsonl")

    def journals(self) -> list[Path]:
        """Return the journals that there are, by rank."""
        return sorted(self.path.glob("responses*.jsonl"), key=lambda path: (len(path.name), path.name))

    def history(self) -> History:
        """Return what the journals hold; to be closed."""
        return History(self.journals())

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """Return the folder of a run.

        Raises:
            RunError: if there is no run.
        """
        folder = cls(path)
        if not folder.manifest_path.is_file():
            raise RunError(f"no run in {path}: it has no manifest.json")
        return folder

    def create(self) -> None:
        """Make the folder.

        Raises:
            RunError: if it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot write the run folder {self.path}: {error.strerror}; pass --out DIR") from None

    def read_manifest(self) -> Manifest:
        """Return the manifest.

        Raises:
            RunError: if it is absent or damaged.
        """
        path = self.manifest_path
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"no run in {self.path}: it has no manifest.json") from None
        except (OSError, ValueError) as error:
            raise RunError(f"cannot read {path}: {error}") from None
        return Manifest.from_json(record)

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest atomically."""
        write_atomically(self.manifest_path, dump_json(asdict(manifest)))

    def responses(self) -> Iterator[Response]:
        """Yield the responses of all journals of the run: of two to one turn, the later one last."""
        journals = (read_lines(path, dated) for path in self.journals())
        for _, response in merge(*journals, key=lambda each: each[0]):
            yield response

    def finish(self, manifest: Manifest, status: str, error: str | None = None) -> Manifest:
        """Record how the run ended."""
        done = replace(manifest, status=status, error=error, ended=now())
        self.write_manifest(done)
        return done


def write_atomically(path: Path, text: str | Iterable[str]) -> None:
    """Write a file, from a text or parts of one, so that a reader sees the old or the new content, never a part.

    Raises:
        RunError: if it cannot be written; the old content stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")  # nodes may share a number
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.writelines([text] if isinstance(text, str) else text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from None
    finally:
        with suppress(OSError):  # on a read-only file system even removing nothing fails
            temporary.unlink(missing_ok=True)


def dump_json(value: Any) -> str:
    """Return indented JSON that is the same for equal values."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def slug(text: str) -> str:
    """Return the text as a part of a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "run"


def environment() -> dict[str, JSON]:
    """Return versions, machine and commit, for the manifest."""
    packages: dict[str, JSON] = {"vau-bench": __version__}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    commit, dirty = _git()
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "packages": packages,
        "commit": commit,
        "dirty": dirty,
        "code": code_digest(),
    }


def code_digest() -> str:
    """Return a hash of the program's own source files: it tells apart what has no commit, or changes on top of one."""
    root, digest = Path(__file__).parent, hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _git() -> tuple[str | None, bool | None]:
    """Return commit and dirty flag of the checkout that this code runs from, if it is one."""
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
        return None, None
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, timeout=5)
        status = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], cwd=root, capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return None, None
    return (head.stdout.strip() or None, bool(status.stdout.strip())) if head.returncode == 0 else (None, None)
