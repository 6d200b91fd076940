"""Conversations: what is said after other turns, with the whole goal that it means now."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import TABLE, Description, Do, Fact, Tell, Things
from envs.tasks.wordings import turns
from envs.tasks.wordings.answering import Answering
from envs.tasks.wordings.continuing import Continuing
from envs.tasks.wordings.conversing import Turn
from envs.tasks.wordings.correcting import Correcting
from envs.tasks.wordings.nouns import Noun
from envs.tasks.wordings.repairs import other_than


class Dialogue(Answering, Correcting, Continuing):
    """Makes conversations."""

    def corrected(self) -> Turn:
        """What puts an earlier request right, now and then in words that say no more than what is wrong."""
        chance = self.draws.random()
        return self.wrong_place() if chance < 0.12 else self.just() if chance < 0.18 else self.correction()

    def further(self) -> Turn:
        """What is wanted next, with words for what was spoken of."""
        way = self.draws.weighted(
            {
                "it": 0.34,
                "too": 0.28,
                "out": 0.12,
                "on it": 0.1,
                "there": 0.06,
                "tell": 0.05,
                "refused": 0.05,
                "anew": 0.07,
                "upon": 0.12,
                "back": 0.05,
                "where": 0.05,
                "them": 0.06,
            }
        )
        return {
            "it": self._with_it,
            "too": self._too,
            "out": self._out,
            "on it": self._onto_it,
            "there": self._there,
            "tell": self._about_it,
            "refused": self._refused,
            "anew": self._anew,
            "upon": self.upon,
            "back": self.back,
            "where": self.also_where,
            "them": self.them,
        }[way]()

    def _with_it(self) -> Turn:
        """ "put it on the green one instead"."""
        fact = self.plain()
        if self.voice.chance(0.15):
            fact = (
                replace(fact, things=Things("both", fact.things.description))
                if fact.relation not in ("held", "on")
                else fact
            )
        many = fact.things.quantifier == "both"
        new = self.people.fact(
            x=fact.things,
            relation=self.draws.weighted(
                {
                    "in": 0.35,
                    "on": 0.0 if many else 0.25,
                    "beside": 0.12,
                    "left_of": 0.05,
                    "right_of": 0.05,
                    "at": 0.06,
                    "table": 0.07,
                    "held": 0.0 if many else 0.05,
                }
            ),
        )
        if new == fact or new.place == fact.things:
            return self._with_it()
        it = Noun("them", True) if many else Noun(self.voice.pick(("it", "it", "it", "that one", "that")), False)
        p = None
        if (
            isinstance(new.place, Things)
            and new.place.description == Description(new.place.description.kind, new.place.description.color)
            and isinstance(fact.place, Things)
            and (fact.place.description.kind == new.place.description.kind)
            and self.voice.chance(0.5)
        ):
            p = Noun(f"the {self.nouns.color(new.place.description.color)} one", False)
        command = self.talk.clauses.command(new, it, p)
        row = turns.INSTEAD if new.relation != "held" and self.voice.chance(0.4) else turns.AGAIN
        return Turn(self._done(self.asked(fact)), self.voice.form(row, {"c": command.form}), Do(((new,),)))

    def _too(self) -> Turn:
        """ "and the green one as well"."""
        fact = self.plain(relation=self.draws.weighted({"in": 0.7, "beside": 0.12, "at": 0.08, "table": 0.1}))
        new = replace(
            fact, things=other_than(self.talk, fact.things) if self.voice.chance(0.75) else self.people.the("block")
        )
        if new.things in (fact.things, fact.place):
            return self._too()
        if self.voice.chance(0.1):
            new = replace(
                fact,
                things=Things(
                    self.draws.pick(("both", "all")),
                    Description("block", self.people.color((fact.things.description.color,))),
                ),
            )
        words = self.nouns.say(new.things, one=0.4).text if new.things.quantifier != "the" else self._thing(new.things)
        return Turn(self._done(self.asked(fact)), self.voice.form(turns.TOO, {"x": words}), Do(((new,),)))

    def _out(self) -> Turn:
        fact = self.plain(relation=self.draws.pick(("in", "in", "on")))
        text = self.voice.form(turns.TAKE_OUT if fact.relation == "in" else turns.TAKE_OFF)
        return Turn(
            self._done(self.asked(fact)),
            self.voice.form(turns.AGAIN, {"c": text}),
            Do(((Fact("on", fact.things, TABLE),),)),
        )

    def _onto_it(self) -> Turn:
        """ "now put the green one on it"."""
        fact = self.plain(relation=self.draws.weighted({"on": 0.3, "table": 0.35, "at": 0.2, "in": 0.15}))
        new = Fact(
            self.draws.weighted({"on": 0.65, "beside": 0.2, "left_of": 0.08, "right_of": 0.07})
            if fact.relation != "in"
            else "on",
            self.people.the("block"),
            fact.things,
        )
        if new.things in (fact.things, fact.place):
            return self._onto_it()
        command = self.talk.clauses.command(new, Noun(self._thing(new.things), False), Noun("it", False))
        return Turn(self._done(self.asked(fact)), self.voice.form(turns.AGAIN, {"c": command.form}), Do(((new,),)))

    def _there(self) -> Turn:
        """"put the green block in the same bowl"."""
        fact = self.plain(relation="in")
        new = replace(fact, things=self.people.the("block"))
        if new.things == fact.things:
            return self._there()
        p = Noun(self.voice.pick(("the same bowl", "it", "that bowl", "that one", "the same one")), False)
        command = self.talk.clauses.command(new, Noun(self._thing(new.things), False), p)
        return Turn(self._done(self.asked(fact)), self.voice.form(turns.AGAIN, {"c": command.form}), Do(((new,),)))

    def _about_it(self) -> Turn:
        fact = self.plain(relation="in")
        goal = self.draws.pick((Tell("where", fact.things), Tell("whether", fact)))
        text = (
            self.voice.pick(
                (
                    "where is it now?",
                    "where is it?",
                    "and where is it?",
                    "where did you put it?",
                    "tell me where it is",
                    "so where is it now?",
                )
            )
            if goal.about == "where"
            else (
                self.voice.pick(
                    (
                        "is it in there now?",
                        "is it in there?",
                        "did it end up in the bowl?",
                        "is it really in there?",
                        "is it in it?",
                        "so is it in the bowl now?",
                        "did that work, is it in the bowl?",
                    )
                )
            )
        )
        return Turn(self._done(self.asked(fact)), text, goal)

    def _refused(self) -> Turn:
        """Something else, after the robot saw no such thing."""
        fact = self.plain(relation="in")
        noun = f"{fact.things.description.color} block"
        meant = (
            Things("the", Description("block", self.people.color((fact.things.description.color,))))
            if self.voice.chance(0.75)
            else self.people.the("block")
        )
        text = self.voice.form(turns.AFTER_REFUSAL, {"x": self._thing(meant)})
        return Turn(
            (self.asked(fact), self.robot(turns.REFUSED, {"n": noun})), text, Do(((replace(fact, things=meant),),))
        )

    def _anew(self) -> Turn:
        """Something else altogether."""
        goal = Do(((self.people.fact(),),)) if self.voice.chance(0.8) else self.people.question()
        said = self.talk.say(goal)
        text = (
            self.voice.form(turns.AGAIN, {"c": said})
            if self.voice.chance(0.3)
            and not said.endswith("?")
            and isinstance(goal, Do)
            and said.startswith(("put", "move", "place"))
            else said
        )
        return Turn(self._done(self.asked(self.people.fact()), 0.8), text, goal)
