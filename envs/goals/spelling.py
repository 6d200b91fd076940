"""The text of a goal, read and written: `read(write(goal)) == goal`."""

from __future__ import annotations

import re
from collections.abc import Callable

from envs.goals.language import (
    KINDS,
    LONE_RELATIONS,
    NEAR_RELATIONS,
    NUMBERS,
    PLACES,
    QUANTIFIERS,
    SIZES,
    SUPERLATIVES,
    TABLE,
    Cannot,
    Clause,
    Description,
    Do,
    Exists,
    Fact,
    Goal,
    If,
    Keep,
    More,
    Not,
    Nothing,
    Step,
    Tell,
    Test,
    Things,
    Unclear,
    Where,
)

MOST_CHARACTERS = 2000
_MOST_DEPTH = 8  # of things within things
COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "cyan", "white")
_TOKEN = re.compile(r'\s*("[^"]{1,40}"|[A-Za-z_]+|\d+|[()\[\],;:])')
_PAIRED = ("in", "on", "beside", "left_of", "right_of")
_TELLS = ("count", "where", "color", "what")


class GoalError(ValueError):
    """A text that is no goal: what was expected and what came."""


# Writing -------------------------------------------------------------------------------------------------------------

def write(goal: Goal) -> str:
    """The text of a goal."""
    if isinstance(goal, Do):
        return " then ".join("; ".join(map(_clause, step)) for step in goal.steps)
    if isinstance(goal, If):
        otherwise = f" else: {write(goal.otherwise)}" if goal.otherwise else ""
        return f"if {write_test(goal.test)}: {write(goal.then)}{otherwise}"
    if isinstance(goal, Tell):
        is_test = goal.about == "whether"
        return f"tell whether {write_test(goal.what)}" if is_test else f"tell {goal.about}({write_things(goal.what)})"
    return f'cannot "{goal.verb}"' if isinstance(goal, Cannot) else type(goal).__name__.lower()


def _clause(clause: Clause) -> str:
    return f"keep({write_things(clause.things)})" if isinstance(clause, Keep) else write_test(clause)


def write_test(test: Test) -> str:
    """The text of a test, or of a fact."""
    if isinstance(test, Not):
        return f"not {write_test(test.test)}"
    if isinstance(test, Exists):
        return f"there_is({write_things(test.things)})"
    if isinstance(test, More):
        return f"more({write_things(test.these)}, {write_things(test.those)})"
    place = write_things(test.place) if isinstance(test.place, Things) else test.place
    return f"{test.relation}({', '.join(filter(None, [write_things(test.things), place]))})"


def write_things(things: Things) -> str:
    """The text of a reference."""
    return f"{things.quantifier} {write_description(things.description)}".strip()


def write_description(told: Description) -> str:
    """The text of a description."""
    words = [word for word in (told.superlative, told.size, told.color, told.kind) if word]
    brackets = [f"[{w.relation}{' ' + write_things(w.things) if w.things else ''}]" for w in told.where]
    return " ".join([*words, *brackets, *(["but", write_description(told.but)] if told.but else [])])


# Reading -------------------------------------------------------------------------------------------------------------

def read(text: str) -> Goal:
    """The goal that a text spells. Raises GoalError, never anything else, for any other text."""
    if len(text) > MOST_CHARACTERS:
        raise GoalError(f"expected a goal of at most {MOST_CHARACTERS} characters, got {len(text)}")
    reader = _Reader(_tokens(text))
    goal = reader.goal()
    if reader.next() is not None:
        raise GoalError(f"expected the end of the goal, got {reader.next()!r}")
    return goal


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise GoalError(f"expected a goal, got {text[at:at + 20]!r} in it")
        found.append(match[1])
        at = match.end()
    return found


