"""The stages of the nano model, each in a folder of its own; what is finished is not done again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from srvau_train.batches import family_of_model, input_builder, load_base
from srvau_train.checkpoints import FINAL, save_final
from srvau_train.examples import Example
from srvau_train.nano.architecture import build_model, build_processor, build_tokenizer
from srvau_train.nano.frames import FrameStore, draw_frames
from srvau_train.nano.policy import answer_clips
from srvau_train.nano.recipe import Recipe
from srvau_train.nano.rows import GRID, chains, direct, prompt, texts
from srvau_train.nano.speed import QuickInputs, speed_up
from srvau_train.nano.vision import teach_vision
from srvau_train.rocot.answers import Kind
from srvau_train.rocot.build import build
from srvau_train.rocot.config import RocotConfig
from srvau_train.rocot.scene_teacher import SceneTeacher
from srvau_train.rocot.streams import stream_of
from srvau_train.rocot.teacher import Manner
from vau_bench.errors import UsageError
from vau_bench.runs import write_atomically

ANSWERED: tuple[Kind, ...] = ("grounding", "classification", "mcq")
"""The kinds that have first answers of their own; reasoning is answered as classification is."""
TIMES = "stages.jsonl"
RECIPE = "recipe.json"


class Training:
    """One run of the recipe in a folder.

    Args:
        out: the folder.
        recipe: what to do.
        say: told what begins.
        advance: told of a step of something counted.
    """

    def __init__(
        self, out: Path, recipe: Recipe, say: Callable[[str, int | None], None] = lambda text, total: None,
        advance: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.out, self.recipe = out, recipe
        self._say, self.advance = say, advance
        out.mkdir(parents=True, exist_ok=True)
        self._keep_to_the_recipe()

    def _keep_to_the_recipe(self) -> None:
        """Write the recipe down, or refuse a folder that another one has begun."""
        path, recipe = self.out / RECIPE, json.loads(json.dumps(asdict(self.recipe)))
        if path.exists():
            begun = json.loads(path.read_text("utf-8"))
            differing = [name for name in recipe if begun.get(name) != recipe[name]]
            if differing:
                raise UsageError(
                    f"{self.out} was begun with another {', '.join(differing)}; choose another --out for this recipe"
                )
            return
        write_atomically(path, json.dumps(recipe, indent=2) + "\n")

    def run(self) -> Path:
        """Do all stages that are not done, and return the finished checkpoint."""
        base = self.base()
        reflecting = self.reflect(base)
        return self.halved(self.reinforce(reflecting, "grpo"))

    def halved(self, checkpoint: Path) -> Path:
        """Save a checkpoint in half the size, as the result; it still computes in single precision, which is faster."""
        import torch

        final = self.out / FINAL
        if not final.is_dir():
            model, processor = self._load(checkpoint)
            told = json.loads((checkpoint / "vau_bench.json").read_text("utf-8"))
            save_final(self.out, model.to(torch.bfloat16), processor, model_arguments={**told, "dtype": "float32"})
        return final

    def frames(self) -> FrameStore:
        """Draw the training clips, those that no lesson shows behind the others."""
        recipe = self.recipe
        count = recipe.clips + recipe.fresh
        with self.stage("frames", count):
            return draw_frames(self.out / "frames", "train", count, recipe.look, progress=self.advance)

    @cached_property
    def taught(self) -> Path:
        """The folder of the chains on first answers of the error model; built when it is first asked for."""
        folder = self.out / "rocot-taught"
        config = RocotConfig(
            clips=self.recipe.taught,
            kinds=ANSWERED,
            manner=Manner("seconds", 1.0, GRID),
            seed=self.recipe.seed,
            right_share=self.recipe.right_share,
        )
        with self.stage("chains", self.recipe.taught * len(ANSWERED)):
            build(folder, config, SceneTeacher(), progress=self.advance)
        return folder

    def empty(self) -> Path:
        """Make the tokenizer and the empty model."""
        final = self.out / "empty" / FINAL
        if not final.is_dir():
            chained = self.taught
            with self.stage("tokenizer"):
                size = self.recipe.size
                tokenizer = build_tokenizer(texts([chained], 1500, self.recipe.look), size.vocabulary)
                model = build_model(tokenizer, size, seed=self.recipe.seed)
                save_final(final.parent, model, build_processor(tokenizer, size), model_arguments={})
        return final

    def seeing(self) -> Path:
        """Teach the vision tower."""
        folder = self.out / "vision"
        if not (folder / FINAL).is_dir():
            model, processor = self._load(self.empty())
            store, lesson = self.frames().first(self.recipe.clips), self.recipe.vision
            with self._lesson("vision", lesson.steps) as log:
                teach_vision(
                    model, processor, store, lesson, folder, seed=self.recipe.seed, log=log, advance=self.advance
                )
            save_final(folder, model, processor, model_arguments=self.recipe.arguments)
        return folder / FINAL

    def reading(self) -> Path:
        """Teach the language model to look things up in a text."""
        from srvau_train.nano.reading import teach_reading

        folder = self.out / "reading"
        if not (folder / FINAL).is_dir():
            model, processor = self._load(self.seeing())
            recipe = self.recipe
            chained = chains(self.taught, recipe.look)
            # letters take longest to learn
            rows = chained + [row for row in chained if row.truth.option]
            with self._lesson("reading", recipe.reading.steps) as log:
                teach_reading(
                    model, processor.tokenizer, rows, recipe.look, recipe.reading, folder, seed=recipe.seed, log=log,
                    advance=self.advance,
                )  # fmt: skip
            save_final(folder, model, processor, model_arguments=recipe.arguments)
        return folder / FINAL

    def watching(self) -> Path:
        """Teach the language model to look at the frames of a time."""
        from srvau_train.nano.watching import teach_watching

        folder = self.out / "watching"
        if not (folder / FINAL).is_dir():
            model, processor = self._load(self.reading())
            store, lesson = self.frames().first(self.recipe.clips), self.recipe.watching
            chained = chains(self.taught, self.recipe.look)
            builder = self._builder(model, processor)
            with self._lesson("watching", lesson.steps) as log:
                teach_watching(
                    model, processor.tokenizer, builder, store, lesson, folder, chained=chained,
                    seed=self.recipe.seed, log=log, advance=self.advance,
                )  # fmt: skip
            save_final(folder, model, processor, model_arguments=self.recipe.arguments)
        return folder / FINAL

    def base(self) -> Path:
        """Fine-tune on answers and on chains that the error model began, as many of these as of those."""
        start, recipe = self.watching(), self.recipe

        def rows() -> list[Example]:
            chained = chains(self.taught, recipe.look)
            count = min(len(chained), recipe.clips)
            return [direct(n, ANSWERED[n % len(ANSWERED)], recipe.look) for n in range(count)] + chained[:count]

        return self._sft("base", start, recipe.base(str(start)), rows)

    def reflect(self, base: Path) -> Path:
        """Fine-tune on chains: on its own first answers at their real rate, and on as many of the error model's."""
        recipe = self.recipe

        def rows() -> list[Example]:
            own = chains(self.own(base), recipe.look)
            # of a model that answers nothing readable yet, a batch of others is still something to learn from
            return chains(self.taught, recipe.look)[: max(len(own), recipe.batch)] + own

        return self._sft("reflect", base, recipe.reflect(str(base)), rows)

    def own(self, base: Path) -> Path:
        """Let the model answer clips that it was not shown, and build chains on what it says."""
        recipe, folder = self.recipe, self.out / "rocot-own"
        journal = self.out / "own" / "responses.jsonl"
        if not (folder / "README.md").exists():
            store = self.frames()
            with self.stage("own answers", recipe.own * len(ANSWERED)):
                answer_clips(
                    base, store, recipe.answered, ANSWERED, journal, arguments=recipe.arguments,
                    temperature=0.7, progress=self.advance,
                )  # fmt: skip
            config = RocotConfig(
                clips=recipe.own, start=recipe.answered.start, kinds=ANSWERED, manner=Manner("seconds", 1.0, GRID),
                seed=recipe.seed, right_share=None,
            )  # fmt: skip
            with self.stage("own chains"):
                build(folder, config, SceneTeacher(), first=journal)
        return folder

    def answers(self) -> Path:
        """Fine-tune on answers alone, from where the model watches, for as long as the two fine-tunings took."""
        start, recipe = self.watching(), self.recipe

        def rows() -> list[Example]:
            return [direct(number, kind, recipe.look) for number in range(recipe.clips) for kind in ANSWERED]

        config = recipe.base(str(start), steps=recipe.base_steps + recipe.reflect_steps)
        return self._sft("answers", start, config, rows)

    def reinforce(self, start: Path, name: str, **reward: Any) -> Path:
        """Reinforce with the recipe's reward, or with another one."""
        from srvau_train.grpo import train_grpo

        folder, recipe = self.out / name, self.recipe
        if not (folder / FINAL).is_dir():
            store = self.frames()
            model, processor = self._load(start)
            rows = [
                prompt(number, stream_of("grpo", recipe.seed, number).shuffled(ANSWERED)[0], "reflect", recipe.look)
                for number in recipe.reinforced
            ]
            with self.stage(name, recipe.grpo_steps):
                config = recipe.grpo(str(start), **reward)
                builder = self._builder(model, processor)
                train_grpo(
                    config, folder, rows=rows, clips=store, model=model, processor=processor, builder=builder,
                    callbacks=[_counting(self.advance)], bar=False,
                )  # fmt: skip
        return folder / FINAL

    def _sft(self, name: str, start: Path, config: Any, rows_of: Callable[[], Sequence[Example]]) -> Path:
        from srvau_train.sft import train_sft

        folder = self.out / name
        if not (folder / FINAL).is_dir():
            store, rows = self.frames(), rows_of()
            model, processor = self._load(start)
            with self.stage(name, config.sft.max_steps):
                builder = self._builder(model, processor)
                train_sft(
                    config, folder, rows=rows, clips=store, model=model, processor=processor, builder=builder,
                    callbacks=[_counting(self.advance)], bar=False,
                )  # fmt: skip
        return folder / FINAL

    def _load(self, checkpoint: Path) -> tuple[Any, Any]:
        model, processor, _ = load_base(self.recipe.base(str(checkpoint)).model)
        speed_up(model)
        return model, processor

    def _builder(self, model: Any, processor: Any) -> QuickInputs:
        data = self.recipe.base("the model").data
        return QuickInputs(input_builder(processor, model, family_of_model(model), data))

    @contextmanager
    def _lesson(self, name: str, steps: int) -> Iterator[Callable[[dict[str, float]], None]]:
        """Time a lesson, and give what its losses are told to."""
        with self.stage(name, steps), (self.out / f"{name}.jsonl").open("a", encoding="utf-8") as file:

            def log(line: dict[str, float]) -> None:
                file.write(json.dumps(line) + "\n")
                file.flush()

            yield log

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[None]:
        """Tell what begins, and write down how long it took, and on what."""
        import torch

        on = f"{torch.get_num_threads()} threads with kernels for {torch.backends.cpu.get_cpu_capability()}"
        self._say(name, total)
        begin = time.time()
        yield
        line = {"stage": name, "seconds": round(time.time() - begin, 1), "on": on}
        with (self.out / TIMES).open("a") as file:
            file.write(json.dumps(line) + "\n")


def _counting(advance: Callable[[], None]) -> Any:
    """Return a callback of a trainer that tells each step, those that were done before too."""
    from transformers import TrainerCallback

    class Counting(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, *rest: Any, **kwargs: Any) -> None:
            for _ in range(state.global_step):
                advance()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            advance()

    return Counting()
