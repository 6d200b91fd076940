"""Every way to word an instruction, in one table: spoken by `say`, read by `understand`, counted in `VOCABULARY`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from envs.tasks.scene import COLORS
from envs.words import plain_words

PHRASINGS = MappingProxyType({
    "in": (
        "{put} the {block} {into} the {bowl}",
        "{put} the {block} {into} the {bowl}",
        "could you move the {block} {into} the {bowl}",
        "can you put the {block} {into} the {bowl}",
        "I want the {block} to be inside the {bowl}",
        "I would like the {block} to be in the {bowl}",
        "the {block} belongs in the {bowl}",
        "the {block} should go into the {bowl}",
        "pick up the {block} and {put} it {into} the {bowl}",
        "take the {block} and drop it into the {bowl}",
        "grab the {block} and put it in the {bowl}",
    ),
    "on": (
        "stack the {block} {upon} the {base}",
        "stack the {block} {upon} the {base_one}",
        "{put} the {block} {upon} the {base}",
        "{put} the {block} {upon} the {base}",
        "could you put the {block} {upon} the {base}",
        "can you stack the {block} {upon} the {base_one}",
        "I want the {block} to be on top of the {base}",
        "I would like the {block} to sit on the {base}",
        "the {block} should sit on top of the {base}",
        "pick up the {block} and {put} it {upon} the {base}",
        "take the {block} and stack it {upon} the {base}",
    ),
    "tower": (
        "build a tower with the {low} at the bottom, the {middle} in the middle and the {high} on top",
        "build a tower of the {low}, the {middle} and the {high}, from bottom to top",
        "build a tower from top to bottom: the {high}, the {middle}, the {low}",
        "make a tower with the {high} on top, the {middle} in the middle and the {low} at the bottom",
        "make a tower of the {high}, the {middle} and the {low}, listed from top to bottom",
        "stack the {middle} {upon} the {low} and the {high} {upon} the {middle}",
        "put the {middle} {upon} the {low}, then put the {high} {upon} the {middle}",
        "stack three blocks from the bottom up: the {low}, the {middle}, the {high}",
        "could you build a tower with the {low} at the bottom, then the {middle}, then the {high}",
        "I want a tower: the {low} below the {middle}, and the {high} on top",
    ),
    "sort": (
        "sort the {blocks} into the {bowls} of the same {color}",
        "sort the {blocks} by {color} into the {bowls}",
        "{put} every {a_block} {into} the {a_bowl} of its {color}",
        "{put} each {a_block} {into} the {a_bowl} of the same {color}",
        "{put} each {a_block} {into} the matching {a_bowl}",
        "could you sort the {blocks} by {color} into the {bowls}",
        "every {a_block} belongs in the {a_bowl} of its {color}",
        "I want every {a_block} to be in the {a_bowl} of its own {color}",
        "match the {blocks} with the {bowls} by {color}",
        "tidy up: each {a_block} goes into the {a_bowl} with the same {color}",
    ),
})
"""Form -> sentences. {block}, {base}, {bowl}, {low}, {middle}, {high} are entities; the others are in `_CHOICES`."""

_CHOICES = MappingProxyType({
    "put": ("put", "place", "set", "move", "drop"),
    "into": ("in", "into", "inside"),
    "upon": ("on", "onto", "on top of"),
    "blocks": ("blocks", "cubes"),
    "bowls": ("bowls", "dishes"),
    "a_block": ("block", "cube"),
    "a_bowl": ("bowl", "dish"),
    "color": ("color", "colour"),
})
_NOUNS = MappingProxyType({"block": ("block", "cube"), "bowl": ("bowl", "dish")})
_ROLE_KIND = MappingProxyType({"block": "block", "base": "block", "base_one": "block", "low": "block",
                               "middle": "block", "high": "block", "bowl": "bowl"})
_SYNONYM_SHARE = 0.3  # of the places where the first, plainest choice gives way to another
_STATEMENT_STARTS = ("I ", "the ", "every ", "could ", "can ")  # these take no "please" in front

UNKNOWN_WORDS = ("magenta", "pink", "brown", "black", "gray", "golden", "turquoise", "violet", "banana", "spoon", "mug",
                 "plate", "ball", "apple", "bottle", "fork", "pyramid", "cylinder", "hammer", "star")
"""Words that no sentence of the table holds, for making instructions that must be declined: 8 colors, then 12
things."""
UNKNOWN_COLORS, UNKNOWN_THINGS = UNKNOWN_WORDS[:8], UNKNOWN_WORDS[8:]

_SLOT = re.compile(r"\{(\w+)\}")


def words(text: str) -> list[str]:
    """The lower-case words of a text, without punctuation."""
    return re.findall(r"[a-z]+", text.lower())


def _vocabulary() -> frozenset[str]:
    texts = [_SLOT.sub(" ", sentence) for sentences in PHRASINGS.values() for sentence in sentences]
    texts += [word for group in (*_CHOICES.values(), *_NOUNS.values()) for word in group]
    return frozenset(w for text in (*texts, *COLORS, "one", "please") for w in words(text))


VOCABULARY: frozenset[str] = _vocabulary()
"""Every word, in lower case, that an instruction about known things may hold."""


def say(form: str, roles: Mapping[str, str], rng: np.random.Generator) -> str:
    """One sentence of a form. roles: role -> entity name ("red block"; an unknown noun is spoken as it stands)."""
    sentences = PHRASINGS[form]
    sentence = sentences[rng.integers(len(sentences))]
    return _dress(_SLOT.sub(lambda slot: _fill(slot[1], roles, rng), sentence), rng)


def _fill(slot: str, roles: Mapping[str, str], rng: np.random.Generator) -> str:
    if slot in _CHOICES:
        return _choose(_CHOICES[slot], rng)
    color, noun = roles[slot.removesuffix("_one")].split(" ")
    if slot.endswith("_one") and noun == "block":
        return f"{color} one"
    return f"{color} {_choose(_NOUNS.get(noun, (noun,)), rng)}"


def _choose(choices: tuple[str, ...], rng: np.random.Generator) -> str:
    """Mostly the first choice, now and then another."""
    if len(choices) == 1 or rng.random() > _SYNONYM_SHARE:
        return choices[0]
    return choices[1 + rng.integers(len(choices) - 1)]


def _dress(sentence: str, rng: np.random.Generator) -> str:
    """The sentence with or without please, capital and full stop."""
    is_question = sentence.startswith(("could ", "can "))
    manner = rng.random()
    if manner < 0.15 and not sentence.startswith(_STATEMENT_STARTS):
        sentence = f"please {sentence}"
    elif manner > 0.85:
        sentence = f"{sentence}, please"
    if rng.random() < 0.5:
        return sentence[0].upper() + sentence[1:] + ("?" if is_question else ".")
    return sentence if rng.random() < 0.5 else sentence.lower()


def understand(text: str) -> tuple[str, dict[str, str]] | None:
    """Form and roles (role -> "red block") of a sentence worded as in the table; None when any of it is otherwise."""
    said = plain_words(text)
    plain = "" if said is None else " ".join(said)
    for form, patterns in _PATTERNS.items():
        for pattern in patterns:
            if match := pattern.fullmatch(plain):
                return form, {role: f"{color} {_ROLE_KIND[role]}" for role, color in match.groupdict().items()}
    return None


def _pattern(sentence: str) -> re.Pattern[str]:
    """What matches the plain words of one sentence of the table, capturing the color of each role."""
    parts, seen = [], set()
    for token in re.findall(r"\{\w+\}|[a-z]+", sentence.lower()):
        parts.append(_slot_pattern(token[1:-1], seen) if token.startswith("{") else token)
    return re.compile(" ".join(parts))


def _slot_pattern(slot: str, seen: set[str]) -> str:
    if slot in _CHOICES:
        return f"(?:{'|'.join(_CHOICES[slot])})"
    role, kind = slot.removesuffix("_one"), _ROLE_KIND[slot]
    nouns = "|".join((*_NOUNS[kind], "one") if kind == "block" else _NOUNS[kind])
    color = f"(?P={role})" if role in seen else f"(?P<{role}>{'|'.join(COLORS)})"
    seen.add(role)
    return f"{color} (?:{nouns})"


_PATTERNS = {form: tuple(_pattern(s) for s in dict.fromkeys(sentences)) for form, sentences in PHRASINGS.items()}
