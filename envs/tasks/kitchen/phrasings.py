"""The words of the kitchen's instructions, by family and form, and what words ask for."""

from __future__ import annotations

import re
from functools import cache
from types import MappingProxyType

import numpy as np

from envs.tasks.kitchen.rewordings import by_form
from envs.tasks.kitchen.scene import CLASSES, DESTINATIONS, THINGS
from envs.tasks.kitchen.templates import TEMPLATES
from envs.words import plain_words

ALIASES = MappingProxyType({
    "coke can": ("coke", "can of coke", "cola"), "lime soda": ("green soda can", "can of lime soda"),
    "water bottle": ("bottle of water", "bottled water", "water"), "sponge": ("kitchen sponge", "scrubber"),
    "chip bag": ("bag of chips", "chips", "crisps"), "energy bar": ("protein bar", "granola bar"),
    "pepper shaker": ("pepper", "pepper pot"), "tea box": ("box of tea", "tea"), "mug": ("coffee mug", "blue mug"),
    "cup": ("paper cup",), "bowl": ("small bowl",), "apple": ("red apple",), "orange": ("clementine",),
    "banana": ("yellow banana",)})
"""Thing -> other nouns for it."""
PLACE_ALIASES = MappingProxyType({
    "near counter": ("counter by the right wall",), "far counter": ("counter at the back",), "table": ("dining table",),
    "bin": ("trash", "trash can", "waste bin"), "drawer": ("top drawer",)})

Roles = dict[str, str]


def say(family: str, form: str, roles: Roles, rng: np.random.Generator) -> str:
    """One of the wordings, drawn."""
    wordings = TEMPLATES[family, form]
    words = {role: _spoken(role, word, family, rng) for role, word in roles.items()}
    if "thing" in roles:
        aliases = ALIASES[roles["thing"]]
        words["noun"] = aliases[rng.integers(len(aliases))]
    return wordings[rng.integers(len(wordings))].format(**words)


def _spoken(role: str, word: str, family: str, rng: np.random.Generator) -> str:
    """A place is now and then called by another name; a thing only where nouns are what matters."""
    if role.startswith("place") and family != "kitchen_primitive" and rng.random() < 0.15:
        aliases = PLACE_ALIASES[word]
        return aliases[rng.integers(len(aliases))]
    return word


def understand(text: str) -> tuple[str, str, Roles] | None:
    """Family, form and roles of a known wording, capitals and stops aside; None for any other text."""
    said = plain_words(text)
    plain = "" if said is None else " ".join(said)
    for family, form, pattern in _patterns():
        if match := pattern.fullmatch(plain):
            roles = {r: _plain(r, word) for r, word in match.groupdict().items()}
            return family, form, {("thing" if r == "noun" else r): word for r, word in roles.items()}
    return None


def things_named(text: str) -> frozenset[str]:
    """Every thing of the catalogue that a text names, by any of its nouns."""
    nouns = "|".join(map(re.escape, _words("thing")))
    return frozenset(_plain("thing", noun) for noun in re.findall(rf"\b(?:{nouns})\b", text))


@cache
def _patterns() -> tuple[tuple[str, str, re.Pattern], ...]:
    drawn = tuple((family, form, _pattern(wording)) for (family, form), wordings in TEMPLATES.items()
                  for wording in wordings)
    others = tuple((family, form, _pattern(wording)) for family, form in TEMPLATES for wording in by_form(family, form))
    return (*drawn, *others)


def _pattern(wording: str) -> re.Pattern:
    seen: set[str] = set()

    def group(match: re.Match) -> str:
        role = match.group(1)
        if role in seen:
            return f"(?P={role})"
        seen.add(role)
        return f"(?P<{role}>{'|'.join(_words(role))})"

    slots = re.sub(r"\{(\w+)\}", r"slot_\1", wording)
    return re.compile(re.sub(r"slot_(\w+)", group, " ".join(plain_words(slots))))


@cache
def _words(role: str) -> tuple[str, ...]:
    """Every word that a role may be filled with, the longest first."""
    if role == "kind":
        words = list(CLASSES)
    elif role.startswith("place"):
        words = [*DESTINATIONS, *(alias for aliases in PLACE_ALIASES.values() for alias in aliases)]
    else:
        words = [*THINGS, *(alias for aliases in ALIASES.values() for alias in aliases)]
    return tuple(sorted(words, key=len, reverse=True))


def _plain(role: str, word: str) -> str:
    """The catalogue's or the map's word for an alias."""
    if role == "kind":
        return word
    table = PLACE_ALIASES if role.startswith("place") else ALIASES
    return next((plain for plain, aliases in table.items() if word in aliases), word)
