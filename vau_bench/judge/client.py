"""One judge at an endpoint: asked for JSON by schema where the server can, asked once more where it cannot be read."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field

from vau_bench.judge.fence import NO_CODE, fenced, material, new_code
from vau_bench.judge.judgements import Decision, Item, Judgement, digest
from vau_bench.judge.rubric import Rubric
from vau_bench.judge.verdict import NoVerdictError, Verdict, read_verdict
from vau_bench.models.endpoint import CallError, Endpoint, EndpointSettings, Post, shortened
from vau_bench.models.endpoint_config import EndpointConfig
from vau_bench.models.openai_wire import Answer, read_reply
from vau_bench.models.structured import StrictestForm, Wanted
from vau_bench.records import Outcome

Messages = list[dict[str, str]]

CHARACTERS_PER_TOKEN = 4
"""What the number of tokens is estimated by, before a server has counted them."""
TOKENS_PER_VERDICT = 120
"""What a verdict of the shipped rubric is taken to need, before a server has counted it."""

_QUOTED = 4_000
_REPLY_KEPT = 2_000


class JudgeConfig(EndpointConfig):
    """A judge, as `--judge` or a file of judges gives it."""

    reserved: ClassVar[Collection[str]] = (*EndpointConfig.reserved, "response_format")

    name: str | None = Field(None, min_length=1, description="name in tables; default: model@host, or model@service")
    temperature: float = Field(0.0, ge=0, le=2, description="of the verdicts; above 0, repeats show their spread")
    seed: int = Field(0, description="of the first repeat; each further one gets the next")
    max_tokens: int = Field(600, ge=16, description="of a verdict at most; reasoning models need more")
    response_format: Wanted = Field(
        "auto", description="how JSON is asked for; auto: by schema, else as an object, else in words alone"
    )
    price_input: float | None = Field(None, ge=0, description="US dollars per million tokens of prompt")
    price_output: float | None = Field(None, ge=0, description="US dollars per million tokens of verdict")

    @property
    def host(self) -> str:
        """The service's name, else host, port and path of its first address."""
        if self.service:
            return self.service
        parts = urlsplit(self.addresses[0])
        return f"{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"

    @property
    def label(self) -> str:
        """The name in tables."""
        parts = urlsplit(self.addresses[0])
        host = f"{parts.hostname}{f':{parts.port}' if parts.port else ''}"
        return self.name or f"{self.model}@{self.service or host}"

    @property
    def digest(self) -> str:
        """Hash of all that can change a verdict."""
        sampling = (self.temperature if self.send_temperature else None, self.seed if self.send_seed else None)
        return digest(
            self.host, self.model, repr(sampling), str(self.max_tokens), repr(sorted(self.extra_body.items()))
        )

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Return the price in US dollars, `None` where it is not known."""
        if self.price_input is None or self.price_output is None:
            return None
        return (prompt_tokens * self.price_input + completion_tokens * self.price_output) / 1e6


@dataclass(frozen=True, slots=True)
class Question:
    """One verdict that is wanted.

    Attributes:
        blank: the judgement with everything known but what was decided.
    """

    item: Item
    blank: Judgement

    @property
    def key(self) -> str:
        """The key of the verdict."""
        return self.blank.key


class _Tally(NamedTuple):
    calls: int = 0
    prompt: int = 0
    completion: int = 0
    seconds: float = 0.0

    def plus(self, answer: Answer) -> _Tally:
        used = answer.usage
        return _Tally(
            self.calls + 1,
            self.prompt + (used.prompt_tokens or 0),
            self.completion + (used.completion_tokens or 0),
            self.seconds + (used.seconds or 0.0),
        )


class Judge:
    """Asks one judge, with many questions in flight."""

    def __init__(self, config: JudgeConfig, rubric: Rubric) -> None:
        self.config = config
        self.rubric = rubric
        self._system = rubric.instructions()
        self._judge_digest, self._rubric_digest = config.digest, rubric.digest
        self._form = StrictestForm(config.response_format, "verdict")
        self._key: str | None = None

    def question(self, item: Item, repeat: int) -> Question:
        """Return what is to be asked about an item; makes no call."""
        text = material(item.text)
        prompt = digest(self._system, self._prompt(item, NO_CODE))
        blank = Judgement(
            key=digest(self._judge_digest, self._rubric_digest, prompt, str(repeat)),
            judge=self.config.label,
            judge_digest=self._judge_digest,
            rubric=f"{self.rubric.name}/{self.rubric.version}",
            rubric_digest=self._rubric_digest,
            prompt_digest=prompt,
            task=item.task,
            sample_id=item.sample_id,
            group=item.group,
            purpose=item.purpose,
            response_digest=digest(item.text),
            characters=len(item.text),
            left_out=text.left_out,
            repeat=repeat,
            decision=Decision.ERRORED,
        )
        return Question(item, blank)

    def tokens(self, question: Question) -> tuple[int, int]:
        """Return about how many tokens the prompt and the verdict of a question have."""
        characters = len(self._system) + len(self._prompt(question.item, NO_CODE))
        return -(-characters // CHARACTERS_PER_TOKEN), min(TOKENS_PER_VERDICT, self.config.max_tokens)

    def ask(self, questions: Iterable[Question]) -> Generator[tuple[Question, Judgement]]:
        """Yield each question with its judgement, as they come.

        Raises:
            ModelError: if the endpoint is down or accepts neither key nor model, or if a key is needed and none given.
        """
        settings: EndpointSettings = self.config.settings()
        self._key = settings.key
        endpoint: Endpoint[Question, Judgement] = Endpoint(settings, self._talk, quick=True)
        with closing(endpoint.map(questions)) as results:
            for question, result in results:
                if isinstance(result, Judgement):
                    yield question, result
                else:
                    yield question, replace(question.blank, error=self._clean(str(result)))

    async def _talk(self, post: Post, question: Question) -> Judgement:
        """Ask, and once more where the reply cannot be read, with what is wrong about it."""
        messages: Messages = [
            {"role": "system", "content": self._system},
            {"role": "user", "content": self._prompt(question.item, new_code())},
        ]
        seed = self.config.seed + question.blank.repeat
        tally, problem, reply = _Tally(), "", ""
        for repair in (False, True):
            try:
                answer = await self._asked(post, messages, seed)
            except CallError as error:
                if not repair:
                    raise
                return self._judgement(question, tally, Decision.ERRORED, error=str(error))  # asked again next time
            tally = tally.plus(answer)
            if answer.outcome is Outcome.ERRORED:
                return self._judgement(question, tally, Decision.ERRORED, error=answer.error)
            if answer.outcome is Outcome.REFUSED:
                return self._judgement(question, tally, Decision.UNPARSED, error=answer.error, reply=answer.text)
            try:
                verdict = self._read(answer)
            except NoVerdictError as error:
                problem, reply = str(error), answer.text
            else:
                return self._judgement(question, tally, Decision.JUDGED, verdict)
            messages += [
                {"role": "assistant", "content": reply[:_QUOTED] or "(nothing)"},
                {"role": "user", "content": self.rubric.complaint(problem)},
            ]
        return self._judgement(question, tally, Decision.UNPARSED, error=problem, reply=reply)

    def _read(self, answer: Answer) -> Verdict:
        try:
            return read_verdict(answer.text, tuple(self.rubric.dimensions))
        except NoVerdictError:
            if answer.outcome is Outcome.TRUNCATED:
                raise NoVerdictError(f"it was cut after {self.config.max_tokens} tokens") from None
            raise

    async def _asked(self, post: Post, messages: Messages, seed: int) -> Answer:
        payload = partial(self._payload, messages, seed)
        return read_reply(await self._form.post(post, payload, self.rubric.verdict_schema()))

    def _payload(self, messages: Messages, seed: int) -> dict[str, Any]:
        config = self.config
        return config.payload(messages, max_tokens=config.max_tokens, temperature=config.temperature, seed=seed)

    def _prompt(self, item: Item, code: str) -> str:
        reference = fenced("REFERENCE", material(item.reference).text, code)
        return self.rubric.question(item.label, reference, fenced("ANSWER", material(item.text).text, code))

    def _judgement(
        self,
        question: Question,
        tally: _Tally,
        decision: Decision,
        verdict: Verdict | None = None,
        *,
        error: str | None = None,
        reply: str | None = None,
    ) -> Judgement:
        return replace(
            question.blank,
            decision=decision,
            scores=None if verdict is None else dict(verdict.scores),
            reason=None if verdict is None else self._clean(verdict.reason),
            error=None if error is None else self._clean(error),
            reply=None if reply is None else self._clean(shortened(reply, _REPLY_KEPT)),
            calls=tally.calls,
            prompt_tokens=tally.prompt,
            completion_tokens=tally.completion,
            seconds=round(tally.seconds, 4),
            cost=self.config.cost(tally.prompt, tally.completion),
        )

    def _clean(self, text: str) -> str:
        """Return a text without the key, which a proxy may echo."""
        return text.replace(self._key, "[key]") if self._key else text
