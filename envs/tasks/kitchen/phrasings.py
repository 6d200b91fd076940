"""The words of the kitchen's instructions, by family and form, and what words ask for."""

from __future__ import annotations

import re
from functools import cache
from types import MappingProxyType

import numpy as np

from envs.tasks.kitchen.scene import CLASSES, DESTINATIONS, THINGS
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

TEMPLATES = MappingProxyType({
    ("kitchen_primitive", "go"): ("go to the {place}", "drive to the {place}", "move over to the {place}",
                                  "stand in front of the {place}"),
    ("kitchen_primitive", "find"): ("find the {thing}", "locate the {thing}", "look for the {thing}",
                                    "search for the {thing}"),
    ("kitchen_primitive", "hold"): ("pick up the {thing}", "grasp the {thing}", "pick the {thing} and hold it",
                                    "grab the {thing}"),
    ("kitchen_primitive", "open"): ("open the drawer", "pull the drawer open", "open the drawer, please",
                                    "could you open the drawer for me?"),
    ("kitchen_primitive", "shut"): ("close the drawer", "push the drawer shut", "close the drawer, please",
                                    "shut the drawer"),
    ("kitchen_noun", "move"): ("bring the {noun} to the {place}", "put the {noun} on the {place}",
                               "the {noun} belongs to the {place}, take it there", "take the {noun} to the {place}",
                               "I would like the {noun} on the {place}"),
    ("kitchen_noun", "any"): ("bring a {kind} to the {place}", "put some {kind} on the {place}",
                              "get me a {kind} and leave it at the {place}", "I want a {kind} on the {place}",
                              "fetch a {kind} and put it on the {place}"),
    ("kitchen_verb", "discard"): ("throw away the {thing}", "toss the {thing}", "dispose of the {thing}",
                                  "trash the {thing}", "get rid of the {thing}", "bin the {thing}",
                                  "dump the {thing}", "chuck the {thing} into the bin"),
    ("kitchen_verb", "stow"): ("stash the {thing}", "stow the {thing} away", "hide the {thing} in the drawer",
                               "tuck the {thing} away in the drawer and close it",
                               "store the {thing} in the drawer and shut it"),
    ("kitchen_verb", "move"): ("transfer the {thing} to the {place}", "relocate the {thing} to the {place}",
                               "deliver the {thing} to the {place}", "restock the {place} with the {thing}",
                               "fetch the {thing} and set it down at the {place}", "carry the {thing} to the {place}",
                               "drop the {thing} off at the {place}"),
    ("kitchen_structured", "move"): ("move the {thing} to the {place}", "place the {thing} at the {place}",
                                     "pick up the {thing} and put it down at the {place}",
                                     "take the {thing}, go to the {place} and put it down there"),
    ("kitchen_structured", "two"): ("move the {thing} and the {thing2} to the {place}",
                                    "put the {thing} at the {place}, then put the {thing2} at the {place}",
                                    "bring both the {thing} and the {thing2} to the {place}"),
    ("kitchen_structured", "each"): ("move the {thing} to the {place} and the {thing2} to the {place2}",
                                     "put the {thing} at the {place} and after that the {thing2} at the {place2}",
                                     "first take the {thing} to the {place}, then take the {thing2} to the {place2}"),
    ("kitchen_embodied", "take_out"): ("move the {thing} out of the drawer to the {place}",
                                       "there is the {thing} in the drawer, put it on the {place}",
                                       "take the {thing} from the drawer and leave it at the {place}"),
    ("kitchen_embodied", "empty"): ("empty the drawer onto the {place}", "put what is in the drawer on the {place}",
                                    "take everything out of the drawer and put it on the {place}"),
    ("kitchen_embodied", "leave"): ("put the {thing} into the drawer and leave the drawer open",
                                    "leave the {thing} in the open drawer",
                                    "place the {thing} in the drawer, but do not close it"),
    ("kitchen_embodied", "tidy"): ("whether or not the drawer is open, put the {thing} in it and close it",
                                   "put the {thing} in the drawer and make sure that the drawer is closed",
                                   "the {thing} goes into the drawer, and the drawer must end up closed"),
    ("kitchen_embodied", "out_shut"): ("get the {thing} out of the drawer, put it on the {place}, close the drawer",
                                       "take the {thing} from the drawer to the {place}, then shut the drawer"),
    ("kitchen_crowd", "thirsty"): ("I am thirsty, could you put something to drink on the table?",
                                   "my throat is so dry... a drink at the table would be lovely",
                                   "bring a drink to the table, it is hot today",
                                   "could I have something to drink over here at the table?"),
    ("kitchen_crowd", "hungry"): ("I just worked out, can you bring a snack to the table to recover?",
                                  "I am starving, put something to eat on the table",
                                  "lunch is late again, any snack on the table would help",
                                 "I skipped breakfast, can you find me a snack and bring it to the table?"),
    ("kitchen_crowd", "spill"): ("I spilled my drink on the table, can you bring something to clean it up?",
                                 "there is a mess on the table, help me wipe it", "oh no, the table is all sticky",
                                "the kids painted the table, I need something to scrub it with"),
    ("kitchen_crowd", "spilled"): ("I spilled my {thing} on the table, can you throw it away and bring me something to "
                                   "help clean?",
                                   "my {thing} tipped over: bin it, then bring what I can wipe the table with",
                                   "oops, I knocked over the {thing}, please toss it and help me dry the table"),
    ("kitchen_crowd", "finished"): ("I finished my {thing}, could you throw it away?",
                                    "the {thing} is empty, please get rid of it for me",
                                    "who left the {thing} lying around? off to the bin with it",
                                    "I am done with the {thing}, can you throw it out for me?"),
    ("kitchen_crowd", "fruit"): ("my doctor says that I should eat fruit, leave one on the table for me",
                                 "something healthy and sweet on the table, please",
                                 "I need vitamins, could you put a piece of fruit on the table?"),
    ("kitchen_crowd", "season"): ("this soup on the table tastes of nothing, can you bring the pepper over?",
                                  "dinner needs seasoning, help at the table please",
                                  "these eggs are bland, is there anything to spice them up here at the table?"),
    ("kitchen_crowd", "guests"): ("guests are coming, could you hide the {thing} in the drawer and close it?",
                                  "please make the {thing} vanish into the drawer and shut it",
                                  "nobody should see the {thing}, keep it in the drawer and close that"),
    ("kitchen_long_horizon", "three"): ("put the {thing}, the {thing2} and the {thing3} on the {place}",
                                        "bring the {thing}, the {thing2} and the {thing3} to the {place}",
                                        "I need the {thing}, the {thing2} and the {thing3} at the {place}"),
    ("kitchen_long_horizon", "waste"): ("throw away the {thing} and the {thing2}, take the {thing3} to the {place}",
                                        "bin the {thing} and the {thing2}, and take the {thing3} to the {place}",
                                        "the {thing} and the {thing2} are waste, the {thing3} goes to the {place}"),
    ("kitchen_long_horizon", "clear"): ("clear the {place} and put everything on the {place2}",
                                        "move everything from the {place} to the {place2}",
                                        "I need the {place} empty, take all that is there to the {place2}"),
    ("kitchen_long_horizon", "put_away"): ("put the {thing} away in the drawer, close it, and bring the {thing2} and "
                                           "the {thing3} to the {place}",
                                           "stow the {thing} in the drawer, shut the drawer, then move the {thing2} "
                                           "and the {thing3} to the {place}"),
    ("kitchen_long_horizon", "all_of"): ("bring everything that counts as {kind} to the {place}",
                                         "gather every {kind} at the {place}", "I want every {kind} on the {place}"),
})
"""(family, form) -> wordings. {noun} is a {thing} by another name, {kind} a class."""

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
    return tuple((family, form, _pattern(wording)) for (family, form), wordings in TEMPLATES.items()
                 for wording in wordings)


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
