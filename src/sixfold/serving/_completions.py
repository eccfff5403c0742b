"""The forms in which existing clients ask for texts: ``/v1/completions``, ``/v1/chat/completions``, ``/v1/models``.

What OpenAI's interface says and this model cannot do is refused, not passed over. *Not* promised: what those forms
leave to the model. Messages are read one after another, each on a line of its own: a model that was not taught to talk
does not know who said them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sixfold.errors import RequestError
from sixfold.language import Text
from sixfold.serving._engine import Engine

__all__ = ["Chat", "Completion", "json_of", "models", "read"]

_MOST_TEXTS = 16
_IDLE: tuple[Any, ...] = (None, False, 0, 0.0, {}, [], 1)
"""What a client may say of what is not offered, since it asks for nothing."""

_REFUSED = (
    "best_of", "frequency_penalty", "functions", "logit_bias", "logprobs", "modalities", "presence_penalty",
    "response_format", "suffix", "tools", "top_logprobs", "audio",
)  # fmt: skip


class _Asked(BaseModel):
    """What both forms have in common; other words of the interface that change nothing are let pass."""

    model_config = ConfigDict(extra="allow", frozen=True)

    model: str
    n: int = Field(1, ge=1, le=_MOST_TEXTS)
    stream: bool = False
    stream_options: dict[str, Any] | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None

    def settings(self, prompt: str, most: int | None) -> dict[str, Any]:
        """As the task's own settings say it."""
        stop = [self.stop] if isinstance(self.stop, str) else self.stop
        temperature = 1.0 if self.temperature is None else self.temperature
        told = {"top_p": self.top_p, "seed": self.seed, "stop": stop, "most": most}
        return {
            "prompt": prompt,
            "temperature": temperature,
            **{name: value for name, value in told.items() if value is not None},
        }

    @property
    def tells_usage(self) -> bool:
        """Whether a stream ends by telling how many tokens it took."""
        return bool((self.stream_options or {}).get("include_usage"))


class Completion(_Asked):
    """``POST /v1/completions``."""

    prompt: str | list[str] = ""
    max_tokens: int | None = Field(16, ge=1)
    echo: bool = False

    @property
    def prompts(self) -> list[str]:
        """Each prompt: a text for each of them, ``n`` times."""
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt

    def answer(self, engine: Engine) -> dict[str, Any]:
        """The whole answer.

        Raises:
            RequestError: As :meth:`Engine.answers`.
        """
        choices: list[dict[str, Any]] = []
        usage = _Usage(engine)
        for prompt in self.prompts:
            answers = engine.answers([{}] * self.n, self.settings(prompt, self.max_tokens))
            usage.read(prompt)
            for answer in answers:
                text = answer[engine.bundle.target.name]
                usage.wrote(text)
                choices.append(_choice(len(choices), answer["finish"], text=prompt * self.echo + text))
        return {**_head("cmpl", "text_completion", engine), "choices": choices, "usage": usage.told}

    def events(self, engine: Engine) -> Iterator[bytes]:
        """The answer as server-sent events, piece by piece; one prompt after another."""
        head, usage = _head("cmpl", "text_completion", engine), _Usage(engine)
        jobs = [prompt for prompt in self.prompts for _ in range(self.n)]
        for index, prompt in enumerate(jobs):
            usage.read(prompt)
            asked = self.settings(prompt, self.max_tokens)
            if self.seed is not None:
                asked["seed"] = self.seed + index % self.n
            if self.echo:
                yield _event({**head, "choices": [_choice(index, None, text=prompt)]})
            finish = yield from _pieces(
                engine,
                asked,
                usage,
                lambda piece, at=index: {**head, "choices": [_choice(at, None, text=piece)]},  # type: ignore[misc]
            )
            yield _event({**head, "choices": [_choice(index, finish, text="")]})
        yield from _last(head, usage if self.tells_usage else None)


