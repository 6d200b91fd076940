"""What an instruction says in words that are known here: which things it names, what shall go where, what shall stay.

No grammar of English: a scan for colours, kinds and the small words around them. What stands after "in", "on" or "to"
is where something goes, what does not is what goes. `ParsedInstruction.is_clear` says whether that accounts for every
word and whether the words ask for it (`asking`); where they do not, what was recognised is still there, and it is for
others to say what becomes of the rest.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from embodied.planning.asking import NEGATIONS, THING, asks, is_settled, reach

Role = Literal["moved", "in", "on", "to", "under", "source", "aside"]
PLACES = ("in", "on", "to")
"""Roles of what something shall go to."""

COLORS = {**{c: {c} for c in ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "white", "grey",
                              "black")},
          "gray": {"grey"}, "violet": {"purple"}, "turquoise": {"cyan"}, "magenta": {"purple", "pink"}}
"""Word -> colours as `looks` names them."""
KINDS = {"block": "block", "cube": "block", "bowl": "bowl", "dish": "bowl"}
"""Noun -> kind as `looks` names it."""
NOUNS = frozenset((*KINDS, "blocks", "cubes", "bowls", "dishes"))

NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_ANY = frozenset(("a", "an", "any", "some", *NUMBERS))
_LIKENESS = frozenset(("color", "colour", "colors", "colours", "matching", "match", "sort"))
_VAGUE = frozenset(("everything", "anything", "something", "others", "other", "rest", "another", "different", "or",
                    "but", "except", "thing", "things", "object", "objects", "them", "they"))
_LEVELS = {"bottom": 0, "middle": 1, "top": 2}
TURNS: dict[str, Role] = {
    **dict.fromkeys(("in", "into", "inside", "inside of", "within"), "in"),
    **dict.fromkeys(("on", "onto", "upon", "on top of", "on the top of", "atop"), "on"),
    **dict.fromkeys(("below", "under", "beneath", "underneath"), "under"),
    **dict.fromkeys(("from", "out of", "off", "off of"), "source"),
    **dict.fromkeys(("at", "by", "beside", "near", "next to", "close to", "behind", "in front of", "between", "over",
                     "above"), "aside"), "to": "to"}
"""What may stand right before a thing -> the part that the thing plays."""
_PLAIN = frozenset((
    "every", "each", "all", "both", "the", "this", "that", "these", "those", "its", "their", "a", "an", "any", "some",
    "and", "be", "belongs", "belong", "build", "can", "could", "drop", "go", "goes", "grab", "i", "it", "like", "make",
    "listed", "move", "of", "own", "only", "pick", "place", "please", "put", "same", "set", "should", "sit", "stack",
    "take", "then", "tidy", "tower", "up", "want", "with", "would", "you", "we", "need", "now", "kindly", "robot",
    "hello", "hey", "hi", "thanks", "thank", "lift", "lay", "down", ".", ",", ":", ";", "?"))
_KNOWN = frozenset((*COLORS, *NOUNS, *NUMBERS, *NEGATIONS, *_LIKENESS, *_LEVELS,
                    *_PLAIN, *itertools.chain(*map(str.split, TURNS))))


def _any_of(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(sorted(words, key=len, reverse=True))})"


_THING = re.compile(rf"""
    (?P<which>(?:(?:{_any_of(NUMBERS)}|every|each|all|both)\ of\ )?
              (?:(?:every|each|all|both|the|this|that|these|those|its|their|a|an|any|some)\ )*)
    (?P<number>(?:{_any_of(NUMBERS)}|\d+)\ )?
    (?:(?:same|own|matching)\ )*
    \b(?:(?P<color>{_any_of(COLORS)})\b
       (?:\ (?P<noun>(?:{_any_of(KINDS)}|dishe|one)s?)\b|\ (?!{_any_of(map(re.escape, _KNOWN | _VAGUE))}(?:\ |$))
          (?P<other>[^\W\d_]+))?
     |(?P<bare>(?:{_any_of(KINDS)}|dishe)s?)\b)""", re.VERBOSE)
_AFTER = re.compile(r" (?:at|in|on)(?: the)? (bottom|middle|top)\b(?! of)")
_MOST_IN_ANY_ORDER = 4


@dataclass(frozen=True, slots=True)
class Mention:
    """A thing or things that an instruction names. colors, kind: None = any. count: None = all of them."""

    words: str
    colors: frozenset[str] | None
    kind: str | None
    role: Role = "moved"
    count: int | None = 1
    is_definite: bool = False
    is_negated: bool = False
    level: int | None = None  # in a tower, from its bottom
    at: int = 0  # where in the text


@dataclass(frozen=True, slots=True)
class Goal:
    """Something shall be in or on something ("to": either). is_matched: of the same colour."""

    moved: Mention
    role: Role
    destination: Mention
    is_matched: bool = False


@dataclass(frozen=True, slots=True)
class ParsedInstruction:
    """mentions: in reading order. ways: each a list of goals that would do, in their order. is_clear: all was read
    and is asked for."""

    words: frozenset[str]
    mentions: tuple[Mention, ...] = ()
    ways: tuple[tuple[Goal, ...], ...] = ()
    is_clear: bool = False
    is_vague: bool = False  # it may be about things that no mention describes

    @property
    def goals(self) -> tuple[Goal, ...]:
        """Those of every way."""
        return tuple(goal for way in self.ways for goal in way)


def is_known(word: str) -> bool:
    """Whether a lower-case word means something here."""
    return word in _KNOWN


def read(instruction: str) -> ParsedInstruction:
    """What was recognised of an instruction."""
    text = " ".join(re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+|\S", instruction.lower()))
    found = list(_THING.finditer(text))
    mentions = tuple(_mention(thing, text) for thing in found)
    strange = [w for w in _THING.sub("", text).split() if w not in _KNOWN]
    words = frozenset(text.split())
    ways = _ways(text, words, [m for m in mentions if not m.is_negated])
    is_read = bool(ways) and not strange and all(m.kind != "thing" for m in mentions)
    is_clear = is_read and _is_asked(text, found, mentions) and _says_so_without_marks(text, mentions, ways)
    return ParsedInstruction(words, mentions, ways, is_clear, bool(words & _VAGUE) or _names_more(text, strange))


def _says_so_without_marks(text: str, mentions: Sequence[Mention], ways: Sequence[Sequence[Goal]]) -> bool:
    """Whether an instruction names the same things and has the same ways without its marks and "please". "The purple;
    block" and "on, top of" have not, and nobody can tell which is meant. What is negated is told by the marks."""
    bare = " ".join(word for word in text.split() if word[0].isalnum() and word != "please")
    named = [_mention(thing, bare) for thing in _THING.finditer(bare)]
    if len(named) != len(mentions):
        return False
    kept = [replace(one, is_negated=False) for one, said in zip(named, mentions, strict=True) if not said.is_negated]
    return _meant(_ways(bare, frozenset(bare.split()), kept)) == _meant(ways)


