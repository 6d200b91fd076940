"""Plan languages in plain values: what a checkpoint or a dataset declares of the language that it was made in.

A declaration names the skills that were learned, with their parameters and effect, the cameras, and how answers are
spelled. It is read as long as some world still has those skills as they were: skills that came since make nothing old.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from embodied.planning.arguments import DECIMALS, TEXT_CHARACTERS, TEXT_LIMIT
from embodied.planning.language import REASON_CHARACTERS, REASON_LIMIT
from embodied.prompt import LOCATION_BINS, MAX_OBJECTS
from envs.skills.signatures import FOREIGN, LANGUAGES, TABLETOP, AnswerSyntax, PlanLanguage

PLAN_SYNTAX = {
    "plan": "call; call; done()", "call": "skill(argument, argument)",
    "object": f"obj_{{1 .. {MAX_OBJECTS}}} | <loc_{{0 .. {LOCATION_BINS - 1}}}> twice, column and row",
    "text": f'"[{TEXT_CHARACTERS}]{{1,{TEXT_LIMIT}}}"', "number": f"at most {DECIMALS} places after the point",
    "refusal": f"refuse([{REASON_CHARACTERS}]{{1,{REASON_LIMIT}}})"}
"""How plans are spelled, in every language that has such a part; part of a declaration."""

CONVERT = "`embodied convert PATH`"


class LanguageError(ValueError):
    """A language that cannot be read, or is not spoken; the message says what differs and what to do."""


def declaration(language: PlanLanguage) -> dict[str, Any]:
    """What depends on a language depends on this; plain values, as JSON gives them back."""
    answers = {"has_refusals": language.answers.has_refusals, "text_skill": language.answers.text_skill,
               **({"may_hold": True} if language.answers.may_hold else {})}
    return {"skills": [s.declaration() for s in language.signatures], "cameras": list(language.cameras),
            "answers": answers, "syntax": _syntax(language)}


def _syntax(language: PlanLanguage) -> dict[str, str]:
    """How the parts are spelled that plans in a language have."""
    kinds = {p.kind for s in language.signatures for p in s.parameters}
    parts = ["plan", "call", *kinds, *(["refusal"] if language.answers.has_refusals else [])]
    return {part: spelling for part, spelling in PLAN_SYNTAX.items() if part in parts}


def fingerprint(language: PlanLanguage) -> str:
    """sha256 of a declaration: a short name for a language."""
    return hashlib.sha256(json.dumps(declaration(language), sort_keys=True).encode()).hexdigest()


def read_language(declared: Mapping[str, Any] | str, whose: str) -> PlanLanguage:
    """The language that was declared, its skills as this code has them. Raises LanguageError.

    declared: a `declaration`, or, in what was made before there were any, the sha256 that stood for one. whose: what
    declares it, for messages.
    """
    if isinstance(declared, str):
        declared = _of_sha(declared, whose)
    try:
        skills = {str(s["name"]): {**s, "parameters": list(s["parameters"])} for s in declared["skills"]}
        first, *others = map(str, declared["cameras"])
        answers, syntax = AnswerSyntax(**declared["answers"]), dict(declared["syntax"])
    except (KeyError, TypeError, ValueError) as error:
        raise LanguageError(f"{whose}: expected the declaration of a plan language (skills, cameras, answers, syntax), "
                            f"got one that cannot be read ({type(error).__name__}: {error}); {_REMEDY}") from None
    known = min(_known_languages(), key=lambda language: len(_changed(skills, language)))
    if changed := _changed(skills, known):
        raise LanguageError(f"{_difference(whose, skills[changed[0]], known)}; {_REMEDY}")
    language = PlanLanguage(tuple(known.skills[name] for name in skills), (first, *others), answers)
    _check_syntax(syntax, _syntax(language), whose)
    return language


def world_of(language: PlanLanguage) -> str | None:
    """The name in `LANGUAGES` of the world whose plans are taught in a language; None of any other."""
    said = declaration(language)
    return next((name for name, known in LANGUAGES.items() if declaration(known.taught) == said), None)


def widest(languages: Sequence[PlanLanguage]) -> PlanLanguage | None:
    """The one of some languages that has the skills of all others, None where none has."""
    return next((language for language in languages
                 if all(why_not_spoken(other, language) is None for other in languages)), None)


def why_not_spoken(language: PlanLanguage, world: PlanLanguage) -> str | None:
    """Why a robot does not understand all plans of a language, a clause; None when it does. world: the robot's own."""
    skills = {s.name: s.declaration() for s in language.signatures}
    changed = _changed(skills, world)
    return _difference("the planner", skills[changed[0]], world) if changed else None


