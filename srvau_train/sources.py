"""The rows that a configuration names."""

from __future__ import annotations

from typing import Any

from srvau_train.config import DataSection
from srvau_train.examples import Example, chain_examples, task_examples
from srvau_train.rocot.splits import check_in_distribution


def training_rows(data: DataSection, *, responses: bool) -> list[Example]:
    """Return the rows of chains and answers, or of prompts.

    Args:
        data: names them.
        responses: whether rows hold what to say, for SFT: those of `chains` and `answers`; else those of `tasks`.

    Raises:
        UnknownNameError: for a task that does not exist.
        UsageError: for grounding on UCF-Crime, unless the configuration allows it.
        DataError: for rows that cannot be read or may not be trained on.
    """
    from vau_bench.catalogue import Catalogue

    catalogue = Catalogue(data.tasks_dirs)
    shown: dict[str, Any] = {"data": data.data, "videos": data.videos, "plan": data.frames, "limit": data.limit}
    rows: list[Example] = []
    if responses:
        for folder in data.chains:
            rows += chain_examples(folder, catalogue, **shown)
    tasks = [catalogue.get(name) for name in (data.answers if responses else data.tasks)]
    check_in_distribution(tasks, allowed=data.ucf_grounding)
    style = "direct" if responses else data.style
    for task in tasks:
        rows += task_examples(task, style=style, split=data.split, answers=responses, **shown)
    return rows
