"""From rows to tensors: clips decoded ahead, prompts as in evaluation, responses with the tokens that bear loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from srvau_train.config import DataSection, ModelSection
from srvau_train.examples import Example
from srvau_train.skips import Skipped
from vau_bench.errors import UsageError, VideoError
from vau_bench.models.checkpoint import Source, find, load_processor
from vau_bench.models.prepared import Prepared, collate
from vau_bench.models.qwen_family import family_of
from vau_bench.models.qwen_inputs import FrameSize, InputBuilder
from vau_bench.models.told_times import ToldTimesError

if TYPE_CHECKING:
    from vau_bench.records import Request
    from vau_bench.video import Clip

IGNORED = -100
"""The label of a token that bears no loss."""


class ClipSource(Protocol):
    """Where the frames of a video come from."""

    def load(self, path: Path, plan: str) -> Clip:
        """Return the frames of a plan.

        Raises:
            VideoError: if there are none.
        """
        ...


class PromptBuilder(Protocol):
    """What makes tensors of a request and its clip: `InputBuilder`, or what stands for it."""

    def build(self, request: Request, clip: Clip | None) -> Prepared:
        """Return the request's tensors."""
        ...


class DecodedHere:
    """Decodes within the calling process: the workers of a data loader are processes already."""

    def load(self, path: Path, plan: str) -> Clip:
        """Decode the frames of a plan."""
        from vau_bench.video import decode

        return decode(path, plan)


@dataclass(frozen=True, slots=True)
class Features:
    """A row, ready for the model.

    Attributes:
        index: of the row.
        prompt: its tensors, and what was shown.
        response: tokens of the response with the end of the turn; empty for a prompt alone.
        bears_loss: which of them do.
    """

    index: int
    prompt: Prepared
    response: tuple[int, ...] = ()
    bears_loss: tuple[bool, ...] = ()

    @property
    def length(self) -> int:
        """Tokens of prompt and response."""
        return int(self.prompt.inputs["input_ids"].shape[1]) + len(self.response)


class ExampleDataset:
    """The rows as a torch dataset; what fails to decode comes out as `Skipped`.

    Args:
        rows: in order.
        builder: of the prompts.
        tokenizer: of the responses.
        clips: gives the frames.
    """

    def __init__(self, rows: Sequence[Example], builder: PromptBuilder, tokenizer: Any, clips: ClipSource) -> None:
        self.rows = rows
        self._builder = builder
        self._tokenizer = tokenizer
        self._clips = clips

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, index: int) -> Features | Skipped:
        """Return a row's tensors."""
        row = self.rows[index]
        request = row.request
        if request.video is None:
            return Skipped(index, f"no video {request.sample.video}")
        try:
            prompt = self._builder.build(request, self._clips.load(request.video, request.plan))
        except VideoError as error:
            return Skipped(index, str(error))
        except ToldTimesError:
            raise
        except ValueError as error:
            return Skipped(index, f"{request.sample.id}: {error}")
        if row.response is None:
            return Features(index, prompt)
        tokens, loss = response_tokens(self._tokenizer, row.response, row.loss_from)
        return Features(index, prompt, tokens, loss)

    def lengths(self) -> list[int]:
        """Return a measure of each row's length, without looking at a video: the characters of its texts."""
        return [
            sum(len(message.text) for message in row.request.messages) + len(row.response or "") for row in self.rows
        ]


