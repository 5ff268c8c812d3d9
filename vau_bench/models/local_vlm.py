"""What checkpoints on this machine have in common: batches, seeded draws, failures that cost themselves alone."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from vau_bench.errors import ModelError, VideoError, VideoMissingError
from vau_bench.models.base import Model
from vau_bench.models.batching import BatchSize, batches
from vau_bench.models.checkpoint import Source, find, fingerprint, load_config, load_processor
from vau_bench.models.feed import feed
from vau_bench.models.local_config import NOT_THE_ANSWER, LocalConfig
from vau_bench.models.prepared import Builder, Prepared, PromptSize, Sizer, collate
from vau_bench.models.sampling import SeededSampling
from vau_bench.models.told_times import ToldTimesError
from vau_bench.records import JSON, Generation, Outcome, Request, Response, Usage

if TYPE_CHECKING:
    from vau_bench.video import Clip, ClipLoader, Shown


class Loaded(NamedTuple):
    """A checkpoint in memory.

    Attributes:
        model: in evaluation mode, on its device.
        builder: of its inputs.
        tokenizer: its own.
        ends: tokens that end an answer.
    """

    model: Any
    builder: Any
    tokenizer: Any
    ends: tuple[int, ...]


L = TypeVar("L", bound=LocalConfig)


class LocalVlm(Model[L]):
    """Runs a checkpoint on this machine, in batches of requests that are alike in length.

    Subclasses load it (`_fresh`); they may look at a batch before the model gets it, and add scores of the choices.
    """

    def __init__(self, config: L, clips: ClipLoader) -> None:
        super().__init__(config, clips)
        self._loaded: Loaded | None = None
        self._size = BatchSize(None if config.batch_size == "auto" else config.batch_size)

    @abstractmethod
    def _fresh(self) -> Loaded:
        """Return the checkpoint, loaded."""

    @abstractmethod
    def _inputs(self, processor: Any, config: Any) -> Any:
        """Return what makes the inputs of a checkpoint with this processor and configuration."""

    def _check(self, loaded: Loaded, batch: Sequence[Prepared], inputs: dict[str, Any]) -> None:
        """Look at what the model is about to get."""

    def _placed(self, inputs: dict[str, Any], model: Any) -> dict[str, Any]:
        """Return the tensors on the model's device, in the precision they have: half a second is not a bfloat16."""
        return {name: tensor.to(model.device) for name, tensor in inputs.items()}

    def _option_scores(self, loaded: Loaded, prepared: Prepared, text: str) -> dict[str, float] | None:
        """Return P(choice), if this model gives it."""
        return None

    @cached_property
    def _source(self) -> Source:
        config = self.config
        return find(config.checkpoint, config.revision, offline=config.local_files_only)

    @cached_property
    def _processor_source(self) -> Source:
        name = self.config.processor
        return self._source if name is None else find(name, offline=self.config.local_files_only)

    @cached_property
    def _sizer(self) -> Sizer:
        sizer: Sizer = self._inputs(load_processor(self._processor_source), load_config(self._source))
        return sizer

    def prompt_size(self, request: Request, shown: Shown | None) -> PromptSize:
        """Return how many tokens the prompt of a request has; see `Model.prompt_size`."""
        return self._sizer.size(request, shown)

    def identity(self) -> dict[str, JSON]:
        """Return the arguments that can change an answer, and what the checkpoint holds (not where it lies).

        Raises:
            ModelError: if there is no such checkpoint.
        """
        dumped = cast("dict[str, JSON]", self.config.model_dump(mode="json", exclude=NOT_THE_ANSWER))
        dumped["checkpoint"] = fingerprint(self._source)
        if self._processor_source is not self._source:
            dumped["processor"] = fingerprint(self._processor_source)
        return dumped

    def described(self) -> dict[str, JSON]:
        """Return which checkpoint it is, of which architecture, and how it is computed; see `Model.described`.

        Raises:
            MissingExtraError: if torch or transformers is not installed.
        """
        source, config = self._source, self.config
        told = {"checkpoint": source.name, "revision": source.revision, "architecture": self._architecture()}
        processor = type(load_processor(self._processor_source)).__name__
        return {**told, "processor": processor, "precision": config.dtype, "device": config.device}

    def _architecture(self) -> str:
        """Return the checkpoint's `model_type`; raises ModelError if it is none of this adapter's."""
        return str(self._source.config.get("model_type"))

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        """Yield one response per request, those of a batch together.

        Raises:
            ModelError: if the checkpoint cannot be loaded, or the device is lost.
            MissingExtraError: if torch or transformers is not installed.
        """
        loaded = self._load()
        failed: deque[Response] = deque()
        with closing(self._prepared(loaded, requests, failed)) as ready:
            for batch in batches(ready, self._size, group=_sampling, length=_length):
                yield from _drained(failed)
                yield from self._answers(loaded, batch)
        yield from _drained(failed)

    def close(self) -> None:
        """Free the memory of the weights."""
        if self._loaded is not None:
            self._loaded = None
            _empty_cache()

    def _load(self) -> Loaded:
        if self._loaded is None:
            with self.clips.profile.at("load"):
                self._loaded = self._fresh()
        return self._loaded

    def _prepared(self, loaded: Loaded, requests: Iterable[Request], failed: deque[Response]) -> Generator[Prepared]:
        """Yield requests ready for the model; the next batch is made ready while one is being answered.

        What cannot be made ready goes to `failed`.
        """
        ahead: deque[Future[Prepared | Response]] = deque()

        def first() -> Iterator[Prepared]:
            made = ahead.popleft().result()
            if isinstance(made, Response):
                failed.append(made)
            else:
                yield made

        pool = ThreadPoolExecutor(1, thread_name_prefix="inputs")
        try:
            with closing(feed(self.clips, requests)) as fed:
                for request, clip in fed:
                    ahead.append(pool.submit(self._prepare, loaded.builder, request, clip))
                    if len(ahead) > self._size.rows:
                        yield from first()
            while ahead:
                yield from first()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, builder: Builder, request: Request, clip: Clip | VideoError | None) -> Prepared | Response:
        if isinstance(clip, VideoMissingError):
            return request.failure(Outcome.MISSING, str(clip))
        if isinstance(clip, VideoError):
            return request.failure(Outcome.ERRORED, str(clip))
        try:
            with self.clips.profile.at("inputs"):
                return builder.build(request, clip)
        except ToldTimesError:
            raise
        except Exception as error:  # whatever one sample's pixels or text may cause in the processor
            seen = None if clip is None else clip.seen()
            return request.failure(Outcome.ERRORED, _sentence(error), seen=seen)

    def _answers(self, loaded: Loaded, batch: Sequence[Prepared]) -> Iterator[Response]:
        """Yield the answers; a batch that fails is repeated in parts: a failure costs itself alone."""
        begin = time.perf_counter()
        try:
            with self.clips.profile.at("generate", count=len(batch)):
                responses = self._run(loaded, batch)
        except ModelError:
            raise
        except Exception as error:
            if _device_is_lost(error):
                raise ModelError(f"the device stopped working: {_sentence(error)}; resume the run") from error
            full, sentence = _out_of_memory(error), _sentence(error)
        else:
            self._size.worked(len(batch), time.perf_counter() - begin)
            yield from responses
            return
        if full:
            self._size.failed(len(batch))
            _empty_cache()
        if len(batch) == 1:
            yield batch[0].request.failure(Outcome.ERRORED, sentence, seen=batch[0].seen)
            return
        part = (len(batch) + 1) // 2 if full else 1
        for start in range(0, len(batch), part):
            yield from self._answers(loaded, batch[start : start + part])

    def _run(self, loaded: Loaded, batch: Sequence[Prepared]) -> list[Response]:
        import torch

        begin = time.perf_counter()
        inputs = self._placed(collate(batch), loaded.model)
        self._check(loaded, batch, inputs)
        generation = batch[0].request.generation
        sampling = generation.temperature > 0
        with torch.inference_mode():
            sequences = loaded.model.generate(
                **inputs,
                generation_config=self._generation_config(loaded, generation.max_new_tokens),
                logits_processor=(
                    [SeededSampling([p.request for p in batch], loaded.model.device)] if sampling else None
                ),
            )
        written = sequences[:, inputs["input_ids"].shape[1] :].tolist()
        seconds = (time.perf_counter() - begin) / len(batch)
        return [self._response(loaded, p, tokens, seconds) for p, tokens in zip(batch, written, strict=True)]

    def _response(self, loaded: Loaded, prepared: Prepared, tokens: list[int], seconds: float) -> Response:
        end = next((i for i, token in enumerate(tokens) if token in loaded.ends), None)
        text = loaded.tokenizer.decode(tokens[:end], skip_special_tokens=True)
        usage = Usage(
            prompt_tokens=prepared.inputs["input_ids"].shape[1],
            completion_tokens=len(tokens) if end is None else end + 1,
            seconds=seconds,
        )
        return prepared.request.answer(
            text,
            outcome=Outcome.TRUNCATED if end is None else Outcome.SCORED,
            seen=prepared.seen,
            usage=usage,
            option_scores=self._option_scores(loaded, prepared, text),
        )

    def _generation_config(self, loaded: Loaded, max_new_tokens: int) -> Any:
        """Return greedy decoding under the checkpoint's own penalty; `SeededSampling` does the draws."""
        from transformers import GenerationConfig

        own = loaded.model.generation_config
        penalty = self.config.repetition_penalty or getattr(own, "repetition_penalty", None)
        return GenerationConfig(
            do_sample=False,
            num_beams=1,
            max_new_tokens=max_new_tokens,
            repetition_penalty=penalty,
            eos_token_id=list(loaded.ends),
            pad_token_id=_pad_token(loaded),
            use_cache=True,
        )


def _sampling(prepared: Prepared) -> Generation:
    """Return what all rows of a batch share."""
    return prepared.request.generation


def _length(prepared: Prepared) -> int:
    return int(prepared.inputs["input_ids"].shape[1])


def _drained(responses: deque[Response]) -> Iterator[Response]:
    while responses:
        yield responses.popleft()


def end_tokens(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Return the tokens at which an answer ends."""
    ends = model.generation_config.eos_token_id
    ends = [ends] if isinstance(ends, int) else list(ends or ())
    return tuple(sorted({*ends, tokenizer.eos_token_id} - {None}))


def _pad_token(loaded: Loaded) -> int:
    pad = loaded.tokenizer.pad_token_id
    return loaded.ends[0] if pad is None else int(pad)


def _out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text


def _device_is_lost(error: Exception) -> bool:
    return not _out_of_memory(error) and "CUDA error" in str(error)


def _empty_cache() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _sentence(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0][:300] if lines else ""
    return text if isinstance(error, VideoError) else f"{type(error).__name__}: {text}".rstrip(": ")
