"""The nano model's own answers to training clips: the first answers that its reflection is taught on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from srvau_train.nano.frames import FrameStore
from srvau_train.nano.rows import request
from srvau_train.nano.speed import speed_up
from vau_bench.errors import VideoError
from vau_bench.journal import Journal, read_journal
from vau_bench.models.local_vlm import Loaded
from vau_bench.models.qwen_config import QwenVLConfig
from vau_bench.models.qwen_vl import QwenVL
from vau_bench.profiling import Profile
from vau_bench.records import Request
from vau_bench.video import Clip


class FastQwenVL(QwenVL):
    """`qwen_vl`, computed the way that is fast at nano size."""

    def _fresh(self) -> Loaded:
        loaded = super()._fresh()
        speed_up(loaded.model)
        return loaded


class DrawnClips:
    """Gives drawn frames where a model expects a clip loader."""

    def __init__(self, store: FrameStore) -> None:
        self._store = store
        self.profile = Profile()

    def stream(
        self, items: Iterable[Any], locate: Callable[[Any], tuple[Path, str]]
    ) -> Iterator[tuple[Any, Clip | VideoError]]:
        """Yield each item with its frames."""
        for item in items:
            try:
                yield item, self._store.load(*locate(item))
            except VideoError as error:
                yield item, error


def answer_clips(
    checkpoint: Path, store: FrameStore, numbers: Iterable[int], kinds: Iterable[str], journal: Path, *,
    arguments: dict[str, Any], style: str = "direct", temperature: float = 0.0, tokens: int = 64, batch: int = 64,
    progress: Callable[[], None] = lambda: None,
) -> Path:  # fmt: skip
    """Write a policy's answers to training clips into a journal, or those that are not there yet, and return it."""
    config = QwenVLConfig(checkpoint=str(checkpoint), device="cpu", batch_size=batch, **arguments)
    there = {r.key for r in read_journal(journal)} if journal.exists() else set()
    asked = [request(number, kind, style, store.look, tokens=tokens) for kind in kinds for number in numbers]
    asked = [_sampled(one, temperature) for one in asked if one.key not in there]
    journal.parent.mkdir(parents=True, exist_ok=True)
    model = FastQwenVL(config, DrawnClips(store))  # type: ignore[arg-type]
    with Journal(journal) as file:
        for response in model.generate(asked):
            file.append(response)
            progress()
    model.close()
    return journal


def _sampled(asked: Request, temperature: float) -> Request:
    return replace(asked, generation=replace(asked.generation, temperature=temperature))