def _meant(ways: Sequence[Sequence[Goal]]) -> list[list[Goal]]:
    """The ways, without where in the text things were named."""
    return [[replace(g, moved=replace(g.moved, at=0), destination=replace(g.destination, at=0)) for g in way]
            for way in ways]


def _names_more(text: str, strange: Sequence[str]) -> bool:
    """Whether an unknown word stands where a noun or an adjective does."""
    return any(re.search(rf"\b(?:the|a|an|every|each|all|this|that|my|your) {re.escape(word)}(?: |$)", text)
               for word in strange)


# Things --------------------------------------------------------------------------------------------------------------

def _mention(thing: re.Match[str], text: str) -> Mention:
    noun = (thing["noun"] or thing["bare"] or "").removesuffix("s").removesuffix("e" if "dishe" in thing[0] else "s")
    colors = None if thing["color"] is None else frozenset(COLORS[thing["color"]])
    words = " ".join(filter(None, (thing["color"], thing["noun"] or thing["bare"] or thing["other"])))
    level = _AFTER.match(text, thing.end())
    before = text[:thing.start()].split()
    which = thing["which"].split()
    is_definite = _ANY.isdisjoint(which) and (not thing["number"] or not {"the", "these", "those"}.isdisjoint(which))
    kind = "thing" if thing["other"] else KINDS.get(noun)
    return Mention(words, colors, kind, _role(before), _count(thing), is_definite, bool(_negations(thing, text)),
                   _LEVELS[level[1]] if level else None, thing.start())


def _count(thing: re.Match[str]) -> int | None:
    """Of how many things the words speak."""
    which, is_many = thing["which"].split(), (thing["noun"] or thing["bare"] or "").endswith("s")
    number = next((w for w in (*(thing["number"] or "").split(), *which) if w in NUMBERS or w.isdecimal()), None)
    if number is not None:
        return NUMBERS[number] if number in NUMBERS else int(number)
    if is_many and "both" in which:
        return 2
    return None if is_many or not {"every", "each", "all"}.isdisjoint(which) else 1


def _role(before: Sequence[str]) -> Role:
    """The part that a thing plays, by the words right before it."""
    turns = (" ".join(before[-n:]) for n in (4, 3, 2, 1))
    return next((TURNS[turn] for turn in turns if turn in TURNS), "moved")


