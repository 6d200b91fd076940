"""What the episodes of a dataset were made under: episodes of two sources mix only where every fact agrees."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from embodied.data.files import write_json
from embodied.planning.declaration import LanguageError, declaration, fingerprint, read_language
from envs.names import cut
from envs.skills.signatures import LANGUAGES, PlanLanguage

FORMAT = 3
"""Of episodes and facts. Datasets of format 2, whose calls have one argument at most, are read and added to as ever.
Those of format 1 are read, but tell less: nothing of robot, skills, the share of executed episodes and the most calls,
and of their queries not what the answers rest on."""

NAMES = {"grammar": "plan language", "cameras": "camera", "image_size": "image size", "env.id": "world",
         "env.labels": "number of labels", "executed_fraction": "share of executed episodes",
         "disturbance": "share of disturbed calls", "max_calls": "most calls"}
"""Fact -> what it is called in messages, where that is not its own name."""

_NOT_COMPARED = ("package", "env.kwargs.robot", "env.kwargs.isolated", "env.kwargs.deadline_s")
"""Who made it; the robot has a fact of its own; physics in a process of its own gives the same bits."""


def facts_file(folder: Path) -> Path:
    return folder / "dataset.json"


def check_facts(found: Mapping[str, Any], expected: Mapping[str, Any], what: str) -> None:
    """Raise ValueError naming the first fact in which `found` differs from `expected`, or which it lacks."""
    for key, wanted, got in _pairs(found, expected):
        if not _agree(got, wanted):
            raise ValueError(
                f"{what} was made with another {NAMES.get(key, key.removeprefix('env.kwargs.'))}: expected "
                f"{_brief(wanted)}, got {_brief(got)} (made by embodied {found.get('package', 'unknown')}); collect it "
                "again into another folder, or use the settings and the version that it was made with")


def _pairs(found: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """(fact, expected, found) of all that is compared; None for what one of them lacks."""
    ours, theirs = _flat(expected), _flat(found)
    options = [key for key in theirs if key.startswith("env.kwargs.") and "env" in expected]  # each side may have more
    for key in dict.fromkeys((*ours, *options)):
        if key not in _NOT_COMPARED:
            yield key, ours.get(key), theirs.get(key)


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts about the environment side by side with the others."""
    env = dict(facts.get("env") or {})
    kwargs = {f"env.kwargs.{key}": value for key, value in dict(env.pop("kwargs", {})).items()}
    rest = {key: value for key, value in facts.items() if key != "env"}
    return {**rest, **{f"env.{key}": value for key, value in env.items()}, **kwargs}


def _agree(a: Any, b: Any) -> bool:
    """Whether two facts are the same; numbers that are not whole, up to what their text may lose."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_agree(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_agree, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-6)
    return a == b


def _brief(value: Any) -> str:
    return cut(json.dumps(value), 160)


def declare(folder: Path, facts: Mapping[str, Any]) -> str | None:
    """Why no episode may join what is there, None where it may: the dataset is older and does not tell every fact.

    Writes dataset.json where there is none, and the format into one that episodes of a later format may join. Raises
    ValueError where a fact that it tells is another.
    """
    (folder / "episodes").mkdir(parents=True, exist_ok=True)
    if not facts_file(folder).exists():
        write_json(facts_file(folder), dict(facts))
        return None
    found, known = read_facts(folder), dict(facts)
    untold = [key for key in known if key not in found]
    if found.get("format", 0) < known.get("format", 0):
        known = {key: value for key, value in known.items() if key in found and key != "format"}
    check_facts(found, known, f"dataset {folder}")
    if not untold:
        if "format" not in known:
            write_json(facts_file(folder), {**found, "format": facts["format"]})
        return None
    lacking = ", ".join(NAMES.get(key, key) for key in untold)
    return (f"dataset {folder} was made by embodied {found.get('package', 'unknown')} and does not tell its {lacking}: "
            "expected to know that new episodes would be made as the old ones were; collect into another folder, or "
            "with that version")


def read_facts(folder: Path) -> dict[str, Any]:
    """The facts of a dataset. ValueError when there is none, or one of a later format."""
    try:
        facts = json.loads(facts_file(folder).read_text(), parse_constant=_refuse_constant)
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder}: expected a dataset, got {error}; run `embodied collect` first") from error
    if not isinstance(facts, dict) or facts.get("format", FORMAT) > FORMAT:
        raise ValueError(f"{facts_file(folder)}: expected facts of format {FORMAT} or earlier, got {_brief(facts)}; "
                         "use the version of embodied that made it, or a later one")
    return _as_now(facts)


def facts_of_language(language: PlanLanguage) -> dict[str, Any]:
    """The fact "grammar": a language in plain values, and its short name."""
    return {"fingerprint": fingerprint(language), **declaration(language)}


def language_of(facts: Mapping[str, Any], whose: str) -> PlanLanguage:
    """The plan language of the world that episodes were recorded in. Raises LanguageError where one of its skills is no
    longer what it was."""
    return read_language(facts["grammar"], whose)


def _as_now(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts as they are told now: "grammar" was once a sha256, the same in every world, and "skills" the table of the
    world (name -> kinds of parameters). What is not known by its sha256 stays as it is."""
    if not isinstance(facts.get("grammar"), str):
        return facts
    table, kept = facts.get("skills"), {key: value for key, value in facts.items() if key != "skills"}
    try:
        language = read_language(facts["grammar"], "the dataset")
    except LanguageError:
        return kept
    spoken = next((known.taught for known in LANGUAGES.values() if _table(known.taught) == table), language)
    return {**kept, "grammar": json.loads(json.dumps(facts_of_language(spoken)))}


def _table(language: PlanLanguage) -> dict[str, list[str]]:
    return {s.name: [p.kind for p in s.parameters] for s in language.signatures}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"a number that is {name}")
