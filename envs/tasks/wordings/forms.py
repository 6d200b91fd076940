"""Forms of English words: of verbs with -ing and participles, of nouns for several."""

from __future__ import annotations

from functools import cache

_PARTICIPLES = {
    "put": "put", "set": "set", "lay": "laid", "get": "gotten", "bring": "brought", "send": "sent", "stick": "stuck",
    "take": "taken", "keep": "kept", "leave": "left", "hold": "held", "have": "had", "let": "let", "make": "made",
    "build": "built", "sling": "slung", "fling": "flung", "give": "given", "find": "found", "stand": "stood",
    "throw": "thrown", "drive": "driven", "sit": "sat", "rid": "rid", "grab": "grabbed", "catch": "caught",
    "shove": "shoved", "hide": "hidden", "do": "done", "go": "gone", "see": "seen", "bung": "bunged", "lead": "led"}
_DOUBLED = frozenset(["b", "d", "g", "l", "m", "n", "p", "r", "t"])
_SINGLE = frozenset({"gather", "deliver", "lower", "load", "heap", "position", "deposit", "shift", "insert",
                     "plant", "return", "enter", "collect", "lift", "tilt", "rest", "nest", "balance", "center",
                     "settle", "sweep", "clear", "unload", "clean", "hoist", "tow", "maneuver", "transport", "seat",
                     "lodge", "steer", "retrieve", "remain", "avoid", "fish", "rehome", "free", "peel", "haul",
                     "station", "mount", "toss", "chuck", "drain", "tender", "rescue", "sneak", "level", "repair",
                     "anchor", "open", "loosen", "heat", "weigh", "iron", "measure"})


@cache
def gerund(verb: str) -> str:
    """The form with -ing."""
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
        return verb[:-1] + "ing"
    return verb + (verb[-1] if _doubles(verb) else "") + "ing"


@cache
def participle(verb: str) -> str:
    """The past participle."""
    if verb in _PARTICIPLES:
        return _PARTICIPLES[verb]
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ied"
    return verb + (verb[-1] if _doubles(verb) else "") + "ed"


def _doubles(verb: str) -> bool:
    if verb in _SINGLE or len(verb) < 3:
        return False
    return verb[-1] in _DOUBLED and verb[-2] in "aeiou" and verb[-3] not in "aeiou"


@cache
def plural(noun: str) -> str:
    """Several of a noun; of several words the last one counts."""
    if noun in ("dice", "lego", "stuff"):
        return noun
    if noun == "die":
        return "dice"
    if noun.endswith(("s", "sh", "ch", "x")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def article(words: str) -> str:
    """ "a" or "an", as what follows sounds."""
    return (
        "an"
        if (words[:1] in "aeio" and not words.startswith(("one", "euro")))
        or words.startswith(("ultramarine", "upper", "umber"))
        else "a"
    )


def article_of(text: str, words: str) -> str:
    """The text with "an" for "a" in front of words that ask for it."""
    return text.replace(f"a {words}", f"{article(words)} {words}")