def response_tokens(tokenizer: Any, response: str, loss_from: int = 0) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Return the tokens of a response with the end of the turn, and which of them bear loss.

    The text is tokenised as a whole, as generation would write it. A token that begins before `loss_from` bears none.
    """
    encoded = tokenizer(response, add_special_tokens=False, return_offsets_mapping=True)
    tokens = (*encoded["input_ids"], tokenizer.eos_token_id)
    loss = (*(start >= loss_from for start, _ in encoded["offset_mapping"]), True)
    return tokens, loss


def input_builder(processor: Any, model: Any, family: str, data: DataSection) -> InputBuilder:
    """Return what makes the prompts, as `qwen_vl` does with the same arguments."""
    rate = float(getattr(model.config.vision_config, "tokens_per_second", 0)) if family == "qwen2_5_vl" else 0.0
    size = FrameSize(data.min_pixels, data.max_pixels, data.total_pixels)
    return InputBuilder(processor, family, rate, size, data.mode, data.tell_times)  # type: ignore[arg-type]


def load_base(section: ModelSection) -> tuple[Any, Any, str]:
    """Return model, processor and family of the checkpoint to begin with.

    Raises:
        ModelError: if it is of another architecture, incomplete, or without a chat template.
    """
    from vau_bench.models.checkpoint import load_model

    source = find(section.checkpoint, section.revision)
    family = family_of(source)
    place: Source = source if section.processor is None else find(section.processor)
    processor = load_processor(place)
    device = "cpu" if section.device == "cpu" else "auto"
    model = load_model(source, device=device, dtype=section.dtype, attention=section.attention)
    return model, processor, family


def family_of_model(model: Any) -> str:
    """Return the family of a model in memory."""
    return family_of(Source("the model", None, {"model_type": model.config.model_type}))


def prompt_batch(features: Sequence[Features]) -> dict[str, Any]:
    """Return the prompts of a batch, padded on the left."""
    return collate([f.prompt for f in features])


def sft_batch(features: Sequence[Features], pad: int) -> dict[str, Any]:
    """Return a batch to learn from: prompt and response, padded on the right; `labels` hold the tokens with loss.

    Args:
        features: of the rows, each with a response.
        pad: the padding token.
    """
    import torch

    width = max(f.length for f in features)
    batch: dict[str, Any] = {
        "input_ids": torch.full((len(features), width), pad),
        "attention_mask": torch.zeros((len(features), width), dtype=torch.long),
        "mm_token_type_ids": torch.zeros((len(features), width), dtype=torch.long),
        "labels": torch.full((len(features), width), IGNORED),
    }
    for row, f in enumerate(features):
        prompt = f.prompt.inputs
        start = prompt["input_ids"].shape[1]
        response = torch.tensor(f.response, dtype=torch.long)
        batch["input_ids"][row, : f.length] = torch.cat([prompt["input_ids"][0], response])
        batch["attention_mask"][row, : f.length] = 1
        batch["mm_token_type_ids"][row, :start] = prompt["mm_token_type_ids"][0]
        labels = torch.where(torch.tensor(f.bears_loss, dtype=torch.bool), response, IGNORED)
        batch["labels"][row, start : f.length] = labels
    return batch | visual_tensors(features)


def visual_tensors(features: Sequence[Features], store: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the visual tensors of a batch, one clip after the other.

    Args:
        features: of the rows.
        store: memory that is used again by the next call with the same store: the system takes longer to give that of
            a hundred clips anew than it takes to fill it.
    """
    import torch

    text = {"input_ids", "attention_mask", "mm_token_type_ids"}
    names = sorted({name for f in features for name in f.prompt.inputs} - text)
    tensors = {name: [f.prompt.inputs[name] for f in features if name in f.prompt.inputs] for name in names}
    if store is None:
        return {name: torch.cat(parts) for name, parts in tensors.items()}
    for name, parts in tensors.items():
        place = store.setdefault(name, parts[0].new_empty(0))
        torch.cat(parts, out=place.resize_(sum(map(len, parts)), *parts[0].shape[1:]))
    return {name: store[name] for name in names}


def check_rows(rows: Sequence[Example], *, responses: bool) -> None:
    """Refuse rows that cannot be trained on.

    Raises:
        UsageError: if there are none, or responses are missing.
    """
    if not rows:
        named = "data.chains or data.answers" if responses else "data.tasks"
        raise UsageError(f"there is nothing to train on: name {named}")
    if responses and (bare := sum(row.response is None for row in rows)):
        raise UsageError(f"{bare} of {len(rows)} rows have no response to learn from")