def why_not_planned(language: PlanLanguage, world: PlanLanguage) -> str | None:
    """Why a planner that speaks a language cannot plan in a world, a clause; None when it can: the robot understands
    it, and it can answer where the world asks questions."""
    if world.answers.text_skill not in (None, *language.skills):
        return f"these weights have no skill {world.answers.text_skill} to answer its questions with"
    return why_not_spoken(language, world)


def _known_languages() -> tuple[PlanLanguage, ...]:
    return (*LANGUAGES.values(), FOREIGN)


def _changed(skills: Mapping[str, Mapping[str, Any]], language: PlanLanguage) -> list[str]:
    """Names of declared skills that a language lacks or has otherwise."""
    return [name for name, skill in skills.items()
            if name not in language.skills or language.skills[name].declaration() != skill]


def _difference(whose: str, skill: Mapping[str, Any], language: PlanLanguage) -> str:
    here = language.skills.get(skill["name"])
    got = "none of that name" if here is None else _spelled(here.declaration())
    return f"{whose} plans with the skill {_spelled(skill)}, got {got}"


_REMEDY = "use the version of embodied that it was made with, or make it again with this one"


def _spelled(skill: Mapping[str, Any]) -> str:
    """A declared skill on one line: "place_in(container: object), release in"."""
    parameters = ", ".join(_parameter(p) for p in skill.get("parameters") or ())
    effect = " ".join(str(part) for part in (skill.get("effect"), skill.get("relation")) if part not in (None, "none"))
    return f"{str(skill['name'])[:60]}({parameters})" + (f", {effect}" if effect else "")


def _parameter(parameter: Any) -> str:
    name, *rest = parameter if isinstance(parameter, list | tuple) and parameter else [parameter]
    return ": ".join([str(name)[:60], *([" ".join(map(str, rest))[:60]] if rest else [])])


def _check_syntax(found: Mapping[str, Any], expected: Mapping[str, str], whose: str) -> None:
    """LanguageError naming the first part of plans that is spelled otherwise here."""
    for part in dict.fromkeys([*expected, *found]):
        if found.get(part) != expected.get(part):
            raise LanguageError(f"{whose}: expected plans whose {str(part)[:60]} is spelled {expected.get(part)!r}, "
                                f"got {str(found.get(part))[:100]!r}; {_REMEDY}")


# Before there were declarations ---------------------------------------------------------------------------------------

def _skills(*named: tuple[str, str | None, str, str | None]) -> list[dict[str, Any]]:
    return [{"name": name, "parameters": [[p, "object"]] if p else [], "effect": effect, "relation": relation}
            for name, p, effect, relation in named]


_OLD: dict[str, Iterable[dict[str, Any]]] = {
    "7f170a0d6562a068eaed358aba0c6b158bbf3e28bb011bc28f6de5131d6accb2": _skills(
        ("pick", "object", "grasp", None), ("place_in", "container", "release", "in"),
        ("place_on", "base", "release", "on"), ("put_down_beside", "neighbour", "release", "beside"),
        ("home", None, "none", None))}
"""sha256 by which languages went by then -> their skills."""


def _of_sha(sha256: str, whose: str) -> dict[str, Any]:
    """The declaration of what an older version knew by its sha256 alone."""
    if sha256 not in _OLD:
        raise LanguageError(f"{whose}: expected the declaration of a plan language, got the sha256 {sha256[:12]} of "
                            f"one that is not known here; run {CONVERT}, or make it again")
    return {**declaration(TABLETOP), "skills": list(_OLD[sha256])}
