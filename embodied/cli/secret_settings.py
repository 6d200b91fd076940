"""Secrets that were typed reach the verb that asked for them, and nothing that is composed, printed or written.

Which keys are secret stands with the settings themselves (`typed.secret`). Hydra never sees them: it writes what it
sees into three files of every run.
"""

from __future__ import annotations

import dataclasses
import os
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from embodied.cli.errors import UsageError
from embodied.typed import is_secret

KEPT_OUT = "(kept out of files)"
"""What stands in a run's files where a secret was given."""


def secret_keys(kind: type) -> frozenset[str]:
    """Dotted names of the secrets among the settings of a verb."""
    return frozenset(_secrets(kind, ""))


def _secrets(kind: type, prefix: str) -> Iterator[str]:
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if is_secret(field):
            yield prefix + field.name
        elif dataclasses.is_dataclass(hints[field.name]):
            yield from _secrets(hints[field.name], f"{prefix}{field.name}.")


def withhold(kind: type, overrides: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """The words without secrets, and the secrets by their keys. Raises UsageError, which repeats none of them."""
    keys = secret_keys(kind)
    for text in overrides:
        _refuse_another_spelling(text, keys)
    rest = [text for text in overrides if _key(text) not in keys]
    return rest, {_key(text): _value(text) for text in overrides if _key(text) in keys}


def _refuse_another_spelling(text: str, keys: frozenset[str]) -> None:
    """Raise UsageError for what means a secret and would not be withheld: `--token=..`, `token@x=..`."""
    head, is_value, _ = text.partition("=")
    meant = re.split(r"[@:\[]", head.strip(" \t\n+~-").lower())[0].strip().replace("-", "_")
    key = next((key for key in keys if f"{meant}.".startswith(f"{key}.")), None)
    if is_value and key is not None and _key(text) != key:
        raise UsageError(f"{key}: expected {key}=value, got another spelling of it (which is not repeated here)")


def _key(text: str) -> str:
    return text.partition("=")[0].lstrip("+~")


def _value(text: str) -> Any:
    """The value of `key=value`, read as Hydra reads it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import QuotedString
    from hydra.errors import HydraException

    key = _key(text)
    if "oc.env" in text or "oc.decode" in text or "_target_" in text:
        raise UsageError(f"{key}: what it says is refused; write the value itself")
    try:
        parsed = OverridesParser.create().parse_override(text)
    except HydraException:
        raise UsageError(f"{key}: expected a value that can be read (it is not repeated here); put it into quotes, or "
                         f"leave it out") from None
    if parsed.is_sweep_override() or parsed.is_delete():
        raise UsageError(f"{key}: expected one value; it is no setting to sweep over or to remove")
    value = parsed.value()
    return value.text if isinstance(value, QuotedString) else value


def check_endpoint(base_url: str | None, key_variable: str | None) -> None:
    """Raise UsageError for an address or a variable's name that looks like a secret, which it does not
    repeat:
    both are written into files."""
    if base_url is not None:
        _check_address(*base_url.partition("?")[::2])
    if key_variable is not None and key_variable not in os.environ:
        raise UsageError("chat.key_variable: expected the name of an environment variable that is set, such as "
                         "OPENAI_API_KEY, and not a key; export the key under a name, and give the name")


_SECRET = re.compile("key|token|secret|sig|pass|pwd|auth|code|cred|sas|jwt|session")
"""In the names of parameters that hold secrets, and of some that do not: those are refused too."""


def _check_address(before: str, query: str) -> None:
    """Raise UsageError for a name, password, fragment, or parameter that may be a secret."""
    advice = "name the variable that holds the key with chat.key_variable"
    if set("@#") & set(before + query):
        raise UsageError("chat.base_url: expected an address without names, passwords and fragments, such as "
                         f"http://127.0.0.1:8000/v1; {advice}")
    for parameter in re.split("[&;]", query) if query else ():
        name, is_named, _ = parameter.partition("=")
        if not is_named:
            raise UsageError("chat.base_url: expected name=value between the & after ?, got a parameter without a "
                             "value "
                             f"(it is not repeated here); {advice}")
        if _SECRET.search(re.sub("[^a-z]", "", unquote(name).lower())):
            raise UsageError(f"chat.base_url: expected parameters that hold no secret, got the parameter "
                             f"{unquote(name)!r} (its value is not repeated here); {advice}")


def shown(word: str, kind: type) -> str:
    """A word of the command line, as it may be shown."""
    return f"{word.partition('=')[0]}={KEPT_OUT}" if "=" in word and _key(word) in secret_keys(kind) else word


def merged(values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values with those of dotted keys in their places."""
    result = dict(values)
    for dotted, value in given.items():
        head, _, tail = dotted.partition(".")
        result[head] = merged(result.get(head) or {}, {tail: value}) if tail else value
    return result


def hidden(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same keys, saying only that something was given."""
    return {key: None if value is None else KEPT_OUT for key, value in given.items()}
