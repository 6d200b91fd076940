"""Whether a text asks for what it speaks of: it requests, wants or says what belongs where. What tells, asks whether
something is so, or takes back what it said is no request, though it names the same things in the same order."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

NEGATIONS = frozenset(("not", "never", "no", "nor", "neither", "don't", "dont", "doesn't", "shouldn't", "mustn't",
                       "can't", "cannot", "without", "avoid"))
THING = "#"
"""Stands for each thing in the texts that `asks` is given."""

_BORDERS = frozenset((".", ",", ":", ";", "?", "then", "but"))
"""What ends the reach of a negation."""
ACTS = ("put", "place", "set", "move", "drop", "stack", "pick", "take", "grab", "build", "make", "sort", "match",
        "tidy", "lift", "lay")
"""Verbs that ask for something to be done with things."""
_TELLING = frozenset((THING, *ACTS, "i", "we", "you", "it", "be", "go", "goes", "belong", "belongs", "sit", "should",
                      "would", "could", "can", "want", "need", "like", "robot", "this", "that", "these", "those", "by"))
"""What tells a request from a statement or a question. Other words only add to it."""
_ASIDE = re.compile(r"\b(?:thank you|by colou?rs?|(?<!the )(?<!a )(?<!this )(?<!that )(?<!each )(?<!every )robot)\b")
"""What tells nothing, though its words might."""
_ACT = rf"(?:{'|'.join(ACTS)})"
_ENDS = "(?: (?:#|it|be|go|sit))*"  # "make # go #"
_REQUEST = re.compile(rf"(?:# )*(?:(?:could|can|would) you )?{_ACT}{_ENDS}")
_TAG = re.compile("(?:could|can|would) you")  # ".., could you?"
_WISH = re.compile(rf"(?:# )*(?:(?:i|we) (?:want|need|would like)(?:(?: you)? {_ACT})?"
                   rf"|you (?:should|can|could) {_ACT}){_ENDS}")  # "i want to put # #", for it is the robot's to do
_RULE = re.compile(r"(?:#|it) (?:belongs?|goes?|should (?:go|be|sit|belong))(?: #)?")


def reach(words: Sequence[str], end: int) -> list[int]:
    """The places of the negations that stand before a place, in the same clause."""
    clause = itertools.takewhile(lambda place: words[place] not in _BORDERS, reversed(range(end)))
    return [place for place in clause if words[place] in NEGATIONS]


def is_settled(words: Sequence[str], used: frozenset[int]) -> bool:
    """Whether each negation says no to a thing; used: the places of those that do. "no, .." answers somebody."""
    answers = {0} if words[:1] == ["no"] and words[1:2] and words[1] in _BORDERS else set()
    return all(word not in NEGATIONS or place in used | answers for place, word in enumerate(words))


def asks(text: str) -> bool:
    """Whether every sentence of a text, with `THING` for each thing, asks for something, or is mere politeness."""
    sentences = re.findall(r"[^.;?]+\??", _ASIDE.sub(" ", text))
    return all(_asks(sentence, is_question=sentence.endswith("?")) for sentence in sentences)


def _asks(sentence: str, *, is_question: bool) -> bool:
    """Each clause asks, or has no more than things and where: "red block in blue bowl" is an order, but no question."""
    clauses = [_telling(clause) for clause in re.split(r" *(?:,|:|\bthen\b|\band\b) *", sentence)]
    forms = [_REQUEST] if is_question else [_REQUEST, _WISH, _RULE]
    asking = [any(form.fullmatch(clause) for form in forms) for clause in clauses]
    is_plain = not is_question or any(asking) or THING not in sentence
    return is_plain and all(is_one or clause in ("", THING) or _TAG.fullmatch(clause)
                            for is_one, clause in zip(asking, clauses, strict=True))


def _telling(clause: str) -> str:
    """The telling words of a clause, those said twice in a row once."""
    return " ".join(word for word, _ in itertools.groupby(word for word in clause.split() if word in _TELLING))
