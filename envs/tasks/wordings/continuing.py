"""What goes on from an earlier turn, or takes it back, in other words than a whole request."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import TABLE, Description, Do, Fact, Tell, Things
from envs.goals.spelling import write
from envs.tasks.wordings.conversing import Conversing, Turn
from envs.tasks.wordings.noise import capital
from envs.tasks.wordings.nouns import Noun
from envs.tasks.wordings.repairs import other_than
from envs.tasks.wordings.verbs import TOWARDS

UPON = (
    "then <x> on that", "next, <x> on top of that one", "<x> on it, now", "good. now <x> on top",
    "and on top of that <x>", "now on it goes <x>", "great, <x> goes on top of that", "on that, <x>",
    "fine, and now <x> onto it", "now @put <x> on top of that", "nice. <x> on top of that, please",
    "and then <x> on it"
)
PUT_BACK = (
    "put it back on the table", "no, back on the table with it", "it was better on the table, put it there again",
    "i liked it better on the table", "take it back to the table", "on second thought, back to the table with it",
    "it should have stayed on the table", "bring it back to the table", "i want it on the table again",
    "lay it on the table again", "sorry, the table is the better place for it"
)
ASKED_WHERE = (
    "and <x>?", "what about <x>?", "and where's <x>?", "where is <x> then?",
    "now <x>, where is that?", "okay, and <x>?", "and the same for <x>?", "thanks. and <x>, where is it?",
    "how about <x>?"
)
PUT_THEM = (
    "put them <to>", "good, put them <to>", "then put them <to>", "all of them go <to>", "move them <to>",
    "<to> with them", "ok, they go <to>", "please put all of them <to>", "then i want them <to>", "now put them <to>",
    "they should all go <to>"
)
PUT_BOTH = (
    "put them <to>", "good, put both <to>", "then put them both <to>", "both of them go <to>", "move them <to>",
    "<to> with them", "ok, they go <to>", "please put the two of them <to>", "then i want both <to>",
    "now put them <to>"
)
IT_IS = (
    "It is <at>.", "<at>.", "I see it <at>.", "You find it <at>.", "It's <at>."
)
NO_ROOM = (
    "Sorry, there is only room for two blocks there.", "I cannot do that: they do not all fit.",
    "That is too many for me.", "There is no room for all of them.", "Not all of them fit in there."
)
JUST = (
    "just <x>, then", "then only <x>", "just <x>", "okay, only <x> then", "then take just <x>", "<x> will do then",
    "only <x>, please", "fine, then just <x>", "in that case only <x>", "well, <x> then",
    "make it just <x>"
)
WRONG_PLACE = (
    "wrong <k>. it belongs <to>", "that's the wrong <k>, it goes <to>", "not that <k>! it should be <to>",
    "wrong <k>, <to> please", "no, wrong <k>. <to> with it", "that was the wrong <k>. i want it <to>",
    "it's in the wrong <k>, move it <to>", "the wrong <k>, sorry. it must go <to>", "no, another <k>: it belongs <to>"
)
ON_PLACE = (
    "sorry, <to>, i meant", "<to>, i meant", "i meant <to>", "no, <to>, sorry", "oh, <to>, i mean", "<to>, not there",
    "actually <to>", "i wanted to say <to>", "wait, <to>", "that should have been <to>", "not there, <to>"
)


class Continuing(Conversing):
    """Makes turns that go on."""

    def upon(self) -> Turn:
        """ "next, the orange one on top of that one"."""
        fact = self.plain(relation=self.draws.weighted({"on": 0.55, "table": 0.25, "at": 0.1, "held": 0.1}))
        x = self.people.the("block", way="color") if self.voice.chance(0.8) else self.people.the("block")
        if x in (fact.things, fact.place):
            return self.upon()
        text = self.voice.form(UPON, {"x": self._thing(x)}).replace("@", "")
        return Turn(self._done(self.asked(fact), 0.75), text, Do(((Fact("on", x, fact.things),),)))

    def back(self) -> Turn:
        """ "i liked it better on the table"."""
        fact = self.plain(relation=self.draws.pick(("in", "in", "on")))
        return Turn(
            self._done(self.asked(fact), 0.8), self.voice.form(PUT_BACK), Do(((Fact("on", fact.things, TABLE),),))
        )

    def also_where(self) -> Turn:
        """ "how about the orange one?"."""
        first, second = self.plain(relation="in"), self.plain(relation="in")
        if first.things == second.things:
            return self.also_where()
        at = self.talk.clauses.state(first, Noun("it", False)).where
        before = (self._told(Tell("where", first.things)), {"robot": capital(self.voice.form(IT_IS, {"at": at}))})
        return Turn(
            before, self.voice.form(ASKED_WHERE, {"x": self._thing(second.things)}), Tell("where", second.things)
        )

    def _told(self, goal: Tell) -> dict:
        """A question of the person."""
        return {"person": self.talk.say(goal), "goal": write(goal)}

    def them(self) -> Turn:
        """ "then i want them on the left", of what was counted."""
        told = Description("block", self.people.color())
        number = self.draws.weighted({"Two": 0.6, "Three": 0.3, "Four": 0.1})
        fact = self.people.fact(
            x=Things("both" if number == "Two" else "all", told),
            relation=self.draws.weighted({"in": 0.7, "at": 0.2, "table": 0.1}),
        )
        robot = self.draws.pick((f"{number}.", f"There are {number.lower()}.", f"I see {number.lower()}.", f"{number}"))
        row = PUT_BOTH if number == "Two" else PUT_THEM
        before = (self._told(Tell("count", Things("", told))), {"robot": robot})
        return Turn(before, self.voice.form(row, {"to": self._to(fact)}), Do(((fact,),)))

    def _to(self, fact: Fact, p: str = "") -> str:
        place = p or (self.nouns.say(fact.place).text if isinstance(fact.place, Things) else "")
        return self.voice.fill(TOWARDS[self.talk.clauses.key(fact)], {"p": place})

    def just(self) -> Turn:
        """ "in that case only both red ones", where all would not fit."""
        fact = self.people.fact(x=Things("all", Description("block")), relation="in")
        told = Description("block", self.people.color())
        meant = self.draws.pick(
            (Things("both", told), Things("the", told), Things("2", Description("block")), Things("all", told))
        )
        words = self.voice.pick(
            (f"the two {self.nouns.color(told.color)} ones", self.nouns.say(meant, one=0.5).text)
            if meant.quantifier == "both"
            else (self.nouns.say(meant, one=0.5).text,)
        )
        if meant.quantifier == "2":
            words = self.voice.pick(("two of them", "any two", "two", "two of them, you choose"))
        before = (self.asked(fact), self.robot(NO_ROOM))
        return Turn(before, self.voice.form(JUST, {"x": words}), Do(((replace(fact, things=meant),),)))

    def wrong_place(self) -> Turn:
        """ "that's the wrong bowl, it goes into the leftmost one"."""
        fact = self.plain(relation=self.draws.weighted({"in": 0.7, "on": 0.3}))
        kind = fact.place.description.kind
        way = self.draws.weighted({"superlative": 0.4, "where": 0.2, "color": 0.4})
        meant = self.people.the(kind, way=way) if self.voice.chance(0.6) else other_than(self.talk, fact.place)
        if meant in (fact.things, fact.place) or meant.description.kind != kind:
            return self.wrong_place()
        new = replace(fact, place=meant)
        core = self.nouns.core(replace(meant.description, kind=kind), many=False, one=0.0)
        is_one = self.voice.chance(0.5)
        p = " ".join(filter(None, ("the", core.front, "one" if is_one else core.noun, core.behind)))
        row = WRONG_PLACE if self.voice.chance(0.6) else ON_PLACE
        k = self.voice.pick((kind, kind, "one", "place") if row is WRONG_PLACE else (kind,))
        return Turn(
            self._done(self.asked(fact), 0.6), self.voice.form(row, {"k": k, "to": self._to(new, p)}), Do(((new,),))
        )
