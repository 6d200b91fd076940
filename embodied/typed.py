"""Plain values -> frozen dataclasses; unknown keys, wrong types and values out of range are refused by name.

A dataclass says here, once, what a setting is: its name, its type and its range. The command line and the training
rooms read it with the same `read`.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from envs.names import hint as nearest

Reader = Callable[[Any, str], Any]
"""(plain value, its dotted name) -> what the field holds; raises SettingError."""


class SettingError(ValueError):
    """A setting that is unknown, missing, of another type or out of range; the message says what to write."""



def between(low: float, high: float = math.inf, default: Any = dataclasses.MISSING) -> Any:
    """A dataclass field whose number must lie in [low, high]."""
    return dataclasses.field(default=default, metadata={"low": low, "high": high})


def read_by(reader: Reader) -> dict[str, Reader]:
    """Metadata of a dataclass field whose plain value `reader` understands, where its type alone does not say how."""
    return {"reader": reader}


def secret() -> Any:
    """A dataclass field that holds a secret, or nothing: never shown, repeated or written (see `withheld`)."""
    return dataclasses.field(default=None, repr=False, metadata={"is_secret": True})


def is_secret(field: dataclasses.Field) -> bool:
    return bool(field.metadata.get("is_secret"))


def read(kind: type, values: Mapping[str, Any], where: str = "") -> Any:
    """An instance of the dataclass `kind`. where: dotted name of `values`. Raises SettingError."""
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    for key in values:
        if key not in fields:
            raise SettingError(f"unknown key {_join(where, key)!r}" + _remedy(str(key), fields, _join(where, "")))
    required = [n for n, f in fields.items() if f.default is f.default_factory is dataclasses.MISSING]
    missing = [n for n in required if n not in values]
    if missing:
        raise SettingError(f"{_join(where, missing[0])} is missing from the configuration")
    given = {name: _value(hints[name], value, _join(where, name), fields[name]) for name, value in values.items()}
    return kind(**given)


def _value(hint: Any, value: Any, where: str, field: dataclasses.Field | None = None) -> Any:
    if field is not None and is_secret(field):
        return _kept_quiet(hint, value, where)
    if field is not None and "reader" in field.metadata:
        return field.metadata["reader"](value, where)
    checked = _typed(hint, value, where)
    if field is not None and "low" in field.metadata and checked is not None:
        low, high = field.metadata["low"], field.metadata["high"]
        if not low <= checked <= high:
            expected = f"at least {low}" if high == math.inf else f"between {low} and {high}"
            raise SettingError(f"{where}={value}: expected {expected}")
    return checked


def _kept_quiet(hint: Any, value: Any, where: str) -> Any:
    """The typed value of a secret; a complaint does not repeat it."""
    try:
        return _typed(hint, value, where)
    except SettingError:
        raise SettingError(f"{where}: expected text, got {type(value).__name__}; put it into quotes") from None


def _typed(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _typed(next(a for a in arguments if a is not type(None)), value, where)
    if origin is typing.Literal:
        return _choice(arguments, value, where)
    if origin is tuple:
        return _sequence(arguments[0], value, where)
    if dataclasses.is_dataclass(hint):
        return read(hint, _mapping(value, where), where)
    if dict in (origin, hint):
        _, of_values = arguments or (Any, Any)
        return {key: _typed(of_values, item, _join(where, key)) for key, item in _mapping(value, where).items()}
    return value if hint is Any else _scalar(hint, value, where)


def _choice(allowed: tuple, value: Any, where: str) -> Any:
    if value not in allowed:
        known = list(map(str, allowed))
        raise SettingError(f"{where}={value}: expected one of {', '.join(known)}" + nearest(str(value), known))
    return value


def _sequence(hint: Any, value: Any, where: str) -> tuple:
    if not isinstance(value, list | tuple):
        raise SettingError(f"{where}={value}: expected a list such as [a,b]")
    return tuple(_typed(hint, v, f"{where}[{i}]") for i, v in enumerate(value))


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingError(f"{where}={value}: expected keys and values")
    return value


def _scalar(kind: type, value: Any, where: str) -> Any:
    """The value as `kind`: an integer will do for a float, and nothing else is converted."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise SettingError(f"{where}={value}: expected {_NAMES[kind]}, got {type(value).__name__}")
    if kind is float and not math.isfinite(value):
        raise SettingError(f"{where}={value}: expected a finite number")
    return value


_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def _join(where: str, key: Any) -> str:
    return f"{where}.{key}" if where else str(key)


def _remedy(key: str, known: Iterable[str], within: str) -> str:
    """The nearest known key, or all of them."""
    return nearest(key, known, within=within, otherwise=f"known: {', '.join(sorted(known))}", likeness=0.5)
