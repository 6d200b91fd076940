"""The fields of a chat completion request: which are heeded, which may have one value alone, which change nothing.

`FIELDS` is the one table: requests are checked by it, and docs/serving.md prints it. Null means absent everywhere. What
is neither heeded nor without effect is refused by name: an answer that only looks like what was asked for misleads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from embodied.serving.errors import ApiError
from envs.names import hint

HEEDED, FIXED, IDLE = "heeded", "one value", "no effect"


@dataclass(frozen=True, slots=True)
class Field:
    """How a field is treated. expected: values that are taken, in words. why: what the planner does instead, or why
    the field changes nothing. for_robots: whether `robot:` models heed it too."""

    treatment: str
    expected: str
    why: str
    takes: Callable[[Any], bool] = lambda _: True
    for_robots: bool = True


def _is(*values: Any) -> Callable[[Any], bool]:
    """Whether a value is one of these, 0 and False told apart."""
    return lambda value: any(value == v and isinstance(value, bool) == isinstance(v, bool) for v in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


FIELDS: Mapping[str, Field] = {
    "model": Field(HEEDED, "the name of the loaded weights, such as `mind-tiny`, or `robot:<session>`",
                   "`GET /v1/models` lists them"),
    "messages": Field(HEEDED, "`user` and `assistant` messages, the user's last; parts `text` and `image_url`",
                      "the texts of the user's last turn are the instruction, the last pictures of the user's the "
                      "scene (one colour picture alone is taken for the front camera's, and answered in words); "
                      "earlier instructions and the assistant's words are not read; system, developer and tool "
                      "messages are "
                      "refused, for nobody follows standing orders here"),
    "stream": Field(HEEDED, "true or false", "a plan is sent once it is whole and checked, token by token"),
    "stream_options": Field(HEEDED, "`include_usage`, with `stream: true`", "usage comes in a last chunk"),
    "max_tokens": Field(HEEDED, "an integer from 1 on", "of the answer, 192 at most; `finish_reason` is `length` where "
                        "that cut it", for_robots=False),
    "max_completion_tokens": Field(HEEDED, "an integer from 1 on", "the same by its newer name; not both with "
                                   "different values", for_robots=False),
    "stop": Field(HEEDED, "a text, or up to 4", "the answer ends before the first of them", for_robots=False),
    "logprobs": Field(HEEDED, "true or false", "of each token, after the mask of the plan grammar; null where the "
                      "answer is not the model's own words", for_robots=False),
    "n": Field(FIXED, "1", "the likeliest plan is one", _is(1)),
    "temperature": Field(FIXED, "0", "plans are the likeliest ones", _is(0)),
    "top_logprobs": Field(FIXED, "0", "other tokens are not kept", _is(0)),
    "response_format": Field(FIXED, '`{"type": "text"}`', "a plan is text of the plan grammar",
                             _is({"type": "text"})),
    "tools": Field(FIXED, "[]", "the planner calls no functions: skills are in the text of its plan", _is([])),
    "tool_choice": Field(FIXED, '"none"', "the planner calls no functions", _is("none")),
    "functions": Field(FIXED, "[]", "the planner calls no functions", _is([])),
    "function_call": Field(FIXED, '"none"', "the planner calls no functions", _is("none")),
    "presence_penalty": Field(FIXED, "0", "plans are the likeliest ones", _is(0)),
    "frequency_penalty": Field(FIXED, "0", "plans are the likeliest ones", _is(0)),
    "logit_bias": Field(FIXED, "{}", "plans are the likeliest ones", _is({})),
    "modalities": Field(FIXED, '["text"]', "answers are text", _is(["text"])),
    "store": Field(FIXED, "false", "nothing is kept", _is(False)),
    "service_tier": Field(FIXED, '"auto" or "default"', "there is one queue", _is("auto", "default")),
    "reasoning_effort": Field(FIXED, '"none"', "the planner does not think aloud", _is("none")),
    "seed": Field(IDLE, "an integer", "the same request has the same plan", lambda v: _is_number(v) and v == int(v)),
    "top_p": Field(IDLE, "a number in (0, 1]", "the likeliest token is in every nucleus",
                   lambda v: _is_number(v) and 0 < v <= 1),
    "parallel_tool_calls": Field(IDLE, "true or false", "no functions are called", lambda v: isinstance(v, bool)),
    "user": Field(IDLE, "a text", "a name for the client's own records", lambda v: isinstance(v, str)),
    "safety_identifier": Field(IDLE, "a text", "the same", lambda v: isinstance(v, str)),
    "prompt_cache_key": Field(IDLE, "a text", "the same", lambda v: isinstance(v, str)),
    "metadata": Field(IDLE, "a map", "the same", lambda v: isinstance(v, dict)),
}


def refuse_unheeded(given: Mapping[str, Any], *, is_robot: bool) -> None:
    """given: fields of a request that are not null. Raises ApiError 422 that names the first one that would
    be ignored, and what is taken."""
    for name, value in given.items():
        known = FIELDS.get(name)
        if known is None:
            raise _unheeded(ascii(name[:40]), "one of the fields that docs/serving.md lists" + hint(name, FIELDS))
        if is_robot and not known.for_robots and value is not False:
            raise _unheeded(name, "null with robot:<session>, which reports what it does until it has done it")
        if not known.takes(value):
            raise _unheeded(name, f"{known.expected.replace('`', '')} or null: {known.why}")


def _unheeded(name: str, expected: str) -> ApiError:
    return ApiError(422, "invalid", f"{name}: expected {expected}")


def table() -> str:
    """The table as docs/serving.md prints it."""
    rows = [f"| `{name}` | {known.treatment}{'' if known.for_robots else ', by the planner'} | {known.expected} | "
            f"{known.why} |" for name, known in FIELDS.items()]
    return "\n".join(["| field | treatment | takes | because |", "|---|---|---|---|", *rows])