def _is_asked(text: str, found: Sequence[re.Match[str]], mentions: Sequence[Mention]) -> bool:
    """Whether the words ask for all that they speak of, and take nothing of it back."""
    used = frozenset(itertools.chain(*(_negations(thing, text) for thing in found)))
    is_one_minded = not any(_may_be_same(no, yes) for no in mentions if no.is_negated
                            for yes in mentions if not yes.is_negated)
    return is_one_minded and is_settled(text.split(), used) and asks(_THING.sub(f" {THING} ", text))


def _may_be_same(one: Mention, other: Mention) -> bool:
    return (one.colors is None or other.colors is None or not one.colors.isdisjoint(other.colors)) and (
        one.kind is None or other.kind is None or one.kind == other.kind)


def _negations(thing: re.Match[str], text: str) -> list[int]:
    """The places of the words that say no to a thing."""
    before = text[:thing.start()].split()
    return reach(before, len(before))


# What shall be done --------------------------------------------------------------------------------------------------

def _ways(text: str, words: frozenset[str], mentions: Sequence[Mention]) -> tuple[tuple[Goal, ...], ...]:
    """The lists of goals that an instruction may mean; none where it cannot be told."""
    if words & _LIKENESS:
        return _matched(words, mentions)
    if any(m.role == "aside" or (m.role in PLACES and m.count is None) for m in mentions):  # "in every bowl"
        return ()
    is_tower = "tower" in words or re.search(r"\b(?:bottom up|top down|bottom to top|top to bottom)\b", text)
    if is_tower and not any(m.role in PLACES for m in mentions):
        return _tower(text, mentions)
    goals = _pairs(text, mentions)
    return (goals,) if goals else ()


def _matched(words: frozenset[str], mentions: Sequence[Mention]) -> tuple[tuple[Goal, ...], ...]:
    """Things that belong into bowls of their colour: the instruction names no colour of a bowl."""
    bowls, moved = [m for m in mentions if m.kind == "bowl"], [m for m in mentions if m.kind != "bowl"]
    is_about_bowls = (bowls or "sort" in words) and words.isdisjoint(("stack", "tower", "build"))
    if not is_about_bowls or any(m.colors or m.role not in ("in", "to", "moved") for m in bowls):
        return ()
    if not moved or any(m.role != "moved" for m in moved):
        return ()
    home = Mention("bowl", None, "bowl", "in")
    return (tuple(Goal(m, "in", home, is_matched=True) for m in moved),)


def _tower(text: str, mentions: Sequence[Mention]) -> tuple[tuple[Goal, ...], ...]:
    """Things one upon the other, in the order of the words, or in any where they give none."""
    parts = [m for m in mentions if m.colors]
    if len(parts) < 2 or any(m.count != (1 if m.colors else len(parts)) or m.kind == "bowl" for m in mentions):
        return ()
    order, is_ordered = _order(text, parts)
    if not is_ordered and len(parts) > _MOST_IN_ANY_ORDER:
        return ()
    orders = [order] if is_ordered else itertools.permutations(parts)
    return tuple(tuple(Goal(upper, "on", lower) for lower, upper in itertools.pairwise(o)) for o in orders)


def _order(text: str, parts: list[Mention]) -> tuple[list[Mention], bool]:
    """The parts of a tower from its bottom, and whether the words order them."""
    if all(m.level is not None for m in parts):
        return sorted(parts, key=lambda m: m.level), len({m.level for m in parts}) == len(parts)
    falls = parts[0].level == 2 or parts[-1].level == 0 or "top to bottom" in text or "top down" in text
    rises = parts[0].level == 0 or parts[-1].level == 2 or "bottom to top" in text or "bottom up" in text
    return (parts[::-1] if falls else parts), falls != rises


def _pairs(text: str, mentions: Sequence[Mention]) -> tuple[Goal, ...]:
    """What shall go where, one after the other; () where a thing has no place, or a place no thing."""
    goals: list[Goal] = []
    waiting: list[Mention] = []
    last: list[Mention] = []
    place: Mention | None = None  # that was said before the thing
    for mention in sorted([*mentions, *_pronouns(text)], key=lambda m: m.at):
        if mention.words == "it":
            waiting = waiting or list(last)
        elif mention.role == "moved":
            waiting.append(mention)
        elif mention.role == "under" and len(waiting) == 1:
            goals.append(Goal(mention, "to", waiting[0]))
            waiting, last = [], [mention]
        elif mention.role in PLACES and waiting and place is None:
            goals += [Goal(m, mention.role, mention) for m in waiting]
            waiting, last = [], waiting
        elif mention.role in PLACES and place is None:
            place = mention
        elif mention.role != "source":
            return ()
    if place is not None:
        goals += [Goal(m, place.role, place) for m in waiting]
    return () if bool(waiting) != (place is not None) else tuple(goals)


def _pronouns(text: str) -> list[Mention]:
    return [Mention("it", None, None, at=found.start()) for found in re.finditer(r"\bit\b", text)]
