"""Whole goals in words: commands joined, one after the other, with conditions, as questions."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import TABLE, Clause, Description, Do, Exists, Fact, Goal, If, Keep, Not, Tell, Things, Where
from envs.tasks.wordings.asking import Asking
from envs.tasks.wordings.brackets import BARE
from envs.tasks.wordings.clauses import Clauses, Command
from envs.tasks.wordings.conditions import Conditions, bowl_of
from envs.tasks.wordings.denials import ELSE_REST, Denials
from envs.tasks.wordings.forms import article
from envs.tasks.wordings.fragments import Fragments
from envs.tasks.wordings.moods import FOREIGN, FRONTED, HAVING, ORDERS, PASSIVE, PLACE_FIRST, POLITE, STATED
from envs.tasks.wordings.nouns import Noun, Nouns
from envs.tasks.wordings.sequences import OTHERS, Sequences, is_rest
from envs.tasks.wordings.verbs import EMPTIES
from envs.tasks.wordings.voice import Voice, forms

IFS = (
    "if <t>, <do>", "if <t> <do>", "<do> if <t>", "if <t>, then <do>", "in case <t>, <do>", "when <t>, <do>",
    "provided (that|) <t>, <do>", "<do>, if <t>", "<do>, but only if <t>", "only if <t>, <do>", "as long as <t>, <do>",
    "should it be that <t>, <do>", "if it is true that <t>, <do>", "<do> in case <t>",
    "check (whether|if) <t>. if (so|yes), <do>", "assuming (that|) <t>, <do>", "<do> provided that <t>",
    "<t>? (then|if so,) <do>", "supposing <t>, <do>", "suppose <t>: then <do>",
    "look (whether|if) <t>, and if so, <do>", "<do> only when <t>", "if you see that <t>, <do>",
    "have a look: if <t>, <do>", "if and only if <t>, <do>", "given that <t>, <do>", "on condition that <t>, <do>",
    "if it turns out that <t>, <do>", "in the case that <t>, <do>", "if, and only if, <t>, <do>"
)
ELSES = (
    "otherwise", "else", "if not,", "otherwise,", "or else", "if that's not the case,", "if not then",
    "in the other case", "failing that,", "but if not,", "if that is not so,", "and if not,", "in any other case,"
)
FALLBACK = (
    "<do>, or <y> if there is no <n>", "<do>. if there is no <n>, (take|use) <y> (instead|)",
    "<do>, if there is none, <y>", "<do>, and if there isn't <a> <n>, <y>", "<do>. if there is none, take <y>",
    "<do>, if you see <a> <n>, otherwise <y>", "<do>, or, if there's no <n>, <y>",
    "<do>; if you don't see <a> <n>, <y>", "<do> if there is one, otherwise <y>", "<do>. no <n>? then <y>",
    "<do>, if there is one, else <y>", "<do>. if you can't find <a> <n>, use <y>",
    "if there is <a> <n>, <do>, if not, <y>", "<do> if you can see one, or else <y>",
    "<do>. in case there is no <n>, take <y> instead"
)
ASKED_ONCE = (
    "<q> if so, <do>", "<q> then <do>", "<q> if yes, <do>", "<q> in that case <do>", "<q> if it is so, <do>",
    "<q> if that's the case, <do>", "<q> if yes: <do>", "<q> then please <do>"
)
ASKED = (
    "<q> if so, <do>, otherwise <else>", "<q> then <do>. if not, <else>", "<q> if yes, <do>, if no, <else>",
    "<q> if so, <do>. otherwise <else>", "<q> yes: <do>. no: <else>", "<q> in that case <do>, else <else>",
    "<q> if it is so, <do>, if not, <else>", "<q> if yes: <do>. if no: <else>"
)
UNLESS = (
    "unless <t>, <do>", "<do> unless <t>", "<do>, unless <t>", "unless <t> <do>", "except if <t>, <do>",
    "<do> except if <t>", "<do> except when <t>"
)
INTRODUCED = (
    "there is <a> <b>. <do>", "there's <a> <b>. <do>", "i see <a> <b>. please <do>", "you see the <n> <b>? <do>",
    "there is <a> <b>, <do>", "do you see the <n> <b>? please <do>", "see the <n> <b>? <do>",
    "look, there is <a> <b>. <do>", "there's <a> <b>. could you <do>?", "i spotted <a> <b>. <do>",
    "somewhere there is <a> <b>. <do>", "find the <n> <b> and <do>", "you know the <n> <b>? <do>", "<a> is <b>. <do>",
    "look at the <n> <b>. <do>", "there's <a> <b> - <do>"
)
BOTH_WAYS = (
    "<do> if <t>, (otherwise|else) <else>", "if <t>, <do>; if not, <else>", "<do> if <t> and <else> if not",
    "check if <t>. if yes, <do>, if no, <else>", "does it hold that <t>? yes: <do>. no: <else>",
    "depending on whether <t>, <do>, or else <else>", "either <do>, if <t>, or, if not, <else>",
    "<t>? then <do>. no? then <else>"
)


class Talk:
    """Says goals."""

    def __init__(self, voice: Voice) -> None:
        self.voice = voice
        self.nouns = Nouns(voice)
        self.clauses = Clauses(voice, self.nouns)
        self.denials = Denials(self.clauses)
        self.conditions = Conditions(self.clauses)
        self.sequences = Sequences(self.clauses, self.denials)
        self.fragments = Fragments(self.nouns, self.clauses)
        self.asking = Asking(self.conditions)

    def say(self, goal: Goal) -> str:
        """A goal in words, in lower case, without the last stop. Raises TypeError for what has no words of its own."""
        if isinstance(goal, Do):
            return self.do(goal)
        if isinstance(goal, If):
            return self.conditional(goal)
        if isinstance(goal, Tell):
            return self.asking.say(goal)
        raise TypeError(f"expected something to do, a condition or a question, got {goal}")

    # Doing -----------------------------------------------------------------------------------------------------------

    def do(self, goal: Do) -> str:
        """Steps in words."""
        if self.voice.chance(self.voice.style.fragment):
            text = self.fragments.do(goal)
            if text:
                self.voice.constructs.add("fragment")
                return text
        if len(goal.steps) == 1 and len(goal.steps[0]) == 1:
            return self.clause(goal.steps[0][0])
        return self.several(goal)

    def clause(self, clause: Clause) -> str:
        """One clause as a sentence."""
        if isinstance(clause, Keep):
            return self._politely(self.denials.stays(clause))
        if isinstance(clause, Not):
            command = self.denials.command(clause) if self.voice.chance(0.45) else None
            return self.order(command) if command else self._politely(self.denials.sentence(clause))
        return self.fact(clause)

    def fact(self, fact: Fact, x: Noun | None = None, p: Noun | None = None) -> str:
        """One fact as a sentence. x, p: words for its things where they are known."""
        way = self.voice.draws.weighted(WAYS)
        if self.voice.is_foreign and fact.relation != "held" and self.voice.chance(0.4):
            state = self.clauses.state(fact, x, p)
            return self.voice.form(
                tuple(f for f in FOREIGN if "<st>" in f), {"x": state.x, "st": state.where}, many=state.many
            )
        if way == "order" or fact.relation == "held" or (fact.things.quantifier == "all" and way == "fronted"):
            return self.order(self.clauses.command(fact, x, p))
        if way == "introduced" and is_told_by_place(fact) and x is None and p is None:
            return self._introduced(fact)
        if way == "passive":
            command = self.clauses.command(fact, x, p)
            if not command.rest:
                return self.order(command)
            return self.voice.form(PASSIVE, {"x": command.x, "vpp": command.passive}, many=command.many)
        if (
            way == "having"
            and fact.relation == "in"
            and isinstance(fact.place, Things)
            and fact.place.quantifier in ("the", "a")
        ):
            said, place = self.clauses.both(fact, x, p)
            return self.voice.form(HAVING, {"x": said.text, "p": place.text})
        if (
            way == "place first"
            and isinstance(fact.place, Things)
            and x is None
            and p is None
            and fact.place.quantifier == "the"
        ):
            return self._place_first(fact)
        state = self.clauses.state(fact, x, p)
        forms = FRONTED if way == "fronted" and fact.relation in ("in", "on", "at") else STATED
        return self._with_please(self.voice.form(forms, {"x": state.x, "st": state.where}, many=state.many))

    def _introduced(self, fact: Fact) -> str:
        """ "there is a green block on the red one. put it in the white bowl"."""
        told = fact.things.description
        core = self.nouns.core(replace(told, where=()), many=False, one=0.0)
        noun = " ".join(filter(None, (core.front, core.noun, core.behind)))
        bracket = self.voice.fill(BARE[told.where[0].relation], self.nouns.slots(told.where[0]))
        slots = {
            "a": f"{article(noun)} {noun}",
            "n": noun,
            "b": bracket,
            "do": self.clauses.command(fact, Noun("it", False)).form,
        }
        return self.voice.form(INTRODUCED, slots)

    def _place_first(self, fact: Fact) -> str:
        """"you see the blue bowl? put the red block in it"."""
        x, p = self.clauses.both(fact)
        place = self.clauses.state(fact, Noun("", False), Noun("it", False)).where
        return self.voice.form(PLACE_FIRST, {"x": x.text, "p": p.text, "pp": place}, many=x.many)

    def order(self, command: Command) -> str:
        """Something to do as an order, or a polite question."""
        if self.voice.is_foreign and self.voice.chance(0.4):
            forms = tuple(f for f in FOREIGN if "<vp>" in f)
            return self.voice.form(forms, {"vp": command.form})
        is_polite = self.voice.chance(self.voice.style.polite)
        slots = {"vp": command.form, "ving": lambda: command.form("gerund")}
        return self.voice.form(POLITE if is_polite else ORDERS, slots)

    def _politely(self, text: str) -> str:
        return (
            f"please {text}"
            if self.voice.chance(self.voice.style.polite / 3) and not text.startswith("please")
            else text
        )

    def _with_please(self, text: str) -> str:
        if self.voice.chance(self.voice.style.polite / 2) and not text.endswith(("?", "please", "thanks")):
            return f"{text}{self.voice.pick((',', ''))} please"
        return text

    def several(self, goal: Do) -> str:
        """Several clauses in words."""
        if len(goal.steps) == 1:
            return self._at_once(goal.steps[0])
        return self.sequences.steps(goal, self)

    def _at_once(self, clauses: tuple[Clause, ...]) -> str:
        facts = [c for c in clauses if isinstance(c, Fact)]
        rest = [c for c in clauses if not isinstance(c, Fact)]
        if len(clauses) == 2 and is_rest(facts) and self.voice.chance(0.85):
            return self.sequences.rest(facts, self)
        if not facts and len(rest) == 2 and all(isinstance(c, Keep) for c in rest) and self.voice.chance(0.8):
            return self.denials.both_stay(rest)
        if len(facts) == 1 and len(rest) == 1:
            return self._with_rest(facts[0], rest[0])
        if not rest:
            return self.sequences.together(facts, self)
        said = [self.sequences.together(facts, self)] if len(facts) > 1 else [self.fact(f) for f in facts]
        return ". ".join([*said, *(self.clause(clause) for clause in rest)])

    def _with_rest(self, fact: Fact, rest: Not | Keep) -> str:
        """Something to do, and something that stays or shall not be."""
        if isinstance(rest, Keep) and self._is_else(fact, rest) and self.voice.chance(0.6):
            return (
                f"{self.fact(fact)}{self.voice.pick((', ', '. ', ' and ', ' - '))}{self.voice.form(ELSE_REST)}".replace(
                    "and and", "and"
                )
                .replace("? and", ", and")
                .replace("?,", ",")
                .replace(". and", ". ")
                .replace("and but", "but")
                .replace("? -", "? ")
                .replace(". but", ". ")
            )
        if (
            isinstance(rest, Keep)
            and fact.things.description.but == rest.things.description
            and self.voice.chance(0.75)
        ):
            return self._all_but_kept(fact, rest)
        if isinstance(rest, Keep) and self.voice.chance(0.45):
            return self.order(_joined(self.clauses.command(fact), f" {self.denials.beside_it(rest)}"))
        other = self.denials.stays(rest) if isinstance(rest, Keep) else self.denials.sentence(rest)
        if self.voice.chance(0.3):
            joint = self.voice.pick((", but ", ". ", ", and ", ". but ", "; "))
            return f"{other}{joint}{self.clauses.command(fact).form()}"
        first = self.fact(fact)
        stop = "" if first.endswith("?") else self.voice.pick((",", ".", ";", ",", ""))
        return f"{first}{stop} {self.voice.pick(('but ', 'and ', 'but ', ''))}{other}"

    def _all_but_kept(self, fact: Fact, keep: Keep) -> str:
        """ "leave the red block alone and put the others in the bowl"."""
        others = Noun(self.voice.pick(OTHERS), True)
        joint = self.voice.pick((" and ", ", ", ", but ", ". ", " but ", "; "))
        return f"{self.denials.kept(keep).form()}{joint}{self.clauses.command(fact, others).form()}"

    def _is_else(self, fact: Fact, keep: Keep) -> bool:
        """Whether all the rest stays."""
        told = keep.things.description
        return (
            keep.things.quantifier == "all"
            and told.kind == "block"
            and told.but == fact.things.description
            and not (told.color or told.size or told.where)
        )

    # Conditions ------------------------------------------------------------------------------------------------------

    def conditional(self, goal: If) -> str:
        """A condition in words."""
        if is_fallback(goal) and self.voice.chance(0.8):
            return self._fallback(goal)
        if goal.otherwise is None:
            if isinstance(goal.test, Not) and self.voice.chance(0.4):
                return self._if(UNLESS, goal, goal.test.test)
            return self._if(ASKED_ONCE if self.voice.chance(0.12) else IFS, goal, goal.test)
        then = self.plainly(goal.then, goal.test)
        other = self.plainly(goal.otherwise)
        if self.voice.chance(0.2):
            return self.voice.form(BOTH_WAYS, {"t": self.conditions.say(goal.test), "do": then, "else": other})
        if self.voice.chance(0.14):
            asked = self.asking.whether(goal.test)
            return self.voice.form(ASKED, {"q": asked, "do": then, "else": other})
        first = self._if(
            ("if <t>, <do>", "if <t> <do>", "if <t>, then <do>") if self.voice.chance(0.7) else IFS, goal, goal.test
        )
        return f"{first}{self.voice.pick((',', '.', ';', ',', ''))} {self.voice.form(ELSES)} {other}"

    def _if(self, row: tuple[str, ...], goal: If, test) -> str:
        """A condition by a pattern of a row; what stands before its test names things in full. test: what is said."""
        pattern = self.voice.pick(forms(row, self.voice.split))
        then = self.plainly(goal.then, None if pattern.startswith("<do>") else goal.test)
        slots = {"t": lambda: self.conditions.say(test), "q": lambda: self.asking.whether(test), "do": then}
        return self.voice.fill(pattern, slots)

    def _fallback(self, goal: If) -> str:
        """ "put the red block in the bowl, or the blue one if there is no red one"."""
        first, other = goal.then.steps[0][0], goal.otherwise.steps[0][0]
        told = first.things.description
        core = self.nouns.core(told, many=False, one=0.6)
        n = " ".join(filter(None, (core.front, core.noun, core.behind)))
        slots = {
            "do": self.clauses.command(first).form,
            "n": n,
            "a": article(n),
            "y": self.nouns.say(other.things, one=0.6).text,
        }
        return self.voice.form(FALLBACK, slots)

    def plainly(self, goal: Do, test=None) -> str:
        """Steps as one order without politeness; with "it" for what a condition has just named."""
        told = getattr(getattr(test, "things", None), "description", None)
        clause = goal.steps[0][0]
        if (
            told is not None
            and len(goal.steps) == len(goal.steps[0]) == 1
            and isinstance(clause, Fact)
            and clause.things.description == told
            and (clause.things.quantifier in ("the", "a"))
            and not isinstance(test, Fact)
            and self.voice.chance(0.75)
        ):
            return self.clauses.command(
                clause, Noun("it", False) if self.voice.chance(0.8) else Noun("that one", False)
            ).form()
        if len(goal.steps) == len(goal.steps[0]) == 1:
            return self._there(clause, test) or self.plain_clause(clause)
        return self.sequences.command(goal).form()

    def _there(self, clause: Clause, test) -> str | None:
        """The clause with "it" for the bowl that a condition has just named; None where it is about another."""
        bowl = bowl_of(test)
        if bowl is None or not isinstance(clause, Fact) or not self.voice.chance(0.7):
            return None
        if clause == Fact(
            "on", Things("all", Description("block", where=(Where("in", replace(bowl, quantifier="")),))), TABLE
        ):
            return Command(self.voice.form(EMPTIES, {"p": "it"})).form()
        if clause.relation != "in" or clause.place != bowl or clause.things == getattr(test, "things", None):
            return None
        return self.clauses.command(clause, None, Noun("it", False)).form()

    def plain_clause(self, clause: Clause) -> str:
        if isinstance(clause, Keep):
            return self.denials.stays(clause)
        if isinstance(clause, Not):
            return self.denials.sentence(clause)
        if self.voice.chance(0.1):
            state = self.clauses.state(clause)
            return self.voice.fill(
                "(i want <x> <st>|<x> should (go|be) <st>|<x> {goes/go} <st>|make sure <x> {is/are} <st>)",
                {"x": state.x, "st": state.where},
                many=state.many,
            )
        return self.clauses.command(clause).form()


def is_told_by_place(fact: Fact) -> bool:
    """Whether one thing that is moved is told by where it is, and by nothing that compares."""
    told = fact.things.description
    return (
        fact.things.quantifier == "the"
        and not (told.superlative or told.but)
        and [where.relation for where in told.where]
        in (["in"], ["on"], ["beside"], ["under"], ["left of"], ["right of"])
    )


def is_fallback(goal: If) -> bool:
    """Whether it takes one thing where that is there, and else another one, for the same."""
    if (
        not isinstance(goal.test, Exists)
        or goal.otherwise is None
        or any(len(do.steps) != 1 or len(do.steps[0]) != 1 for do in (goal.then, goal.otherwise))
    ):
        return False
    one, two = goal.then.steps[0][0], goal.otherwise.steps[0][0]
    if not (isinstance(one, Fact) and isinstance(two, Fact) and goal.test.things.quantifier == "a"):
        return False
    return (
        (one.relation, one.place) == (two.relation, two.place)
        and goal.test.things.description == one.things.description
        and one.things.quantifier == "the"
    )


WAYS = {
    "order": 0.62,
    "stated": 0.17,
    "fronted": 0.07,
    "passive": 0.09,
    "having": 0.05,
    "place first": 0.025,
    "introduced": 0.06,
}


def _joined(command: Command, text: str) -> Command:
    return Command(command.pattern + text, many=command.many)
