"""A task: a folder of declarations that yields samples, builds requests and reads answers.

`task.yaml` names everything: kind, dataset reader, prompts, metrics, floors, licence. Code is needed only where
declarations do not reach.
"""

from __future__ import annotations

import hashlib
import json
import random
import string
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from vau_bench.declarations import place_of, read_declaration
from vau_bench.errors import DataError, UnknownNameError
from vau_bench.kinds import KINDS, Kind
from vau_bench.readers import READERS, Dataset
from vau_bench.readers.labels import CLASS_LISTS
from vau_bench.records import Generation, Message, Sample
from vau_bench.registry import Registry

if TYPE_CHECKING:
    from vau_bench.metrics.base import Metric

PROMPTS = Path(__file__).parent / "prompts"
NAME = r"^[a-z][a-z0-9_]*$"
"""What the name of a task looks like."""
OWN_DATA = "data"
"""A folder of this name in a task's folder is its data root where the user names none."""
FROM_DATA = "+data"
"""Behind the name of a list of classes: and those that the data hold."""


class DatasetSpec(BaseModel):
    """Where the samples come from.

    Attributes:
        name: of the dataset, for tables.
        reader: a name in `vau_bench.readers.READERS`.
        args: what the reader needs.
        sha256: digest of the annotation per split; a file with another digest is refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    reader: str
    args: dict[str, Any] = {}
    sha256: dict[str, str] = {}


class TaskSpec(BaseModel):
    """The contents of `task.yaml`; every key that is not listed here is an error.

    Attributes:
        headline: the metric, one of `metrics`, that the task is told and ranked by; `None` is that of its kind.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME)
    version: int = Field(ge=1)
    kind: str
    summary: str
    groups: list[str] = []
    dataset: DatasetSpec
    splits: list[str] = ["test"]
    split: str = "test"
    tuning_split: str = "test"
    classes: list[str] | str = []
    frames: str
    prompts: str | None = None
    style: str = "direct"
    max_new_tokens: int = Field(default=1024, ge=1)
    metrics: list[str]
    headline: str | None = None
    floors: list[str]
    licence: str
    citation: str
    superseded_by: str | None = None


