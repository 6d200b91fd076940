"""Replies of chat models read strictly: for every text a Plan or a PlanError, never a part of a plan."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from embodied.agents.backends.chat_reply import ChatReply, ToolCall
from embodied.agents.prompting.library import DONE, WORDS
from embodied.planning.arguments import DECIMALS, TEXT_LIMIT, short
from embodied.planning.language import MAX_BYTES, Plan, PlanError, clause
from envs.interface import Referent, SkillCall
from envs.names import nearest
from envs.skills.signatures import Parameter, PlanLanguage

MAX_DEPTH = 8
QUESTION_LIMIT = 300
MOST_CALLS = 20
"""Most calls of one plan: an episode of ten things takes as many."""

_KEYS = ("thought", "calls")
_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
"""How reasoning models set their thoughts before the answer."""
_FENCE = re.compile(r"\A```(?:json)?[ \t]*\n(.*)\n```\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a reply may say in one scene. names: of the objects in sight."""

    language: PlanLanguage
    names: Sequence[str]
    is_holding: bool = False
    most_calls: int = MOST_CALLS


def read_reply(reply: ChatReply, rules: Rules) -> Plan:
    """The plan that a reply says, its referents ungrounded. Raises PlanError for everything else.

    Where tools were called they are the plan; else the text is.
    """
    if reply.finish_reason == "length":
        raise PlanError("the answer was cut off at its longest, make it shorter")
    return read_tools(reply.tool_calls, rules, reply.text) if reply.tool_calls else read_text(reply.text, rules)


def read_text(text: str, rules: Rules) -> Plan:
    """The plan in a text: one JSON object, perhaps after <think>..</think> and within one ``` fence."""
    said = load_strictly(_unwrapped(text))
    if not isinstance(said, dict):
        raise PlanError(f"a reply is a JSON object, got {_kind(said)}")
    _known_keys(said, _KEYS, "a reply")
    if not isinstance(said.get("thought", ""), str):
        raise PlanError(f'"thought" is a string, got {_kind(said["thought"])}')
    if not isinstance(said.get("calls"), list):
        raise PlanError(f'"calls" is a list, got {_kind(said["calls"]) if "calls" in said else "none"}')
    return _plan(said["calls"], text, rules)


def read_tools(called: Sequence[ToolCall], rules: Rules, text: str = "") -> Plan:
    """The plan that tool calls make up, in their order; done() may end it."""
    said = [{"skill": c.name, "arguments": load_strictly(c.arguments.strip() or "{}")} for c in called]
    if said and said[-1] == {"skill": DONE, "arguments": {}} and DONE not in rules.language.skills:
        said.pop()
    return _plan(said, "; ".join([*([text] if text else []), *(f"{c.name}({c.arguments})" for c in called)]), rules)


def load_strictly(text: str) -> Any:
    """The value of a JSON text without what JSON has not, or has twice. Raises PlanError.

    Refused: NaN and infinite numbers however spelled, duplicate keys, lone surrogates, more than 16 KiB, more than
    `MAX_DEPTH` levels, anything after the value.
    """
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise PlanError("the answer holds half a character, a lone surrogate") from None
    if size > MAX_BYTES:
        raise PlanError(f"the answer has at most {MAX_BYTES} bytes, got {size}")
    if _depth(text) > MAX_DEPTH:
        raise PlanError(f"JSON of at most {MAX_DEPTH} levels, got more")
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_without_twins)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise PlanError("the answer holds half a character, a lone surrogate") from None
    except json.JSONDecodeError as error:
        raise PlanError(f"the answer is not one JSON object: {error.msg} at character {error.pos}, "
                        f"near {short(text[error.pos:] or text)}") from None
    except ValueError as error:  # a number of five thousand digits; PlanError is one too
        raise error if isinstance(error, PlanError) else PlanError("a number is too long") from None
    return value


def _unwrapped(text: str) -> str:
    body = _THINKING.sub("", text, count=1).strip(" \t\r\n")
    fenced = _FENCE.match(body)
    return fenced[1] if fenced else body


def _depth(text: str) -> int:
    """How deep brackets nest outside strings; counted before parsing, which would run out of stack."""
    deepest = depth = 0
    for token in re.findall(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text, re.DOTALL):
        depth += (token in "[{") - (token in "]}")
        deepest = max(deepest, depth)
    return deepest


def _no_constant(name: str) -> Any:
    raise PlanError(f"JSON has no {name}")


def _finite(spelled: str) -> float:
    number = float(spelled)
    if number in (float("inf"), float("-inf")):
        raise PlanError(f"{short(spelled)} is no finite number")
    return number


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twin = next(k for i, (k, _) in enumerate(pairs) if k in dict(pairs[:i]))
        raise PlanError(f"the key {short(twin)} stands there twice")
    return found


