"""What fingers do to a text: typing errors, case, stops; words that must stay are left alone."""

from __future__ import annotations

import re
from functools import lru_cache

from envs.tasks.wordings.draws import Draws
from envs.tasks.wordings.lexicon import TABLES, rows
from envs.tasks.wordings.typos import COMMON, ENGLISH, KEYS, SOUNDS

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")


@lru_cache(maxsize=1)
def known() -> frozenset[str]:
    """Words that a typing error must not make: all of the lexicon, and common ones."""
    words = {
        part
        for table in TABLES.values()
        for row in table.values()
        for side in rows(row)
        for text in side
        for part in re.split(r"[ -]", text)
    }
    return frozenset(words | set(ENGLISH.split()))


def mistyped(draws: Draws, text: str, *, count: int, spare: frozenset[str] = frozenset()) -> str:
    """The text with a number of typing errors. spare: words that stay as they are."""
    words = list(_WORD.finditer(text))
    fit = [match for match in words if match[0] not in spare and (len(match[0]) > 3 or match[0] in SHORT)]
    for match in sorted(draws.shuffled(fit)[:count], key=lambda m: -m.start()):
        text = text[:match.start()] + wrong(draws, match[0]) + text[match.end():]
    if draws.chance(0.06):
        text = _run_together(draws, text)
    return text


SHORT = frozenset({"the", "red", "and", "put", "you", "for", "can"})


def wrong(draws: Draws, word: str) -> str:
    """A word with a typing error that makes no other word."""
    if word in COMMON and draws.chance(0.45):
        return draws.pick(COMMON[word])
    for _ in range(6):
        made = _slip(draws, word)
        if made != word and made not in known() and made.isascii():
            return made
    return word


def _slip(draws: Draws, word: str) -> str:
    at = int(draws.random() * (len(word) - 1))
    way = draws.random()
    if way < 0.3:
        return word[:at] + word[at + 1] + word[at] + word[at + 2:]
    if way < 0.5:
        at = 1 + int(draws.random() * (len(word) - 1))
        return word[:at] + word[at + 1:] if len(word) > 3 else word
    if way < 0.66:
        return word[:at] + word[at] + word[at:]
    if way < 0.86:
        return word[:at] + draws.pick(KEYS.get(word[at], word[at])) + word[at + 1:]
    if way < 0.94:
        return word[:at] + word[at] + draws.pick(KEYS.get(word[at], word[at])) + word[at + 1:]
    sound, other = draws.pick(SOUNDS)
    return word.replace(sound, other, 1)


def _run_together(draws: Draws, text: str) -> str:
    """Two words without their space."""
    spaces = [m.start() for m in re.finditer(r"(?<=[a-z]) (?=[a-z])", text)]
    if not spaces:
        return text
    at = draws.pick(spaces)
    return text[:at] + text[at + 1:]


SHORT_FORMS = {
    "you": "u",
    "please": "pls",
    "thanks": "thx",
    "with": "w/",
    "and": "n",
    "before": "b4",
    "the": "da",
    "that": "dat",
    "your": "ur",
    "are": "r",
    "because": "cuz",
    "okay": "k",
    "want to": "wanna",
    "going to": "gonna",
    "give me": "gimme",
    "let me": "lemme",
    "got to": "gotta",
    "don't know": "dunno",
    "right now": "rn",
    "everything": "evrything",
    "something": "smth",
    "without": "w/o",
    "thank you": "ty",
    "to be": "2 be",
    "for me": "4 me",
    "them": "em",
    "what is": "whats",
    "that is": "thats",
    "i am": "im",
    "i'm": "im",
    "it is": "its",
    "don't": "dont",
    "isn't": "isnt",
    "what": "wat",
    "okay ": "ok ",
    "this": "dis",
}


def texted(draws: Draws, text: str, spare: frozenset[str] = frozenset()) -> str:
    """The text as people write on a telephone. spare: words that stay as they are."""
    for words, short in SHORT_FORMS.items():
        if words in text and words not in spare and draws.chance(0.6):
            text = re.sub(rf"\b{words}\b", short, text)
    return text


def british(text: str) -> str:
    """The text with the spelling of Britain."""
    for ours, theirs in (
        ("color", "colour"),
        ("center", "centre"),
        ("gray", "grey"),
        ("favor", "favour"),
        ("neighbor", "neighbour"),
    ):
        text = text.replace(ours, theirs)
    return text


# Case and stops ------------------------------------------------------------------------------------------------------

def written(draws: Draws, text: str, odd: float) -> str:
    """The text with capitals and stops as people set them. odd: the share of texts with odd ones."""
    if draws.chance(odd):
        return _oddly(draws, text)
    way = draws.random()
    if way < 0.38:
        return capital(text) + ("" if text[-1:] in "?!." else "." if draws.chance(0.8) else draws.pick(("!", "", "")))
    return text if way < 0.85 else capital(text)


def capital(text: str) -> str:
    """Sentences with their first letters as capitals, and "I"."""
    text = re.sub(r"\bi\b(?!\.)", "I", text)
    return re.sub(r"(^|[.!?] )([a-z])", lambda m: m[1] + m[2].upper(), text)


def _oddly(draws: Draws, text: str) -> str:
    way = draws.random()
    if way < 0.28:
        return text.upper() + draws.pick(("", "", "!", "!!", "!!!", "."))
    if way < 0.42:
        return re.sub(r"(?<![0-9)])[.,;?!](?= |$)", "", text)
    if way < 0.52:
        return " ".join(w.capitalize() for w in text.split(" "))
    if way < 0.62:
        return text.rstrip(".?!") + draws.pick(
            ("...", "..", "!!!", "???", "?!", "!!", " .", " !", "....", ",", ";", "~", "-", "…", "?")
        )
    if way < 0.7:
        return re.sub(r"[.,;] ", lambda m: draws.pick((m[0][0], " " + m[0], m[0], " ")), text)
    if way < 0.78:
        return "".join(c.upper() if draws.chance(0.5) else c for c in text)
    if way < 0.84:
        return re.sub(r"\b[a-z]{3,}\b", lambda m: m[0].upper() if draws.chance(0.25) else m[0], text)
    if way < 0.9:
        return draws.pick(("  ", " ", "\t", "...", ">> ", "- ", "* ")) + text + draws.pick(("", " ", "  "))
    if way < 0.925 and len(text) < 60:
        return re.sub(r"[ ,.]", "", text)
    if way < 0.95:
        return (
            text.replace(" ", draws.pick(("  ", "_", "-", ".", " ... ")))
            if draws.chance(0.5)
            else text.replace(" ", "  ", 2)
        )
    return f"{text} {draws.pick(EMOJI)}"


EMOJI = (
    ":)", ":-)", ";)", "🙂", "🙏", "🤖", "👍", "xD", "<3", "✨", "😀", "^^", "😅", ":D", "😉", "😄", "❤️"
)


def without_articles(text: str) -> str:
    """The text without "the", where that leaves the meaning alone."""
    return re.sub(r"\bthe (?!two|three|four|other|same|pair|couple|[a-z]+est\b)", "", text)
