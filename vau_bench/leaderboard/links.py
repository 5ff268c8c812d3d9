"""Where the report of a run may be: at an https address, or in a file below the leaderboard's folder.

A report is linked and never copied: it holds texts and frames of datasets, an entry holds none. Links come from
anywhere, so everything else is refused: other schemes, passwords, paths that lead out of the folder.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

from vau_bench.errors import UsageError
from vau_bench.report.wording import printable

LONGEST = 500
_ADDRESS = re.compile(r"https://[A-Za-z0-9._~:/?#@!$&()*+,;=%-]+")
_FOREIGN = re.compile(r"[\\:*?\"'<>|`]")


def problem_of(link: str) -> str | None:
    """Return why a report may not be linked, as a clause; `None` where it may."""
    if len(link) > LONGEST or printable(link) != link:
        return f"a report is named on one line of at most {LONGEST} characters"
    if link.startswith("https://"):
        return _problem_of_address(link)
    path = PurePosixPath(link)
    if path.is_absolute() or ".." in path.parts or str(path) != link or _FOREIGN.search(link):
        return f"{link!r} is neither an https address nor a plain path below the leaderboard's folder"
    return None if path.suffix == ".html" else f"{link!r} is no .html file"


def _problem_of_address(link: str) -> str | None:
    if not _ADDRESS.fullmatch(link):
        return f"{link!r} is no address: it holds a character that must be escaped"
    host = urlsplit(link).netloc
    if not host:
        return f"{link!r} names no host"
    return "the address of a report must not hold a user name or a password" if "@" in host else None


def named(text: str, folder: Path) -> str:
    """Return the link to a report that a user names by its address, or by a path to a file below the folder.

    Args:
        text: the path may be relative to `folder` or to the working directory, or absolute.
        folder: `leaderboards`.

    Raises:
        UsageError: if it may not be linked, or if there is no such file.
    """
    link = text if "://" in text or len(text) > LONGEST else _below(text, folder)
    if link is None:
        raise UsageError(f"there is no file {text} below {folder}; put the report there, or pass its https address")
    problem = problem_of(link)
    if problem:
        raise UsageError(problem)
    return link


def _below(text: str, folder: Path) -> str | None:
    root = folder.resolve()
    found = [path.resolve() for path in (folder / text, Path(text)) if path.is_file()]
    inside = [path for path in found if path.is_relative_to(root)]
    return inside[0].relative_to(root).as_posix() if inside else None


def is_there(link: str, folder: Path) -> bool:
    """Tell whether a report that is to lie below the folder does; addresses are not looked at."""
    path = (folder / link).resolve()
    return link.startswith("https://") or (path.is_file() and path.is_relative_to(folder.resolve()))


def href(link: str) -> str:
    """Return a link as it stands in a page of the leaderboard, in HTML and in markdown."""
    safe = link if link.startswith("https://") else quote(link)
    return safe.replace("(", "%28").replace(")", "%29")
