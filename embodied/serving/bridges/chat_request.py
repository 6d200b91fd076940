"""A chat completion request of OpenAI's form, read: what is asked for, which pictures it is about, how to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from embodied.serving.bridges.chat_fields import refuse_unheeded
from embodied.serving.errors import ApiError
from embodied.serving.request_bodies import MAX_LARGE_BYTES

ROBOT = "robot:"
MAX_PICTURES = 8

Text = Annotated[str, Field(max_length=20_000)]
Stop = Annotated[str, Field(min_length=1, max_length=200)]
Count = Annotated[int, Field(ge=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Url(_Strict):
    url: Annotated[str, Field(max_length=MAX_LARGE_BYTES)]
    detail: Literal["auto", "low", "high"] | None = None
    """Of no effect: pictures are brought to the size that the planner learned to see through."""


class Part(_Strict):
    """A part of a message of the user's."""

    type: Literal["text", "image_url"]
    text: Text | None = None
    image_url: Url | None = None

    @model_validator(mode="after")
    def _is_filled(self) -> Part:
        if getattr(self, self.type) is None:
            raise ValueError(f"expected {self.type!r} in a part of that type, got none")
        return self


class Words(_Strict):
    """A message of the user's."""

    role: Literal["user"]
    content: Text | Annotated[list[Part], Field(max_length=32)]
    name: Annotated[str, Field(max_length=200)] | None = None

    def texts(self) -> list[str]:
        if isinstance(self.content, str):
            return [self.content]
        return [part.text for part in self.content if part.text is not None]

    def urls(self) -> list[str]:
        parts = () if isinstance(self.content, str) else self.content
        return [part.image_url.url for part in parts if part.image_url is not None]


class Others(BaseModel):
    """A message of somebody else's; what is in it is not read."""

    model_config = ConfigDict(extra="ignore", strict=True)
    role: Literal["assistant", "system", "developer", "tool", "function"]
    content: Any = None


Message = Annotated[Words | Others, Field(discriminator="role")]


class StreamOptions(_Strict):
    include_usage: bool | None = None
    include_obfuscation: Literal[False] | None = None


class Chat(BaseModel):
    """A request. What it holds beside the fields that are heeded is judged by the table of fields."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    model: Annotated[str, Field(max_length=80)]
    messages: Annotated[list[Message], Field(min_length=1, max_length=64)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=4)] | None = None
    logprobs: bool = False

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        """Null is what clients send for fields that nobody set."""
        return {k: v for k, v in given.items() if v is not None} if isinstance(given, dict) else given

    @property
    def is_robot(self) -> bool:
        return self.model.startswith(ROBOT)

    @property
    def with_usage(self) -> bool:
        """Whether a stream shall end with what it cost."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @property
    def most_tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else list(self.stop or ())

    def check(self) -> None:
        """Raise ApiError 422 for what would have to be ignored."""
        refuse_unheeded(self._given(), is_robot=self.is_robot)
        if self.stream_options is not None and not self.stream:
            raise _unfit("stream_options: expected null, or stream: true beside it")
        if self.max_tokens and self.max_completion_tokens and self.max_tokens != self.max_completion_tokens:
            raise _unfit("max_tokens, max_completion_tokens: expected one of the two, got both, which differ")
        for place, message in enumerate(self.messages):
            if message.role not in ("user", "assistant") and message.content:
                raise _unfit(f"messages[{place}].role: expected user or assistant, got {message.role}; nobody follows "
                             "standing orders or reads results of tools here: say all in the user's instruction")

    def _given(self) -> Mapping[str, Any]:
        own = {name: getattr(self, name) for name in self.model_fields_set if name in type(self).model_fields}
        return {**own, **(self.model_extra or {})}

    def instruction(self) -> tuple[str, list[str]]:
        """The text of the user's last turn, and the picture URLs of the user's last message with pictures, of whatever
        turn. Raises ApiError 422."""
        if self.messages[-1].role != "user":
            raise _unfit(f"messages: expected the user's last, got one of the {self.messages[-1].role}'s")
        said = [message for message in self.messages if message.role == "user"]
        text = " ".join(text for message in self._last_turn() for text in message.texts() if text.strip())
        urls = next((urls for message in reversed(said) if (urls := message.urls())), [])
        if not text:
            raise _unfit("messages: expected a text in the user's last turn, got none")
        if len(urls) > MAX_PICTURES:
            raise _unfit(f"messages: expected at most {MAX_PICTURES} pictures in a message, got {len(urls)}")
        if urls and self.is_robot:
            raise _unfit(f"messages: expected no pictures, got {len(urls)}; robots look through cameras of their own")
        return text, urls

    def _last_turn(self) -> Sequence[Words]:
        """The user's messages since somebody else spoke."""
        start = max((i for i, message in enumerate(self.messages) if message.role != "user"), default=-1)
        return self.messages[start + 1:]


def _unfit(what: str) -> ApiError:
    return ApiError(422, "invalid", what)