def _plan(said: Sequence[Any], text: str, rules: Rules) -> Plan:
    """The plan, when the hand can follow it; a refusal or a question stands alone."""
    if len(said) > rules.most_calls:
        raise PlanError(f"a plan has at most {rules.most_calls} calls, got {len(said)}")
    calls = [_call(c, rules) for c in said]
    words = next((c for c in calls if c.skill in WORDS and c.skill not in rules.language.skills), None)
    if words is None:
        _check_hand(calls, rules.language, rules.is_holding)
        return Plan(tuple(calls), text=text)
    if len(calls) > 1:
        raise PlanError(f"{words.skill} is the only call of its plan, got {len(calls)} calls")
    spelled = str(words.arguments[0])
    return Plan((), refusal=clause(spelled), text=text) if words.skill == "refuse" else Plan(
        (), question=spoken(spelled), text=text)


def _call(said: Any, rules: Rules) -> SkillCall:
    """One call, its arguments in the order of the signature."""
    if not isinstance(said, dict) or not isinstance(said.get("skill"), str):
        raise PlanError('a call is {"skill": "NAME", "arguments": {..}}, got ' + _kind(said))
    _known_keys(said, ("skill", "arguments"), "a call")
    name, arguments = said["skill"], said.get("arguments", {})
    if not isinstance(arguments, dict):
        raise PlanError(f'"arguments" of {short(name)} is an object, got {_kind(arguments)}')
    parameters = _parameters(name, rules.language)
    if set(arguments) != {p.name for p in parameters}:
        raise PlanError(f"{name} takes {{{', '.join(p.name for p in parameters)}}}, got "
                        f"{{{', '.join(short(k) for k in arguments)}}}")
    return SkillCall(name, tuple(_argument(arguments[p.name], p, name, rules) for p in parameters))


def _parameters(name: str, language: PlanLanguage) -> tuple[Parameter, ...]:
    """Parameters of a function."""
    if name in language.skills:
        return language.skills[name].parameters
    if name in WORDS:
        return (Parameter(WORDS[name], "text"),)
    raise PlanError(f"there is no function {short(name)}{_nearest(name, [*language.skills, *WORDS])}")


def _argument(value: Any, parameter: Parameter, skill: str, rules: Rules) -> Referent | str | float:
    if parameter.kind == "number":
        return _number(value, parameter, skill)
    if not isinstance(value, str):
        raise PlanError(f"{parameter.name} of {skill} is a string, got {_kind(value)}")
    if parameter.kind == "object":
        if value not in rules.names:
            raise PlanError(f"there is no object {short(value)}, the names are {', '.join(rules.names) or 'none'}")
        return Referent(value)
    limit = MAX_BYTES if skill in WORDS else TEXT_LIMIT  # what people read is cut; what a skill reads is not
    if not value.strip() or len(value) > limit or not (value.isprintable() or skill in WORDS):
        raise PlanError(f"{parameter.name} of {skill} is 1 to {limit} printable characters, got {short(value)}")
    return value


def _number(value: Any, parameter: Parameter, skill: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not parameter.low <= round(value, DECIMALS) <= parameter.high:
        got = f"{value:g}" if is_number else _kind(value)
        raise PlanError(f"{parameter.name} of {skill} is a number from {parameter.low:g} to {parameter.high:g}, got "
                        f"{got}")
    return float(round(value, DECIMALS))


def _check_hand(calls: Sequence[SkillCall], language: PlanLanguage, is_full: bool) -> None:
    """Raise PlanError where a call needs the hand otherwise than the calls before it leave it."""
    held: Any = None
    for number, call in enumerate(calls, start=1):
        if call.skill in language.grasping:
            if is_full:
                raise PlanError(f"call {number}, {call.skill}, needs an empty hand, and it holds something by then")
            is_full, held = True, next(iter(call.arguments), None)
        elif call.skill in language.releasing:
            if not is_full:
                raise PlanError(f"call {number}, {call.skill}, needs a full hand, and it is empty by then")
            if held is not None and held in call.arguments:
                raise PlanError(f"call {number}, {call.skill}, would put an object onto itself")
            is_full, held = False, None


def spoken(text: str) -> str:
    """What people are shown of a model's words: one line, printable, not too long."""
    kept = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    return " ".join(kept.split())[:QUESTION_LIMIT].strip() or "What do you mean?"


def _known_keys(said: Mapping[str, Any], known: Sequence[str], whose: str) -> None:
    unknown = [key for key in said if key not in known]
    if unknown:
        raise PlanError(f"{whose} has only the keys {', '.join(known)}, got {short(unknown[0])}")


def _nearest(word: str, names: Sequence[str]) -> str:
    near = nearest(word, names)
    return f", did you mean {near!r}" if near else f", the functions are {', '.join(names)}"


def _kind(value: Any) -> str:
    """What a value is, for a complaint."""
    return {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "null"}.get(
        type(value), "a number")