class _Message(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    role: str
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """What is said, as one text.

        Raises:
            RequestError: Something of it is no text.
        """
        if not isinstance(self.content, list):
            return self.content or ""
        for part in self.content:
            if part.get("type") != "text":
                raise RequestError("not_offered", name=f"messages.content.{part.get('type')}")
        return "".join(str(part.get("text", "")) for part in self.content)


class Chat(_Asked):
    """``POST /v1/chat/completions``."""

    messages: list[_Message] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)

    @property
    def prompts(self) -> list[str]:
        """The messages as one text, each on a line of its own."""
        return ["\n".join(message.text for message in self.messages) + "\n"]

    def answer(self, engine: Engine) -> dict[str, Any]:
        """The whole answer.

        Raises:
            RequestError: As :meth:`Engine.answers`.
        """
        (prompt,), usage = self.prompts, _Usage(engine)
        usage.read(prompt)
        choices = []
        for index, answer in enumerate(engine.answers([{}] * self.n, self.settings(prompt, self._most))):
            text = answer[engine.bundle.target.name]
            usage.wrote(text)
            choices.append(_choice(index, answer["finish"], message={"role": "assistant", "content": text}))
        return {**_head("chatcmpl", "chat.completion", engine), "choices": choices, "usage": usage.told}

    def events(self, engine: Engine) -> Iterator[bytes]:
        """The answer as server-sent events, piece by piece."""
        (prompt,), usage = self.prompts, _Usage(engine)
        head = _head("chatcmpl", "chat.completion.chunk", engine)
        usage.read(prompt)
        for index in range(self.n):
            asked = self.settings(prompt, self._most)
            if self.seed is not None:
                asked["seed"] = self.seed + index
            begins = {"role": "assistant", "content": ""}
            yield _event({**head, "choices": [_choice(index, None, delta=begins)]})
            finish = yield from _pieces(
                engine,
                asked,
                usage,
                lambda piece, at=index: {**head, "choices": [_choice(at, None, delta={"content": piece})]},  # type: ignore[misc]
            )
            yield _event({**head, "choices": [_choice(index, finish, delta={})]})
        yield from _last(head, usage if self.tells_usage else None)

    @property
    def _most(self) -> int | None:
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens


def json_of(body: bytes) -> Any:
    """What a body says in JSON.

    Raises:
        RequestError: It is not JSON; the error names the place where it breaks.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        reason = Text("it breaks at line {line}, column {column}", "在第 {line} 行第 {column} 列处出错")
        raise RequestError("not_json", reason=reason(line=error.lineno, column=error.colno)) from None


def read(kind: type[Completion] | type[Chat], body: bytes, engine: Engine) -> Completion | Chat:
    """What a request of this form asks.

    Raises:
        RequestError: It is not JSON, not of this form, names another model, or asks for what is not offered.
    """
    try:
        asked = kind.model_validate(json_of(body))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"])) or "–"
        known = ", ".join(kind.model_fields)
        raise RequestError("bad_setting", setting=name, reason=first["msg"], known=known) from error
    name = engine.bundle.product.name
    if asked.model not in (name, engine.bundle.version):
        raise RequestError("no_model", model=asked.model, known=name)
    for word, value in (asked.model_extra or {}).items():
        if word in _REFUSED and value not in _IDLE:
            raise RequestError("not_offered", name=word)
    if len(asked.prompts) > _MOST_TEXTS:
        raise RequestError("too_many_rows", count=len(asked.prompts), limit=_MOST_TEXTS)
    return asked


def models(engine: Engine) -> dict[str, Any]:
    """``GET /v1/models``: the one there is."""
    model = {"id": engine.bundle.product.name, "object": "model", "created": 0, "owned_by": "sixfold"}
    return {"object": "list", "data": [model]}


class _Usage:
    """How many tokens were read and written."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._read, self._written = engine, 0, 0

    def read(self, text: str) -> None:
        self._read += self._engine.tokens(text)

    def wrote(self, text: str) -> None:
        self._written += self._engine.tokens(text)

    @property
    def told(self) -> dict[str, int]:
        return {
            "prompt_tokens": self._read,
            "completion_tokens": self._written,
            "total_tokens": self._read + self._written,
        }


def _pieces(
    engine: Engine, asked: Mapping[str, Any], usage: _Usage, told: Callable[[str], dict[str, Any]]
) -> Generator[bytes, None, str]:
    answer = yield from _each(engine.stream(asked), told)
    usage.wrote(answer[engine.bundle.target.name])
    return str(answer["finish"])


def _each(
    pieces: Generator[str, None, dict[str, Any]], told: Callable[[str], dict[str, Any]]
) -> Generator[bytes, None, dict[str, Any]]:
    while True:
        try:
            piece = next(pieces)
        except StopIteration as end:
            return dict(end.value)
        yield _event(told(piece))


def _head(prefix: str, kind: str, engine: Engine) -> dict[str, Any]:
    now = time.time()
    return {
        "id": f"{prefix}-{int(now * 1e6):x}",
        "object": kind,
        "created": int(now),
        "model": engine.bundle.product.name,
    }


def _choice(index: int, finish: Literal["stop", "length"] | str | None, **said: Any) -> dict[str, Any]:
    return {"index": index, **said, "logprobs": None, "finish_reason": finish}


def _last(head: Mapping[str, Any], usage: _Usage | None) -> Iterator[bytes]:
    if usage is not None:
        empty: Sequence[Any] = []
        yield _event({**head, "choices": empty, "usage": usage.told})
    yield b"data: [DONE]\n\n"


def _event(record: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(record) + b"\n\n"
