"""The whole leaderboard, read and verified: what every page and export is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from vau_bench.catalogue import Catalogue
from vau_bench.errors import DataError, UnknownNameError
from vau_bench.leaderboard.entries import Entry, entry_paths, read_entry
from vau_bench.leaderboard.links import is_there
from vau_bench.leaderboard.published import Published, read_published
from vau_bench.leaderboard.ranking import GroupKey, Ranking, rank_all
from vau_bench.leaderboard.standings import Standing, aggregate, most_tasks
from vau_bench.leaderboard.verify import problems
from vau_bench.results import TaskResult
from vau_bench.scoring import RESAMPLES


class Finding(NamedTuple):
    """What is to be told of an entry.

    Attributes:
        entry: the last two names of its folder.
        level: `error`, it is wrong; `stale`, a task or its parser has changed since; `absent`, its report is not there.
        told: the finding, in a sentence.
        task: what is stale.
    """

    entry: str
    level: str
    told: str
    task: str = ""


@dataclass(frozen=True)
class Board:
    """All of it.

    Attributes:
        standings: of the models over the tasks of a dataset in one style that they all answered, by `(dataset, split,
            style)`, with the names of the tasks.
        stale: findings of entries that were measured with an earlier task or parser.
    """

    rankings: list[Ranking]
    standings: dict[tuple[str, str, str], tuple[list[str], list[Standing]]]
    published: list[Published]
    stale: list[Finding] = field(default_factory=list)

    @property
    def outdated(self) -> dict[tuple[str, str], str]:
        """Return why a row is stale, by entry and task."""
        return {(finding.entry, finding.task): finding.told for finding in self.stale}


def check_entries(folder: Path, catalogue: Catalogue) -> tuple[list[Entry], list[Finding]]:
    """Return the entries below `leaderboards` that are sound, and all findings.

    An entry of a task that no longer exists or has changed since is stale, which is no error: its figures are as true
    as they were.
    """
    entries: list[Entry] = []
    findings = []
    for path in entry_paths(folder):
        try:
            entries.append(read_entry(path))
        except (DataError, OSError) as error:
            findings.append(Finding("/".join(path.parts[-2:]), "error", str(error)))
    wrong = problems(entries)
    seen: dict[tuple[str, str], str] = {}
    sound = []
    for i, entry in enumerate(entries):
        told = list(wrong[i])
        first = seen.setdefault(entry.identity, entry.where)
        if first != entry.where:
            told.append(f"the run {entry.manifest.run_id} is entered twice: also as {first}")
        findings += [Finding(entry.where, "error", t) for t in told]
        findings += _outdated(entry, catalogue)
        if entry.report is not None and not is_there(entry.report, folder):
            findings.append(Finding(entry.where, "absent", f"its report {entry.report} is not there"))
        if not told:
            sound.append(entry)
    return sound, sorted(findings)


def _outdated(entry: Entry, catalogue: Catalogue) -> list[Finding]:
    found = [(task["task"], _stale(task, catalogue)) for task in entry.tasks]
    return [Finding(entry.where, "stale", told, name) for name, told in found if told]


def _stale(task: TaskResult, catalogue: Catalogue) -> str | None:
    name, digests = task["task"], task["digests"]
    try:
        now = catalogue.get(name)
    except (UnknownNameError, DataError):
        return f"{name}: there is no such task any more"
    if now.version != task["version"]:
        return f"{name}: measured with version {task['version']}, the task is at version {now.version}"
    if now.headline != task["headline"]:
        return f"{name}: ranked by {task['headline']}, its headline is {now.headline} now; score and add the run again"
    declared = now.spec.dataset.sha256.get(task["split"])
    for what, present in (("data", declared), ("prompts", now.digests["prompts"]), ("parser", now.digests["parser"])):
        if present and digests.get(what) != present:
            verb = "has" if what == "parser" else "have"
            return f"{name}: the {what} {verb} changed since"
    return None


def read_board(
    folder: Path,
    catalogue: Catalogue | None = None,
    *,
    resamples: int = RESAMPLES,
) -> Board:
    """Return the leaderboard of a folder.

    Args:
        folder: `leaderboards`.
        catalogue: the tasks, which tell what is stale.
        resamples: of the paired bootstraps.

    Raises:
        DataError: if an entry or a published file is wrong: no page is made from figures that cannot be trusted.
    """
    entries, findings = check_entries(folder, catalogue or Catalogue())
    errors = [f for f in findings if f.level == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more; see `vau-bench leaderboard check`)" if len(errors) > 1 else ""
        raise DataError(f"the entry {errors[0].entry} is wrong: {errors[0].told}{more}")
    rankings = rank_all(entries, resamples=resamples)
    return Board(
        rankings=rankings,
        standings=_standings(rankings, resamples),
        published=read_published(folder / "published"),
        stale=[f for f in findings if f.level == "stale"],
    )


def _standings(rankings: list[Ranking], resamples: int) -> dict[tuple[str, str, str], tuple[list[str], list[Standing]]]:
    found = {}
    for of, candidates in _one_per_task(rankings).items():
        chosen = most_tasks(candidates)
        if chosen:
            found[of] = ([r.key.task for r in chosen], aggregate(chosen, resamples=resamples))
    return found


def _one_per_task(rankings: list[Ranking]) -> dict[tuple[str, str, str], list[Ranking]]:
    """Return per dataset, split and style one ranking a task: the one with the most rows, then the newest version."""
    chosen: dict[tuple[str, str, str], dict[str, Ranking]] = {}

    def weight(ranking: Ranking) -> tuple[int, int, GroupKey]:
        return len(ranking.members), ranking.key.version, ranking.key

    for ranking in rankings:
        key = ranking.key
        own = chosen.setdefault((key.dataset, key.split, key.style), {})
        if key.task not in own or weight(ranking) > weight(own[key.task]):
            own[key.task] = ranking
    return {of: list(own.values()) for of, own in chosen.items()}
