"""Shapes of words that are taken back."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import Description, Do, Fact, Goal, Not, Things
from envs.tasks.wordings.asking import Asking
from envs.tasks.wordings.repairs import other_than
from envs.tasks.wordings.shaping import Shaping

LEFT_AS_IT_IS = (
    "<w>. no, leave it, <do>", "<w>... no, let that be, <do>", "<w>. hm, no, don't. <do>", "<w>. or rather not. <do>",
    "<w>. on second thought leave that, and <do>", "<w>, or no, leave it like that and <do>",
    "<w>. no, not that. <do>", "<w>. well, no, forget about it and <do>", "<w>. hold on, that can stay as it is. <do>",
    "<w>. don't bother, <do>", "<w>. no, better leave it. <do>", "i was going to say <w>, but no: <do>",
    "<w>. ah no, it's fine as it is. <do>"
)
NOT_SO = (
    "<do>; no, not <no>, <to>", "<do>. no, not <no>, <to>", "<do>, no wait, not <no> but <to>",
    "<do> - not <no>, <to>", "<do>... sorry, <to>, not <no>", "<do>, i mean <to>, not <no>",
    "<do>. not <no>, i mean <to>", "<do>. oh, not <no>: <to>", "<do>. i said <no> but i meant <to>",
    "<do>, er, not <no>, <to> it goes", "<do>? no, not <no>, <to>"
)
DID_I_SAY = (
    "did i say <no>? <x> goes <to>, i meant", "i think i said <no>. i meant <to> for <x>",
    "forget <no>, <x> should go <to>", "not <no>, sorry: <x> goes <to>", "did i say <no>? no, <to> with <x>",
    "if i said <no>, i meant <to>: <x> goes there", "<no>? no. <x> goes <to>"
)
JUST_ONE = (
    "<do>. no, <n> of them is enough, <any>", "<do>, or no, only <n> of them, <any>",
    "<do>... actually <n> of them will do", "<do>. hm, just <n> of them", "<do> - no, just <n>, <any>",
    "<do>. sorry, <n> of them is plenty, <any>", "<do>, no wait, just <n> of them",
    "<do>. make that <n> of them, <any>", "<do>. on second thought, <n> of them is enough"
)
SILLY = (
    "<w> goes <to>. no, <x> goes <to>", "<w> <to>... no, <x> <to>", "i want <w> <to>. no, what am i saying, <x> <to>",
    "<w> belongs <to>, no, <x> does", "it's <w> that goes <to>, no, it's <x>", "<w> <to>? no, <x>!",
    "<w> should go <to>. wrong! <x> should", "<w> goes <to>, ah, i'm mixing it up, <x> does"
)
FIRST_WRONG = (
        "first <w>, no, first <x> on <y> and then <w> on top of it",
        "<w> on <y>, no, <x> first on <y>, then <w> on top",
        "start with <w>, i mean with <x> on <y>, and then <w> on that",
        "first <w>... no, <x> goes on <y> first, <w> on top of it then"
    )
UNSAID = (
    "turn the... no, <do>", "could you... never mind that, <do>", "take the... no wait, <do>",
    "clear the... hm, no, <do>", "first i wanted... no, <do>", "what i want is... well, <do>",
    "stack the... no no, just <do>", "i need the... uh, no, <do>", "go to the... no. <do>", "open... no, i mean <do>"
)
ASKED_ANEW = (
    "<w> no, i mean, <q>", "<w> oh, i mean, <q>", "<w> sorry, <q>", "<w> no wait, <q>", "<w> hm, rather <q>",
    "<w> or no, <q>", "<w> i meant to ask: <q>", "<w> wrong question: <q>", "<w> no, tell me this: <q>"
)


class Rethinking(Shaping):
    """Shapes of corrections within one text."""

    def left_as_it_is(self) -> tuple[str, Goal]:
        """ "uncover the green cube. no, leave it, move the cyan cube to the red bowl"."""
        x, other = self.things("block", "block")
        fact, way = self.goes(x), self.draws.random()
        if way < 0.4:
            wrong = self.talk.denials.command(Not(Fact("on", Things("all", Description("block")), other)))
        elif way < 0.6:
            wrong = self.clauses.command(self.people.emptied())
        else:
            wrong = self.clauses.command(self.goes(other, **{"held": 0.3, "in": 0.4, "table": 0.3}))
        return self.told(LEFT_AS_IT_IS, w=wrong.pattern, do=self.do(fact)), Do(((fact,),))

    def not_so(self) -> tuple[str, Goal]:
        """ "forget left of the red one, the purple one should go onto it"."""
        x, place = self.things("block", self.draws.pick(("block", "bowl")))
        ways = (
            ("in", "beside", "left_of", "right_of")
            if place.description.kind == "bowl"
            else ("on", "beside", "left_of", "right_of")
        )
        no, yes = self.draws.shuffled(ways)[:2]
        wrong, fact, p = Fact(no, x, place), Fact(yes, x, place), self.x(place)
        is_it = self.voice.chance(0.6)
        it = "it" if is_it else p
        if self.voice.chance(0.3):
            return self.told(DID_I_SAY, no=self.to(wrong, p), to=self.to(fact, it), x=self.x(x)), Do(((fact,),))
        return self.told(NOT_SO, do=self.do(wrong, p=p), no=self.to(wrong, "it"), to=self.to(fact, it)), Do(((fact,),))

    def did_i_say(self) -> tuple[str, Goal]:
        """ "not onto the red block, sorry: the block goes on the big block"."""
        x = self.things("block")[0]
        wrong, fact = self.goes(x), self.goes(x)
        if wrong == fact:
            return self.did_i_say()
        return self.told(DID_I_SAY, no=self.to(wrong), to=self.to(fact), x=self.x(x)), Do(((fact,),))

    def just_one(self) -> tuple[str, Goal]:
        """ "bring each yellow cube onto the table. hm, just one of them"."""
        told = Description("block", self.people.color() if self.draws.chance(0.8) else "")
        many = self.draws.pick(("both", "all", "3"))
        number = "a" if many == "both" else self.draws.pick(("a", "2"))
        fact = self.goes(Things(number, told), **{"in": 0.6, "at": 0.2, "table": 0.2})
        words = {
            "any": self.voice.pick(("either one", "any of them", "no matter which", "you choose")),
            "n": "one" if number == "a" else "two",
        }
        return self.told(JUST_ONE, do=self.do(replace(fact, things=Things(many, told))), **words), Do(((fact,),))

    def silly(self) -> tuple[str, Goal]:
        """ "the cyan block belongs in the red bowl, no, the red one does"."""
        x = self.colored()
        fact, wrong = self.goes(x), self.x(other_than(self.talk, x))
        return self.told(SILLY, w=wrong, x=self.short(x), to=self.to(fact)), Do(((fact,),))

    def first_wrong(self) -> tuple[str, Goal]:
        """ "start with red, i mean with green on blue, and then red on that"."""
        x, y, w = self.things("block", "block", "block")
        return self.told(FIRST_WRONG, w=self.short(w), x=self.short(x), y=self.x(y)), Do(
            ((Fact("on", x, y),), (Fact("on", w, x),))
        )

    def unsaid(self) -> tuple[str, Goal]:
        """ "take the... no wait, put the purple block in the orange bowl"."""
        fact = self.goes(self.things("block")[0])
        return self.told(UNSAID, do=self.do(fact)), Do(((fact,),))

    def asked_anew(self) -> tuple[str, Goal]:
        """ "so there is no empty bowl? sorry, how many bowls do we have?"."""
        asking: Asking = self.talk.asking
        wrong, goal = self.people.question(), self.people.question()
        if wrong == goal:
            return self.asked_anew()
        first = asking.say(wrong)
        return self.told(ASKED_ANEW, w=first if first.endswith("?") else f"{first}.", q=asking.say(goal)), goal
