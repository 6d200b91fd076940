"""The grammar of every plan that can be meant in one scene, in the Lark form that llguidance reads.

Made from a plan language, so that mask, parser and skills cannot drift. It encodes what the hand allows: what was
grasped is released before the next grasp, an object is never released onto itself, and only objects that the prompt
names can be named. Refusals take the forms that models are taught, `reasons.FORMS`; the language itself has room for
any other clause.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from embodied.planning.arguments import TEXT_PATTERN, number_pattern
from embodied.planning.language import MAX_CALLS, object_names
from embodied.planning.reasons import FORMS
from envs.skills.signatures import Parameter, PlanLanguage, Signature

MOST_CARRIED = 3
"""Calls between a grasp and its release, in languages that have skills for it."""


@dataclass(frozen=True, slots=True)
class Without:
    """What a plan that is asked for again must do without."""

    moves: frozenset[tuple[str | None, str | None]] = frozenset()
    """(what is moved, where to): where None = anywhere, what None = what the hand holds already."""
    skills: frozenset[tuple[str | None, str]] = frozenset()  # (what is moved, the skill that is not to let go of it)
    steps: int = 0  # fewer than so many
    refusal: bool = False
    texts: frozenset[str] = frozenset()  # beginnings of words for a low-level policy
    after: str = ""  # calls that it begins with, moves all of them; the rest goes for what follows these

    def __or__(self, other: Without) -> Without:
        return Without(self.moves | other.moves, self.skills | other.skills, max(self.steps, other.steps),
                       self.refusal or other.refusal, self.texts | other.texts, self.after or other.after)

    def places(self, moved: str | None, names: Sequence[str]) -> list[str]:
        """The names that a thing may still be moved to."""
        return [name for name in names if name != moved and (moved, name) not in self.moves]


ANY_PLAN = Without()


@lru_cache(maxsize=256)
def plan_grammar(language: PlanLanguage, objects: int, *, locations: int = 0, is_holding: bool = False,
                 without: Without = ANY_PLAN) -> str:
    """Lark text of every answer (a space, then a plan or a refusal) over a scene.

    objects: slots that the prompt names, or locations: bins of an image-seeing model (one of the two is 0). is_holding:
    whether the hand is full now; the plan then empties it first, or does without it. without: what to leave out, of
    plans that name objects.
    """
    if objects and locations:
        raise ValueError(f"plan_grammar: expected objects or locations, got {objects} and {locations}; set one to 0")
    return _Scene(language, object_names(objects), locations, without).text(is_holding)


@dataclass(frozen=True, slots=True)
class _Openings:
    """Skills whose calls differ in nothing but the name: a rule for how they open, and what follows each of them."""

    rule: str
    skills: tuple[str, ...]
    parameters: tuple[Parameter, ...]

    def __str__(self) -> str:
        return f"{self.rule}: {_either(_quoted(f'{skill}(' for skill in self.skills))}"


class _Scene:
    """The rules of one scene, each in Lark text."""

    def __init__(self, language: PlanLanguage, names: Sequence[str], locations: int, without: Without) -> None:
        self.names, self.locations, self.without = names, locations, without
        skills = language.signatures
        self.numbers = list(dict.fromkeys((p.low, p.high) for s in skills for p in s.parameters if p.kind == "number"))
        self.patterns = {f"NUMBER_{self.numbers.index((p.low, p.high))}": number_pattern(p)
                         for s in skills for p in s.parameters if p.kind == "number"}
        self.has_texts = any(p.kind == "text" for s in skills for p in s.parameters)
        self.targets = ["location"] if locations else _quoted(names)
        possible = [s for s in skills if self.targets or all(p.kind != "object" for p in s.parameters)]
        self.let_go = [s for s in possible if s.effect == "release"]
        self.grasping = _openings("grasping", [s for s in possible if s.effect == "grasp"])
        self.releasing = _openings("releasing", self.let_go)
        self.some_releasing: dict[frozenset[str], list[_Openings]] = {}  # those that let go of a thing, without others
        self.free = [self._free_call(s) for s in possible if s.effect == "none"]
        self.carrying = [self._free_call(s) for s in possible if s.effect == "none" and s.carries]
        self.has_refusals = language.answers.has_refusals and not without.refusal
        self.lasting = list(self._grasps()) if language.answers.may_hold else []

    def text(self, is_holding: bool) -> str:
        steps = [*(["free"] if self.free and not self.without.after else []), *self._moves()]
        rules = [f'start: " " ({"plan | refusal" if self.has_refusals else "plan"})',
                 self._plan(self._repeated() * bool(steps) + "lasting? " * bool(self.lasting) + '"done()"', is_holding),
                 *(f"{name}: {_either(options)}" for name, options in (
                     ("step", steps), ("free", self.free), ("carrying", self.carrying),
                     ("lasting", self.lasting)) if options),
                 *map(str, (*self.releasing, *chain(*self.some_releasing.values()), *self.grasping)),
                 f"target: {_either(self.targets)}" if self.targets else "", _location_rules(self.locations),
                 f'refusal: "refuse(" REASON ")"\nREASON: /{FORMS}/' if self.has_refusals else "", *self._terminals()]
        return "\n".join(rule for rule in rules if rule) + "\n"

    def _plan(self, steps: str, is_holding: bool) -> str:
        """A full hand is emptied first, or nothing is done that needs it; unless what comes first is told."""
        if self.without.after:
            return f"plan: {json.dumps(self.without.after)} {steps}"
        if not is_holding:
            return f"plan: {steps}"
        to = "target" if self.locations else _either(_quoted(self.without.places(None, self.names)))
        maybe = "free? " if self.free else ""
        free = maybe if self.lasting else maybe.replace("?", "")  # else something has to be done
        released = self._released(self._openings_for(None), f"({to})" if to else "")
        return f'plan: {free}"done()" ' + (f"| {maybe}{released} {steps}" if released else "")

    def _repeated(self) -> str:
        """Any number of steps that a plan has room for, beside two calls by which a full hand is emptied."""
        most = (MAX_CALLS - 2 - bool(self.lasting) - self._most_carried) // (2 + self._most_carried)
        return f"step{{{min(self.without.steps, most)},{most}}} "

    @property
    def _most_carried(self) -> int:
        return MOST_CARRIED if self.carrying else 0

    def _moves(self) -> Iterator[str]:
        """For each thing: grasp it, then release it anywhere else. What goes by words alone has no name here."""
        for name in () if self.locations else self.names:
            to = self.without.places(name, self.names)
            if to and (name, None) not in self.without.moves:
                yield from self._move(f'"{name}"', f"({_either(_quoted(to))})", self._openings_for(name), "object")
        if self.locations:
            yield from self._move("location", "location", self.releasing, "object")
        yield from self._move("TEXT", "target" if self.targets else "", self.releasing, "text")

    def _openings_for(self, name: str | None) -> Sequence[_Openings]:
        """Of the skills that may let go of a thing."""
        barred = frozenset(skill for moved, skill in self.without.skills if moved == name)
        if not barred:
            return self.releasing
        if barred not in self.some_releasing:
            rule = f"releasing_some{len(self.some_releasing)}"
            self.some_releasing[barred] = _openings(rule, [s for s in self.let_go if s.name not in barred])
        return self.some_releasing[barred]

    def _grasps(self) -> Iterator[str]:
        """A grasp of each thing that nothing follows: it stays in the hand."""
        names = [name for name in self.names if (name, None) not in self.without.moves]
        things = ["location"] if self.locations else _quoted(names)
        for grasp in self.grasping:
            if [p.kind for p in grasp.parameters] == ["object"]:
                yield from (_joined(self._call(grasp, "", thing)) for thing in things)
            if [p.kind for p in grasp.parameters] == ["text"]:
                yield self._call(grasp, "", "TEXT")

    def _move(self, thing: str, others: str, openings: Sequence[_Openings], kind: str) -> Iterator[str]:
        """thing: the first argument of the grasp, which is of that kind. others: objects that go beside it."""
        released = self._released(openings, others)
        for grasp in self.grasping if released else ():
            if grasp.parameters and grasp.parameters[0].kind == kind:
                yield f"{_joined(self._call(grasp, others, thing))} {released}"

    def _released(self, openings: Sequence[_Openings], objects: str) -> str:
        """Calls that empty the hand; "" where none can."""
        calls = [self._call(o, objects) for o in openings if objects or all(p.kind != "object" for p in o.parameters)]
        carried = f"carrying{{0,{self._most_carried}}} " if self.carrying and calls else ""
        return carried + (calls[0] if len(calls) == 1 else f"({_either(calls)})" if calls else "")

    def _call(self, openings: _Openings, objects: str, first: str = "") -> str:
        terms = [self._term(p, objects) for p in openings.parameters]
        return _call(openings.rule, [first, *terms[1:]] if first else terms)

    def _free_call(self, signature: Signature) -> str:
        """A whole call of a skill that neither needs nor changes what is in the hand."""
        return _call(f'"{signature.name}("', [self._term(p, "target") for p in signature.parameters])

    def _term(self, parameter: Parameter, objects: str) -> str:
        if parameter.kind == "object":
            return objects
        return "TEXT" if parameter.kind == "text" else f"NUMBER_{self.numbers.index((parameter.low, parameter.high))}"

    def _terminals(self) -> list[str]:
        barred = f" & ~/\"({'|'.join(sorted(map(re.escape, self.without.texts)))}).*\"/" if self.without.texts else ""
        return [*([f'TEXT: /"{TEXT_PATTERN}"/{barred}'] if self.has_texts else []),
                *(f"{name}: /{pattern}/" for name, pattern in self.patterns.items())]


def _openings(rule: str, skills: Iterable[Signature]) -> list[_Openings]:
    """The skills, those together whose arguments are alike."""
    alike: dict[tuple, list[Signature]] = {}
    for skill in skills:
        alike.setdefault(tuple((p.kind, p.low, p.high) for p in skill.parameters), []).append(skill)
    return [_Openings(rule if number == 1 else f"{rule}_{number}", tuple(s.name for s in group), group[0].parameters)
            for number, group in enumerate(alike.values(), start=1)]


def _call(opening: str, terms: Sequence[str]) -> str:
    call = " ".join([opening, *([' ", " '.join(terms)] if terms else []), '"); "'])
    return call if terms else _joined(call)  # a skill called done: one lexeme, longer than the one that ends a plan


def _joined(call: str) -> str:
    """The same with literals that stand side by side made one: fewer lexemes to walk through."""
    return call.replace('" "', "")


def _location_rules(locations: int) -> str:
    """Locations as whole tokens: to llguidance any token in angle brackets is special, and no text spells it."""
    if not locations:
        return ""
    return f"location: bin bin\nbin: {_either(f'<loc_{i}>' for i in range(locations))}"


def _quoted(words: Iterable[str]) -> list[str]:
    return [f'"{word}"' for word in words]


def _either(alternatives: Iterable[str]) -> str:
    return " | ".join(alternatives)
