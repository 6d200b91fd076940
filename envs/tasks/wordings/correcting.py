"""What puts an earlier request right."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import Description, Do, Nothing, Things
from envs.tasks.wordings import turns
from envs.tasks.wordings.conversing import Conversing, Turn
from envs.tasks.wordings.nouns import Noun
from envs.tasks.wordings.repairs import other_than


class Correcting(Conversing):
    """Makes corrections."""

    def correction(self) -> Turn:
        """What puts an earlier request right."""
        way = self.draws.weighted(
            {"thing": 0.26, "place": 0.22, "not": 0.1, "other": 0.14, "relation": 0.1, "whole": 0.1, "quit": 0.08}
        )
        return getattr(self, f"_correct_{way}")()

    def _correct_thing(self) -> Turn:
        fact = self.plain()
        meant = other_than(self.talk, fact.things)
        if self.voice.chance(0.3):
            meant = self.people.the("block", way=self.draws.pick(("size", "superlative", "where", "color")))
        if meant == fact.things or meant == fact.place:
            return self._correct_thing()
        text = self.voice.form(turns.NO, {"c": self._thing(meant)})
        return Turn(self._done(self.asked(fact), 0.3), text, Do(((replace(fact, things=meant),),)))

    def _correct_place(self) -> Turn:
        fact = self.plain(relation=self.draws.weighted({"in": 0.7, "on": 0.2, "beside": 0.1}))
        meant = (
            other_than(self.talk, fact.place)
            if self.voice.chance(0.75)
            else self.people.the(fact.place.description.kind)
        )
        if meant in (fact.things, fact.place):
            return self._correct_place()
        new = replace(fact, place=meant)
        is_plain = fact.place.description.kind == "bowl" and self.voice.chance(0.4)
        words = self.nouns.say(meant, one=0.0).text if is_plain else self.talk.clauses.state(new).where
        if is_plain and not any(
            w in words for w in ("bowl", "dish", "basin", "container", "pot", "vessel", "receptacle")
        ):
            words = self.talk.clauses.state(new).where
        return Turn(self._done(self.asked(fact), 0.3), self.voice.form(turns.NO, {"c": words}), Do(((new,),)))

    def _correct_not(self) -> Turn:
        """ "not the blue one, the white one"."""
        fact = self.plain(relation=self.draws.weighted({"in": 0.7, "on": 0.2, "beside": 0.1}))
        is_place = self.voice.chance(0.5) and fact.things.description.color != fact.place.description.color
        old = fact.place if is_place else fact.things
        if (
            fact.things.description.color == fact.place.description.color
            or not old.description.color
            or old.description != Description(old.description.kind, old.description.color)
        ):
            return self._correct_thing()
        new = replace(
            old,
            description=replace(
                old.description, color=self.people.color((fact.things.description.color, fact.place.description.color))
            ),
        )
        noun = self.voice.pick(("one", "one", self.voice.word("nouns", old.description.kind)))
        slots = {
            "o": f"the {self.nouns.color(old.description.color)} {noun}",
            "n": f"the {self.nouns.color(new.description.color)} {self.voice.pick((noun, 'one'))}",
        }
        text = self.voice.fill(
            (
                "(not <o>, <n>|not <o>. <n>|<n>, not <o>|i meant <n>, not <o>|no, not <o>, <n>|<n> instead "
                "of <o>|i said <n>, not <o>|use <n> instead of <o>|not <o> but <n>|<n> rather than <o>|not "
                "<o>! <n>!|sorry, not <o> but <n>)"
            ),
            slots,
        )
        return Turn(
            self._done(self.asked(fact), 0.3),
            text,
            Do(((replace(fact, place=new) if is_place else replace(fact, things=new),),)),
        )

    def _correct_other(self) -> Turn:
        """ "no, the other one": not the one that was named."""
        fact = self.plain(relation=self.draws.weighted({"in": 0.6, "on": 0.2, "at": 0.1, "held": 0.1}))
        is_place = fact.relation == "in" and self.voice.chance(0.3)
        kind = "bowl" if is_place else "block"
        told = self.people.description(
            kind,
            way=self.draws.pick(
                ("superlative", "where", "size") if kind == "block" else ("superlative", "where", "color")
            ),
        )
        if told.but or told.superlative in ("highest", "lowest"):
            return self._correct_other()
        base = Description(kind, told.color if told.superlative or told.where or told.size else "")
        named = replace(fact, place=Things("the", told)) if is_place else replace(fact, things=Things("the", told))
        meant = Things("the", replace(base, but=told))
        new = replace(fact, place=meant) if is_place else replace(fact, things=meant)
        words = self.voice.fill(
            "(the other one*5|the other <k>*3|the other <c> <k>)"
            if base.color and not is_place
            else "(the other one|the other <k>)"
            if not is_place
            else "(the other <k>*3|in the other one*3|into the other <k>|in the other <k>)",
            {"k": lambda: self.voice.word("nouns", kind), "c": lambda: self.nouns.color(base.color)},
        )
        text = self.voice.form(turns.NO, {"c": words}) if self.voice.chance(0.85) else words
        return Turn(self._done(self.asked(named), 0.4), text, Do(((new,),)))

    def _correct_relation(self) -> Turn:
        fact = self.plain(relation=self.draws.weighted({"in": 0.35, "on": 0.35, "beside": 0.3}))
        new = self.people.fact(
            x=fact.things,
            relation=self.draws.weighted(
                {"beside": 0.35, "left_of": 0.15, "right_of": 0.15, "on": 0.15, "table": 0.1, "at": 0.1}
            ),
        )
        if isinstance(new.place, Things):
            new = replace(new, place=fact.place)
            if new.relation == fact.relation or (new.relation == "on" and fact.place.description.kind == "bowl"):
                return self._correct_relation()
        p = Noun("it", False) if isinstance(new.place, Things) and self.voice.chance(0.6) else None
        command = self.talk.clauses.framed(
            new, Noun("it", False), p or (self.nouns.say(new.place) if isinstance(new.place, Things) else None)
        )
        words = command.form() if self.voice.chance(0.6) else self.talk.clauses.state(new, Noun("it", False), p).where
        return Turn(
            self._done(self.asked(fact), 0.3),
            self.voice.form(turns.INSTEAD if self.voice.chance(0.7) else turns.NO, {"c": words}),
            Do(((new,),)),
        )

    def _correct_whole(self) -> Turn:
        fact = self.plain()
        new = self.people.fact()
        text = self.voice.form(turns.INSTEAD, {"c": self.talk.clauses.command(new).form()})
        return Turn(self._done(self.asked(fact), 0.3), text, Do(((new,),)))

    def _correct_quit(self) -> Turn:
        return Turn(self._done(self.asked(self.people.fact()), 0.4), self.voice.form(turns.QUIT), Nothing())
