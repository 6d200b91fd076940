"""Turns of a conversation: what both say before the turn that counts."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from envs.goals.language import Description, Do, Fact, Goal, Things
from envs.goals.normal import normal
from envs.goals.spelling import write
from envs.tasks.wordings import turns
from envs.tasks.wordings.noise import capital
from envs.tasks.wordings.people import People
from envs.tasks.wordings.talk import Talk


class Turn(NamedTuple):
    """What was said before, what is said now, and the goal of it."""

    before: tuple[dict, ...]
    text: str
    goal: Goal


class Conversing:
    """Makes turns."""

    def __init__(self, talk: Talk, people: People) -> None:
        self.talk, self.people = talk, people
        self.voice, self.nouns, self.draws = talk.voice, talk.nouns, talk.voice.draws

    # The turns before ------------------------------------------------------------------------------------------------

    def asked(self, fact: Fact) -> dict:
        """A turn of the person, who wants a fact."""
        goal = Do((((fact),),))
        text = self.talk.do(goal)
        return {"person": capital(text) if self.voice.chance(0.4) else text, "goal": write(normal(goal))}

    def robot(self, row: tuple[str, ...], slots: dict | None = None) -> dict:
        """A turn of the robot."""
        return {"robot": self.voice.form(row, slots)}

    def _done(self, first: dict, share: float = 0.6) -> tuple[dict, ...]:
        return (first, self.robot(turns.DONE)) if self.voice.chance(share) else (first,)

    def longer(self, turn: Turn) -> Turn:
        """The turn, with an earlier exchange before it now and then."""
        if not self.voice.chance(0.12):
            return turn
        earlier = (self.asked(self.people.fact()), self.robot(turns.DONE))
        return Turn((*earlier, *turn.before), turn.text, turn.goal)

    def plain(self, *, relation: str = "", kind: str = "block") -> Fact:
        """Something to do with one thing of a colour."""
        x = Things("the", Description(kind, self.people.color()))
        fact = self.people.fact(
            x=x,
            relation=relation
            or self.draws.weighted({"in": 0.5, "on": 0.25, "beside": 0.1, "at": 0.05, "table": 0.05, "held": 0.05}),
        )
        if isinstance(fact.place, Things) and (fact.place.description.where or self.voice.chance(0.6)):
            fact = replace(
                fact,
                place=Things(
                    "the",
                    Description(
                        fact.place.description.kind,
                        self.people.color((x.description.color,) if fact.relation != "in" else ()),
                    ),
                ),
            )
        return fact

    def _thing(self, things: Things) -> str:
        told = things.description
        if told == Description("block", told.color) and told.color:
            return self.voice.fill(
                "(the <c> one*4|the <c> <k>*4|<c>)",
                {"c": self.nouns.color(told.color), "k": lambda: self.voice.word("nouns", "block")},
            )
        return self.nouns.say(things, one=0.4).text
