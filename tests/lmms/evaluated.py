"""Runs tasks through lmms-eval's own evaluator, and prints what it found as JSON.

python evaluated.py FOLDER TEXTS CHECKPOINT TASKS OUT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lmms_eval.api.model import lmms
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.tasks import TaskManager

from vau_bench.api import evaluate
from vau_bench.lmms.folder import builtin_names


class Told(lmms):
    """Says what it was told to say of each document."""

    is_simple = False

    def __init__(self, texts: dict[str, dict[str, str]]) -> None:
        super().__init__()
        self.texts = texts
        self.asked: list[object] = []

    def generate_until(self, requests):
        return [said for (said,) in self.generate_until_multi_round(requests)]

    def generate_until_multi_round(self, requests):
        said = []
        for _, messages, _, number, task, split in (request.args for request in requests):
            document = self.task_dict[task][split][number]
            self.asked.append(messages(document))
            rounds = [self.texts[task][document["id"]]]
            while True:
                later = messages(document, round_idx=len(rounds), previous_output=rounds)
                self.asked.append(later[0])
                if later[1]:
                    break
                rounds.append(rounds[0])
            said.append(rounds)
        return said

    def loglikelihood(self, requests):
        raise NotImplementedError


def numbers(found: dict) -> dict[str, dict[str, float]]:
    """Return the values of a run by task and metric."""
    return {
        task: {name.removesuffix(",none"): value for name, value in values.items() if "_stderr" not in name}
        for task, values in found["results"].items()
    }


def main() -> None:
    folder, texts, checkpoint, tasks, out = sys.argv[1:]
    told = Told(json.loads(Path(texts).read_text()))
    manager = TaskManager(include_path=folder, include_defaults=False)
    first = simple_evaluate(model=told, tasks=sorted(told.texts), task_manager=manager)
    cut = simple_evaluate(model=told, tasks=["tiny_grounding"], task_manager=manager, limit=2, offset=1)
    arguments = f"pretrained={checkpoint},device=cpu"
    manager = TaskManager(include_path=folder, include_defaults=False)
    few = "max_new_tokens=8"
    qwen = simple_evaluate(
        model="vau_qwen_vl", model_args=arguments, tasks=["tiny_mcq"], task_manager=manager, gen_kwargs=few
    )
    ours = evaluate(
        "qwen_vl",
        "tiny_mcq",
        out=out,
        max_new_tokens=8,
        tasks_dirs=(Path(tasks),),
        model_args={"checkpoint": checkpoint, "device": "cpu"},
    )
    result = {
        "told": numbers(first),
        "cut": numbers(cut),
        "asked": [asked for asked in told.asked if "absent_grounding" in json.dumps(asked)][:1],
        "conversation": next(asked for asked in told.asked if asked and len(asked) > 2),
        "tags": {name: config.get("reasoning_tags") for name, config in first["configs"].items()},
        "qwen": numbers(qwen)["tiny_mcq"],
        "ours": {name: metric["value"] for name, metric in ours.tasks[0]["metrics"].items()}
        | ours.tasks[0]["outcomes"],
        "unlisted": sorted(set(TaskManager().all_tasks) - builtin_names()),
    }
    (Path(out) / "found.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
