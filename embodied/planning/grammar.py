"""The grammar of every plan that can be meant in one scene, in the Lark form that llguidance reads.

Made from `envs.skills.signatures`, so that mask, parser and skills cannot drift. It encodes what the hand allows: what
was picked is released before the next pick, an object is never released onto itself, and only objects that the prompt
names can be named. Refusals take the forms that models are taught, `reasons.FORMS`; the language itself, and so its
fingerprint, has room for any other clause.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from embodied.planning.language import MAX_CALLS, REASON_CHARACTERS, REASON_LIMIT, object_names
from embodied.planning.perception import GRASPING, RELEASING
from embodied.planning.reasons import FORMS
from embodied.prompt import LOCATION_BINS, MAX_OBJECTS
from envs.skills.signatures import SIGNATURES, TABLES, Signature

PLAN_SYNTAX = ("skill(argument)", "; ", "done()", f"refuse([{REASON_CHARACTERS}]{{1,{REASON_LIMIT}}})", "obj_{j}",
               "<loc_{column}><loc_{row}>")
"""How plans are spelled; part of the fingerprint."""

_PLACING = tuple(skill for skill in RELEASING if skill != "put_down_beside")
_MOST_STEPS = (MAX_CALLS - 2) // 2  # a step is at most two calls; two remain for a full hand's first release


def fingerprint() -> str:
    """sha256 over the signature table and the plan syntax; datasets and checkpoints that differ in it do not mix."""
    table = [[s.name, [[p.name, p.kind] for p in s.parameters]] for s in SIGNATURES.values()]
    facts = {"signatures": table, "syntax": PLAN_SYNTAX, "objects": MAX_OBJECTS, "bins": LOCATION_BINS}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def skills_in(domain: str) -> dict[str, list[str]]:
    """What a robot can be told to do in a domain: skill -> kinds of its parameters."""
    return {name: [p.kind for p in s.parameters] for name, s in TABLES[domain].items()}


def is_spoken(skill: str, kinds: Sequence[str]) -> bool:
    """Whether plans can say a call of a skill whose parameters are of these kinds."""
    return skill in SIGNATURES and [p.kind for p in SIGNATURES[skill].parameters] == list(kinds)


@dataclass(frozen=True, slots=True)
class Without:
    """What a plan that is asked for again must do without."""

    moves: frozenset[tuple[str | None, str | None]] = frozenset()
    """(what is moved, where to): where None = anywhere, what None = what the hand holds already."""
    aside: frozenset[str | None] = frozenset()  # what is not to be put down beside something
    steps: int = 0  # fewer than so many
    refusal: bool = False

    def __or__(self, other: Without) -> Without:
        return Without(self.moves | other.moves, self.aside | other.aside, max(self.steps, other.steps),
                       self.refusal or other.refusal)

    def places(self, moved: str | None, names: Sequence[str]) -> list[str]:
        """The names that a thing may still be moved to."""
        return [name for name in names if name != moved and (moved, name) not in self.moves]


ANY_PLAN = Without()


@lru_cache(maxsize=256)
def plan_grammar(objects: int, *, locations: int = 0, is_holding: bool = False, without: Without = ANY_PLAN) -> str:
    """Lark text of every answer (a space, then a plan or a refusal) over a scene.

    objects: slots that the prompt names, or locations: bins of an image-seeing model (one of the two is 0). is_holding:
    whether the hand is full now; the plan then empties it first, or goes home with it. without: what to leave out, of
    plans that name objects.
    """
    if objects and locations:
        raise ValueError(f"plan_grammar: expected objects or locations, got {objects} and {locations}; set one to 0")
    moves = _moves_by_location() if locations else _moves_between(object_names(objects), without)
    targets = ["location"] if locations else _quoted(object_names(objects))
    held_to = ["target"] if locations else _quoted(without.places(None, object_names(objects)))
    rules = [f'start: " " ({"plan" if without.refusal else "plan | refusal"})',
             _plan_rule(is_holding, held_to, min(without.steps, _MOST_STEPS)),
             f"step: {_either(['free', *moves])}", f"free: {_either(_free_calls(targets))}",
             f"releasing: {_either(_opened(RELEASING))}",
             f"placing: {_either(_opened(_PLACING))}" if without.aside else "",
             f"grasping: {_either(_opened(GRASPING))}",
             f"target: {_either(targets)}" if targets else "", _location_rules(locations),
             "" if without.refusal else f'refusal: "refuse(" REASON ")"\nREASON: /{FORMS}/']
    return "\n".join(rule for rule in rules if rule) + "\n"


def _plan_rule(is_holding: bool, held_to: Sequence[str], least: int) -> str:
    """held_to: where the held object may be released. least: fewest steps."""
    steps = f'step{{{least},{_MOST_STEPS}}} "done()"'
    if not is_holding:
        return f"plan: {steps}"
    release = f'| free? releasing ({_either(held_to)}) "); " {steps}' if held_to else ""
    return f'plan: free "done()" {release}'


def _moves_between(names: Sequence[str], without: Without) -> list[str]:
    """For each object: grasp it, then release it at any other one."""
    places = {name: without.places(name, names) for name in names if (name, None) not in without.moves}
    return [f'grasping "{name}); " {_releasing(name, without)} ({_either(_quoted(to))}) "); "'
            for name, to in places.items() if to]


def _releasing(moved: str, without: Without) -> str:
    return "placing" if moved in without.aside else "releasing"


def _moves_by_location() -> list[str]:
    return ['grasping location "); " releasing location "); "']


def _location_rules(locations: int) -> str:
    """Locations as whole tokens: to llguidance any token in angle brackets is special, and no text spells it."""
    if not locations:
        return ""
    return f"location: bin bin\nbin: {_either(f'<loc_{i}>' for i in range(locations))}"


def _free_calls(targets: Sequence[str]) -> list[str]:
    """Whole calls of the skills that neither need nor change what is in the hand."""
    free = [s for name, s in SIGNATURES.items() if name not in GRASPING + RELEASING]
    return [_free_call(s) for s in free if targets or not s.parameters]


def _free_call(signature: Signature) -> str:
    arguments = ' ", " '.join(["target"] * len(signature.parameters))
    return f'"{signature.name}(" {arguments} "); "'


def _opened(skills: Iterable[str]) -> list[str]:
    return _quoted(f"{skill}(" for skill in skills)


def _quoted(words: Iterable[str]) -> list[str]:
    return [f'"{word}"' for word in words]


def _either(alternatives: Iterable[str]) -> str:
    return " | ".join(alternatives)