class _Reader:
    """A recursive descent over tokens."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0

    def next(self, ahead: int = 0) -> str | None:
        place = self._at + ahead
        return self._tokens[place] if place < len(self._tokens) else None

    def _take(self, *expected: str) -> str:
        """The next token, one of those expected, any where none is named."""
        token = self.next()
        if token is None or (expected and token not in expected):
            raise GoalError(f"expected {' or '.join(map(repr, expected)) or 'more'}, got {token!r}")
        self._at += 1
        return token

    def _accept(self, *tokens: str) -> str:
        """The next token where it is one of these, else ""."""
        return self._take() if self.next() in tokens else ""

    def goal(self) -> Goal:
        if self._accept("nothing"):
            return Nothing()
        if self._accept("unclear"):
            return Unclear()
        if self._accept("cannot"):
            return Cannot(self._quoted())
        if self._accept("tell"):
            return self._tell()
        return self._if() if self._accept("if") else self._do()

    def _if(self) -> If:
        test = self.test()
        self._take(":")
        then = self._do()
        if not self._accept("else"):
            return If(test, then)
        self._take(":")
        return If(test, then, self._do())

    def _tell(self) -> Tell:
        if self._accept("whether"):
            return Tell("whether", self.test())
        about = self._take(*_TELLS)
        return Tell(about, self._within(self.things))

    def _do(self) -> Do:
        steps = [self._step()]
        while self._accept("then"):
            steps.append(self._step())
        return Do(tuple(steps))

    def _step(self) -> Step:
        clauses = [self._clause()]
        while self._accept(";"):
            clauses.append(self._clause())
        return tuple(clauses)

    def _clause(self) -> Clause:
        if self._accept("keep"):
            return Keep(self._within(self.things))
        test = self.test()
        fact = test.test if isinstance(test, Not) else test
        if not isinstance(fact, Fact):
            raise GoalError(f"expected something that can be done, got {write_test(test)!r}")
        return test

    def test(self) -> Test:
        if self._accept("not"):
            return Not(self._deeper(self.test))
        if self._accept("there_is"):
            return Exists(self._within(self.things))
        if self._accept("more"):
            return More(*self._within(lambda: self._pair(self.things)))
        return self._fact()

    def _fact(self) -> Fact:
        relation = self._take(*_PAIRED, "at", "held")
        if relation == "held":
            return Fact("held", self._within(self.things))
        return Fact(relation, *self._within(lambda: self._pair(lambda: self._place(relation))))

    def _place(self, relation: str) -> Things | str:
        if relation == "at":
            return self._take(*PLACES)
        return TABLE if relation == "on" and self._accept(TABLE) else self.things()

    def _pair(self, second: Callable):
        first = self.things()
        self._take(",")
        return first, second()

    def _within(self, inner: Callable):
        self._take("(")
        found = self._deeper(inner)
        self._take(")")
        return found

    def _deeper(self, inner: Callable):
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise GoalError(f"expected things within things at most {_MOST_DEPTH} deep")
        found = inner()
        self._depth -= 1
        return found

    def things(self) -> Things:
        return Things(self._accept(*QUANTIFIERS, *NUMBERS), self.description())

    def description(self) -> Description:
        superlative, size = self._accept(*SUPERLATIVES), self._accept(*SIZES)
        color = self._accept(*COLORS)
        if not color and (self.next() or "").startswith('"') and self.next(1) in KINDS:
            color = self._take()
        kind = self._take() if (self.next() or "").startswith('"') else self._take(*KINDS)
        where = []
        while self._accept("["):
            where.append(self._deeper(self._where))
            self._take("]")
        but = self._deeper(self.description) if self._accept("but") else None
        return Description(kind, color, size, superlative, tuple(where), but)

    def _where(self) -> Where:
        word = self._take()
        if word in ("left", "right", "same"):
            word = f"{word} {self._take('color' if word == 'same' else 'of')}"
        if word == "on" and self._accept(TABLE):
            word = "on table"
        if word in LONE_RELATIONS:
            return Where(word)
        if word not in NEAR_RELATIONS:
            raise GoalError(f"expected one of {(*NEAR_RELATIONS, *LONE_RELATIONS)} in a bracket, got {word!r}")
        return Where(word, self.things())

    def _quoted(self) -> str:
        token = self._take()
        if not token.startswith('"'):
            raise GoalError(f"expected a word in quotes, got {token!r}")
        return token[1:-1]
