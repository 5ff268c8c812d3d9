"""The rows that a configuration names."""

from __future__ import annotations

from srvau_train.config import DataSection
from srvau_train.examples import Example, chain_examples, task_examples


def training_rows(data: DataSection, *, responses: bool) -> list[Example]:
    """Return the rows of chains and tasks.

    Args:
        data: names them.
        responses: whether rows hold what to say, for SFT; else prompts alone, for GRPO.

    Raises:
        UnknownNameError: for a task that does not exist.
        DataError: for rows that cannot be read or may not be trained on.
    """
    from vau_bench.catalogue import Catalogue

    tasks = Catalogue()
    rows: list[Example] = []
    if responses:
        for folder in data.chains:
            rows += chain_examples(folder, tasks, data=data.data, plan=data.frames, limit=data.limit)
    for name in data.tasks:
        task = tasks.get(name)
        rows += task_examples(
            task, style=data.style, split=data.split, data=data.data, plan=data.frames, limit=data.limit,
            answers=responses,
        )  # fmt: skip
    return rows