class PromptSet(BaseModel):
    """The contents of a prompts file: one template per style, placeholders in braces.

    A style that asks in several turns of one conversation holds a list of templates.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str | None = None
    styles: dict[str, str | list[str]]

    def turns(self, style: str) -> list[str]:
        """Return the templates of a style, one per turn."""
        templates = self.styles[style]
        return [templates] if isinstance(templates, str) else templates


@dataclass(frozen=True)
class Selection:
    """The samples of a task that take part in a run.

    Attributes:
        samples: in order.
        dataset: where they come from.
        excluded: samples that cannot take part, counted by reason.
    """

    samples: tuple[Sample, ...]
    dataset: Dataset
    excluded: Mapping[str, int]


class Task:
    """A task folder, read and validated."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "task.yaml"
        self.spec = read_declaration(TaskSpec, self.file)
        if self.spec.name != folder.name:
            raise DataError(f"{self.place('name')}: the name {self.spec.name!r} is not the folder's")
        self._known("kind", self.spec.kind, KINDS, "kind")
        self._known("split", self.spec.split, self.spec.splits, "split")
        self._known("split", self.spec.tuning_split, self.spec.splits, "tuning_split")
        if self.spec.headline is not None:
            self._known("headline", self.spec.headline, self.spec.metrics, "headline")
        for split in self.spec.dataset.sha256:
            self._known("split", split, self.spec.splits, "dataset", "sha256", split)

    def place(self, *keys: str) -> str:
        """Return `file:line` of a key of the declarations, for messages."""
        return place_of(self.file, *keys)

    def _known(self, what: str, name: str, known: Collection[str] | Registry[Any], *keys: str) -> None:
        """Refuse a name that the declarations use under `keys` and that does not exist."""
        if name not in known:
            raise UnknownNameError(f"{what} in {self.place(*keys)}", name, known)

    @property
    def name(self) -> str:
        """The task's name, which is its folder's."""
        return self.spec.name

    @property
    def version(self) -> int:
        """Raised with every change of data, prompt or parser."""
        return self.spec.version

    @property
    def headline(self) -> str:
        """The name of the metric that the task is told and ranked by: its own choice, else that of its kind."""
        return self.spec.headline or KINDS.get(self.spec.kind).headline

    @cached_property
    def prompts(self) -> PromptSet:
        """The templates by style, checked for placeholders that the kind does not fill."""
        path = PROMPTS / f"{self.spec.prompts}.yaml" if self.spec.prompts else self.folder / "prompts.yaml"
        if self.spec.prompts:
            self._known("prompts", self.spec.prompts, {p.stem for p in PROMPTS.glob("*.yaml")}, "prompts")
        prompts = read_declaration(PromptSet, path)
        for style in prompts.styles:
            for template in prompts.turns(style):
                _check_template(template, KINDS.get(self.spec.kind).placeholders, path, style)
        self._known("style", self.spec.style, prompts.styles, "style")
        return prompts

    def check_style(self, style: str) -> str:
        """Return the style, or raise `UnknownNameError` when the task has no such template."""
        if style not in self.prompts.styles:
            raise UnknownNameError(f"style of {self.name}", style, self.prompts.styles)
        return style

    @property
    def digests(self) -> dict[str, str]:
        """Hashes of what can change an answer or a score: the declarations, the prompts, the parsers.

        A headline that is not named is left out, so that tasks from before there was one keep their hash.
        """
        prompts = json.dumps(self.prompts.model_dump(), sort_keys=True)
        unnamed = {"headline"} if self.spec.headline is None else None
        spec = json.dumps(self.spec.model_dump(exclude=unnamed), sort_keys=True)
        return {"task": _short(spec), "prompts": _short(prompts), "parser": parser_digest()}

    def data_root(self, data: Path | None) -> Path | None:
        """Return the user's data root, or the task's own `data` folder where the user names none."""
        own = self.folder / OWN_DATA
        return own if data is None and own.is_dir() else data

    def read(self, data: Path | None, split: str | None = None) -> Dataset:
        """Read one split of the dataset.

        Args:
            data: the user's data root; see `data_root`.
            split: default: the task's.

        Raises:
            DataError: if the annotation cannot be read, names a sample twice, or has another hash than declared.
            UnknownNameError: if there is no such split.
        """
        split = split or self.spec.split
        if split not in self.spec.splits:
            raise UnknownNameError(f"split of {self.name}", split, self.spec.splits)
        reader = self.spec.dataset.reader
        self._known("reader", reader, READERS, "dataset", "reader")
        dataset = READERS.get(reader)(self.data_root(data), split, self.spec.dataset.args)
        declared = self.spec.dataset.sha256.get(split)
        if declared and declared != dataset.digest:
            raise DataError(
                f"{self.place('dataset', 'sha256', split)}: the {split} annotation of {self.name} has changed: "
                f"its sha256 is {dataset.digest}, version {self.version} of the task was made for {declared[:12]}..."
            )
        if len({s.id for s in dataset.samples}) < len(dataset.samples):
            twice = Counter(s.id for s in dataset.samples).most_common(1)[0][0]
            place = self.place("dataset", "reader")
            raise DataError(f"{place}: the reader {reader!r} yields the sample {twice!r} twice in the split {split!r}")
        return dataset

    def select(
        self,
        data: Path | None,
        *,
        split: str | None = None,
        limit: int | None = None,
        shuffle_options: int | None = None,
    ) -> Selection:
        """Return the samples that take part.

        Args:
            data: the user's data root.
            split: default: the task's.
            limit: take this many, evenly spread over the dataset, so that classes stay mixed.
            shuffle_options: seed of a balanced shuffle of the options of multiple-choice questions.
        """
        dataset = self.read(data, split)
        kind = self.kind(dataset)
        reasons = {s.id: kind.exclusion(s) for s in dataset.samples}
        samples = [s for s in dataset.samples if reasons[s.id] is None]
        excluded = Counter(reason for reason in reasons.values() if reason)
        if samples:
            self._check_columns(kind, samples[0])
        if shuffle_options is not None:
            samples = shuffled_options(samples, shuffle_options)
        if limit is not None and limit < len(samples):
            samples = [samples[i * len(samples) // limit] for i in range(limit)]
        return Selection(tuple(samples), dataset, dict(excluded))

    def kind(self, dataset: Dataset) -> Kind[Any]:
        """Return the kind over the classes of this task, those found in the data added where it says so.

        Raises:
            UnknownNameError: if the task names a metric, a floor or a list of classes that does not exist: before a
                model is asked, not when it has answered.
            DataError: if models cannot be told apart by the headline.
        """
        kind = KINDS.get(self.spec.kind)(self._classes(dataset))
        self.metrics(kind)
        self._check_headline(self.headline_metric(kind))
        for floor in self.spec.floors:
            self._known("floor", floor, kind.floors, "floors")
        return kind

    def _classes(self, dataset: Dataset) -> Sequence[str]:
        declared = self.spec.classes
        if not isinstance(declared, str):
            return declared
        self._known("class list", declared, [*CLASS_LISTS, *(name + FROM_DATA for name in CLASS_LISTS)], "classes")
        listed = CLASS_LISTS[declared.removesuffix(FROM_DATA)]
        found = {s.target.label for s in dataset.samples if s.target.label} if declared.endswith(FROM_DATA) else set()
        return [*listed, *sorted(found - set(listed))]

    def metrics(self, kind: Kind[Any]) -> list[Metric]:
        """Return the declared metrics, of the kind and of other packages: the headline first, then in order."""
        from vau_bench.declared_metrics import declared_metrics

        found = declared_metrics(kind, self.spec.metrics, partial(self.place, "metrics"))
        return sorted(found, key=lambda metric: metric.name != self.headline)

    def headline_metric(self, kind: Kind[Any]) -> Metric:
        """Return the metric of the headline; that of the kind need not be among the declared ones."""
        named = {metric.name: metric for metric in self.metrics(kind)}
        return named[self.headline] if self.headline in named else kind.metrics[self.headline]

    def _check_headline(self, metric: Metric) -> None:
        if metric.higher_is_better is None or metric.answered_only:
            why = "is over answered samples alone" if metric.answered_only else "is neither better nor worse"
            raise DataError(f"{self.place('headline')}: {metric.name} cannot be the headline: it {why}")

    def _check_columns(self, kind: Kind[Any], sample: Sample) -> None:
        from vau_bench.declared_metrics import check_columns

        check_columns(kind, self.metrics(kind), sample, partial(self.place, "metrics"))

    def messages(self, kind: Kind[Any], sample: Sample, style: str, said: Sequence[str] = ()) -> tuple[Message, ...]:
        """Return the rendered conversation for one sample.

        Args:
            kind: of this task.
            sample: what is asked about.
            style: the prompt style.
            said: what the model answered in the turns before; the next turn is asked.
        """
        fields, turns = kind.prompt_fields(sample), self.prompts.turns(style)
        messages = [*self._opening, Message("user", turns[0].format_map(fields), True)]
        for turn, answer in enumerate(said, 1):
            messages.append(Message("assistant", answer))
            if turn < len(turns):
                messages.append(Message("user", turns[turn].format_map(fields)))
        return tuple(messages)

    @cached_property
    def _opening(self) -> tuple[Message, ...]:
        return (Message("system", self.prompts.system),) if self.prompts.system else ()

    def generation(self, **changes: Any) -> Generation:
        """Return the generation settings, with changes."""
        return replace(Generation(max_new_tokens=self.spec.max_new_tokens), **changes)


def _check_template(template: str, known: Collection[str], path: Path, style: str) -> None:
    """Refuse a template that cannot be rendered, whatever the sample."""
    try:
        for _, name, _, _ in string.Formatter().parse(template):
            if name is not None and name not in known:
                place = place_of(path, "styles", style)
                raise UnknownNameError(f"placeholder in {place}, style {style!r}", name, known)
        template.format_map(dict.fromkeys(known, ""))
    except ValueError as error:
        told, where = str(error), f"{place_of(path, 'styles', style)}, style {style!r}"
        raise DataError(f"{where}: {told[:1].lower()}{told[1:]}; a brace that stays is written twice") from None


def shuffled_options(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """Permute the options of each question so that the right one stands equally often under each letter.

    The letter that a sample gets depends on the seed and on its place among all samples.
    """
    rng = random.Random(seed)
    shuffled: list[Sample] = []
    letters: list[int] = []
    for sample in samples:
        options: Sequence[str] = sample.fields.get("options", ())
        if sample.target.option is None or not options:
            shuffled.append(sample)
            continue
        if not letters:
            letters = rng.sample(range(len(options)), len(options))
        place = letters.pop()
        right = "ABCDEFGH".index(sample.target.option)
        rest = [option for i, option in enumerate(options) if i != right]
        rng.shuffle(rest)
        rest.insert(place, options[right])
        target = replace(sample.target, option="ABCDEFGH"[place])
        shuffled.append(replace(sample, target=target, fields={**sample.fields, "options": rest}))
    return shuffled


def parser_digest() -> str:
    """Return a hash of everything that turns texts into answers."""
    folder = Path(__file__).parent / "parsing"
    content = b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.suffix in {".py", ".toml", ".yaml"})
    return hashlib.sha256(content).hexdigest()[:16]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
