"""Our models as models of lmms-eval: on our tasks they are run by our runner, and give what they give there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from lmms_eval.api.instance import GenerationResult, TokenCounts
from lmms_eval.api.model import lmms

from vau_bench.conversations import turns_of, whole_conversations
from vau_bench.errors import UsageError
from vau_bench.history import Told
from vau_bench.keys import model_digest, request_key
from vau_bench.lmms.documents import Answer, Asked, Documents
from vau_bench.models import adapter_of, create_model
from vau_bench.paths import cache_dir
from vau_bench.records import Generation, Message, Request, Response, Sample, Target
from vau_bench.runner import Runner
from vau_bench.video import ClipLoader

FRAMES = "fps(2, max=64)"
"""Of tasks that are not ours, where neither the user nor the model names a plan."""


@dataclass
class _Kept:
    """Records in memory: lmms-eval keeps the answers."""

    last: dict[tuple[str, str, int, str], Response] = field(default_factory=dict)

    def add(self, response: Response) -> None:
        self.last[response.task, response.style, response.turn, response.sample_id] = response

    def told(self, *place: Any) -> Told | None:
        response = self.last.get(place)
        return None if response is None else Told.of(response)

    def response(self, *place: Any) -> Response | None:
        return self.last.get(place)


class VauModel(lmms):  # type: ignore[misc, unused-ignore]
    """A model of ours. `--model_args` are its own, `pretrained` stands for `checkpoint`, `frames` is a frame plan."""

    is_simple = False
    name: ClassVar[str]

    def __init__(
        self, batch_size: Any = 1, device: str | None = None, frames: str | None = None, **arguments: Any
    ) -> None:
        super().__init__()
        known = adapter_of(self.name).Config.model_fields
        common = {"batch_size": int(batch_size or 1), "device": device}
        arguments |= {key: value for key, value in common.items() if key in known and value is not None}
        if "pretrained" in arguments:
            arguments["checkpoint"] = arguments.pop("pretrained")
        self._frames = frames.strip("'\"") if frames else None  # quotes keep commas together on the command line
        self._clips = ClipLoader(cache_dir())
        self._model = create_model(self.name, arguments, self._clips)
        self._prepared: set[str] = set()

    @property
    def device(self) -> Any:
        """The device that lmms-eval's own tensors go to; several ranks gather there."""
        import torch

        return torch.device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu")

    def generate_until(self, requests: Sequence[Any]) -> list[Any]:
        """Answer the requests, in order."""
        groups: dict[tuple[str, str, str], list[int]] = {}
        for place, (_, _, settings, _, task, split) in enumerate(request.args for request in requests):
            groups.setdefault((task, split, str(sorted(settings.items(), key=str))), []).append(place)
        answers: dict[int, Response] = {}
        for (task, split, _), places in groups.items():
            documents = self.task_dict[task][split]
            chosen = [requests[place].args for place in places]
            found = self._ours(documents.asked, chosen) if isinstance(documents, Documents) else self._others(chosen)
            answers |= dict(zip(places, found, strict=True))
        return [_result(answers[place]) for place in range(len(requests))]

    def loglikelihood(self, requests: Sequence[Any]) -> NoReturn:
        """Refuse: no model of ours is asked so."""
        raise NotImplementedError(f"{self.name} answers in words")

    def generate_until_multi_round(self, requests: Sequence[Any]) -> list[Any]:
        """Answer the requests; the conversations of our tasks are held by our runner."""
        for *_, task, split in (request.args for request in requests):
            if not isinstance(self.task_dict[task][split], Documents):
                raise NotImplementedError(f"{self.name} holds the conversations of this project's tasks alone")
        return self.generate_until(requests)

    def clean(self) -> None:
        """Free what the model holds."""
        self._model.close()
        self._clips.close()

    def _ours(self, asked: Asked, chosen: Sequence[tuple[Any, ...]]) -> list[Response]:
        """Return the answers to documents of one of our tasks, asked as `vau-bench evaluate` asks them."""
        run, task = asked.run, asked.run.task
        if task.name not in self._prepared:
            self._model.prepare(task.name, run.kind, asked.tuning())
            self._prepared.add(task.name)
        samples = [run.selection.samples[number] for _, _, _, number, _, _ in chosen]
        own = self._model.style if self._model.style in task.prompts.styles else None
        style = asked.style or own or run.style
        run = replace(
            run,
            selection=replace(run.selection, samples=tuple({sample.id: sample for sample in samples}.values())),
            style=style,
            frames=self._model.planned(self._frames, run.frames),
            generation=_generation(chosen[0][2], run.generation),
        )
        kept = _Kept()
        Runner(self._model, self.name, kept, self._clips, lambda response: None).run([run])
        whole = whole_conversations(turns_of(kept.last.values(), task.name, style), run.turns)
        return [whole[sample.id] for sample in samples]

    def _others(self, chosen: Sequence[tuple[Any, ...]]) -> list[Response]:
        """Return the answers to documents of lmms-eval's own tasks."""
        digest = model_digest(self.name, self._model.identity())
        asked = [self._request(digest, *arguments) for arguments in chosen]
        responses = {response.key: response for response in self._model.generate({r.key: r for r in asked}.values())}
        return [responses[request.key] for request in asked]

    def _request(
        self, digest: str, text: str, chat: Any, settings: Mapping[str, Any], number: int, task: str, split: str
    ) -> Request:
        turns = chat(self.task_dict[task][split][number])
        videos = [part["url"] for turn in turns for part in turn["content"] if part["type"] != "text"]
        kinds = {part["type"] for turn in turns for part in turn["content"]}
        if kinds - {"text", "video"} or len(videos) > 1 or not all(isinstance(video, str) for video in videos):
            raise UsageError(f"{self.name} looks at one video file a question; {task} shows {', '.join(sorted(kinds))}")
        messages = tuple(_message(turn) for turn in turns)
        video = Path(videos[0]) if videos else None
        plan = self._model.planned(self._frames, FRAMES)
        generation = _generation(settings, Generation())
        content = self._clips.hash(video) if video else None
        return Request(
            key=request_key(digest, task, str(number), 0, messages, generation, content, plan),
            task=task,
            kind="other",
            style="direct",
            turn=0,
            sample=Sample(str(number), str(video or ""), str(video or number), Target()),
            messages=messages,
            generation=generation,
            video=video,
            plan=plan,
        )


class QwenVL(VauModel):
    """`qwen_vl`: Qwen2-VL, Qwen2.5-VL and Qwen3-VL, told the times that they are shown."""

    name = "qwen_vl"


class SrvauR1(VauModel):
    """`srvau_r1`: the same for checkpoints of this project's recipe; the installed one by default."""

    name = "srvau_r1"


class Motion(VauModel):
    """`motion`: what moves unusually, without any training."""

    name = "motion"


def _message(turn: Mapping[str, Any]) -> Message:
    text = "\n".join(part["text"] for part in turn["content"] if part["type"] == "text")
    return Message(turn["role"], text, any(part["type"] == "video" for part in turn["content"]))


def _generation(settings: Mapping[str, Any], base: Generation) -> Generation:
    """Return the generation that lmms-eval asks for; what it leaves open stays."""
    return replace(
        base,
        max_new_tokens=int(settings.get("max_new_tokens") or base.max_new_tokens),
        temperature=float(settings.get("temperature") or 0.0),
        top_p=float(settings.get("top_p") or base.top_p),
    )


def _result(response: Response) -> Any:
    usage = response.usage
    counts = TokenCounts(usage.prompt_tokens, usage.completion_tokens) if usage else None
    return GenerationResult(Answer(response), counts)
