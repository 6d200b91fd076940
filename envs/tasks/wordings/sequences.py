"""Several clauses in words: at once or in order, joined, shared, with pronouns, and towers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from envs.goals.language import TABLE, Clause, Do, Fact, Keep, Not, Things
from envs.tasks.wordings.clauses import Clauses, Command
from envs.tasks.wordings.denials import Denials, is_everything
from envs.tasks.wordings.nouns import Noun
from envs.tasks.wordings.towers import Towers, tower_of
from envs.tasks.wordings.turns import TAKE_OFF, TAKE_OUT

if TYPE_CHECKING:
    from envs.tasks.wordings.talk import Talk
from envs.tasks.wordings.memory import Memory

THEN = (
    ", then ", " and then ", ", and then ", " then ", ", after that ", ", afterwards ", ", and after that ", ", next ",
    " and afterwards ", ", and finally ", " and after that ", "; then ", ", followed by @", " -> ", " before you ",
    ", and next ", ", and only then ", " and subsequently ", "; after that, ", ", thereafter ",
    ", and once that is done, ", ", and when you're done with that, ", ", and last "
)
THEN = tuple(t for t in THEN if "@" not in t and "before" not in t)
LATER = (
    "then", "after that", "next", "then", "afterwards", "when that is done,", "and then", "once you're done,",
    "second,", "finally,", "as a next step,", "when you have done that,", "after this,", "now", "following that,",
    "as soon as that's done,", "last of all,", "that done,", "when finished,", "subsequently"
)
FIRST = (
    "first", "first", "first of all,", "start by", "to begin with,", "begin:", "firstly,", "step one:", "initially,",
    "at first", "the first thing:"
)
FIRST = tuple(f for f in FIRST if f != "start by")
REVERSED = (
    "before you <b>, <a>", "before <bing>, <a>", "<b>, but first <a>", "<b>, but before that <a>", "<b> after you <a>",
    "<b> after <aing>", "after <aing>, <b>", "once you <a>, <b>", "<a> before you <b>", "<a> before <bing>",
    "don't <b> until you <ap>", "<b>, but <a> first", "once you're done <aing>, <b>", "<a>, and only after that <b>",
    "first <a>, then <b>", "when you have finished <aing>, <b>", "as soon as you're done with <aing>, <b>",
    "prior to <bing>, <a>", "<b>; before that, though, <a>", "start by <aing>, then <b>",
    "<b> once you are done <aing>", "<a>. only then <b>", "the first step is to <a>, the second is to <b>",
    "start with <aing> and end with <bing>", "<a>, and when that's finished, <b>",
    "i want you to <b>, but not before <aing>"
)
REVERSED = tuple(r for r in REVERSED if "<ap>" not in r)
STATES_IN_ORDER = (
    "first <a>, then <b>", "first <a>, <b> after that", "<a>, then <b>", "<a> first, then <b>",
    "first <a>, and then <b>", "<a> first and <b> after that", "<b>, but first <a>", "<b>, but <a> first",
    "<a>, and after that <b>", "first <a>. then <b>.", "<a>. after that <b>", "first of all <a>, next <b>",
    "i want <a> first, and then <b>", "make it <a> first, then <b>"
)
AND = (
    " and ", ", and ", ", ", "; ", " and also ", " and ", ", also ", " plus ", " & ", " as well as ",
    " and at the same time ", " and in addition "
)
AND = tuple(a for a in AND if "as well" not in a)


ALSO = ("also", "and", "also", "", "", "and also", "plus", "and please", "besides that,")
OTHERS = (
    "the others", "the rest", "everything else", "all the others", "all the other blocks", "the other blocks",
    "the remaining blocks", "all other blocks", "the other ones", "all the rest", "the rest of the blocks",
    "every other block", "all of the others", "the rest of them", "whatever else there is"
)
SAME = (
    "<do>, and <x> too", "<do>, <x> too", "<do> and <x> too", "<do>, same for <x>", "<do>. do the same with <x>",
    "<do> and do the same with <x>", "<do>, and <x> as well", "<do>. same for <x>", "<do>. <x> too",
    "<do>, ditto for <x>", "<do>. likewise <x>", "<do>, and likewise <x>", "<do> and also <x>", "<do>. also <x>",
    "<do>, plus <x>", "<do>. <x> as well", "<do>. do the same for <x>", "<do>. and <x>",
    "<do>. the same goes for <x>", "<do> together with <x>", "<do>. repeat with <x>", "<do> along with <x>",
    "<do>, <x> likewise", "<do>. <x> goes there too", "<do>. <x>: same place"
)


def is_rest(facts: Sequence[Fact]) -> bool:
    """Whether the second of two facts is about all that the first one leaves."""
    return (
        len(facts) == 2
        and facts[0].things.quantifier == "the"
        and facts[1].things.quantifier == "all"
        and facts[1].things.description.but == facts[0].things.description
    )


def grouped(facts: Sequence[Fact]) -> list[list[Fact]]:
    """Facts of the same place together, where all are of one thing and none is of what chooses."""
    if any(f.things.quantifier not in ("the", "all", "both") or f.relation == "held" for f in facts):
        return [[fact] for fact in facts]
    found: dict = {}
    for fact in facts:
        found.setdefault((fact.relation, fact.place), []).append(fact)
    return list(found.values())


class Sequences:
    """Says several clauses."""

    def __init__(self, clauses: Clauses, denials: Denials) -> None:
        self.clauses, self.denials, self.voice, self.nouns = clauses, denials, clauses.voice, clauses.nouns
        self.towers = Towers(clauses)

    # Commands --------------------------------------------------------------------------------------------------------

    def single(self, clause: Clause, memory: Memory) -> Command:
        """One clause as something to do, with pronouns where they are understood."""
        if isinstance(clause, Keep):
            return self.denials.kept(clause)
        if isinstance(clause, Not):
            memory.last = (
                Fact("held", clause.test.place) if is_everything(clause.test) and clause.test.relation == "on" else None
            )
            return self.denials.command(clause) or Command("@make sure that " + _not_so(self.clauses, clause.test))
        last = memory.last
        if (
            last is not None
            and clause == Fact("on", last.things, TABLE)
            and last.relation in ("in", "on")
            and last.place != TABLE
            and last.things.quantifier == "the"
            and self.voice.chance(0.5)
        ):
            memory.words(clause)
            return Command("@" + self.voice.form(TAKE_OUT if last.relation == "in" else TAKE_OFF))
        return self.clauses.command(clause, *memory.words(clause))

    def command(self, goal: Do) -> Command:
        """Steps as one thing to do: "put .. and then move .."."""
        memory, text = Memory(self.clauses), ""
        for number, step in enumerate(goal.steps):
            part = _listed([self.single(clause, memory).pattern for clause in step])
            text += (self.voice.pick((" and then ", ", then ", " then ", ", and then ")) if number else "") + part
        return Command(text)

    # In order --------------------------------------------------------------------------------------------------------

    def steps(self, goal: Do, talk: Talk) -> str:
        """Steps, one after the other, as a text."""
        tower = tower_of(goal)
        if tower and self.voice.chance(0.7):
            return self.towers.say(tower, talk)
        is_free = (
            len(goal.steps) == 2
            and all(len(step) == 1 and isinstance(step[0], Fact) for step in goal.steps)
            and not _shares_indefinite(goal)
        )
        if is_free and self.voice.chance(0.3):
            return self._two(goal)
        way = self.voice.draws.random()
        single = [step[0] for step in goal.steps]
        if all(len(step) == 1 and isinstance(step[0], Fact) for step in goal.steps) and _may_gap(single) and way < 0.22:
            return self._gapped(single, talk, (" then ", ", then ", " and then ", ", and then "))
        if way < 0.5:
            return self._joined(goal, talk)
        if way < 0.62:
            return self._numbered(goal)
        return self._sentences(goal, talk)

    def _two(self, goal: Do) -> str:
        """Two steps in one sentence, not always in the order in which they are done."""
        (one,), (two,) = goal.steps
        if one.relation != "held" != two.relation and self.voice.chance(0.2):
            states = [self.clauses.state(fact) for fact in (one, two)]
            a, b = (f"{state.x} {state.where}" for state in states)
            return self.voice.form(STATES_IN_ORDER, {"a": a, "b": b})
        a, b = self.clauses.command(one), self.clauses.command(two)
        slots = {"a": a.form, "aing": lambda: a.form("gerund"), "b": b.form, "bing": lambda: b.form("gerund")}
        return self.voice.form(REVERSED, slots)

    def _joined(self, goal: Do, talk: Talk) -> str:
        memory = Memory(self.clauses)
        parts = [_listed([self.single(clause, memory).pattern for clause in step]) for step in goal.steps]
        text = parts[0]
        for part in parts[1:]:
            text += self.voice.pick(THEN if self.voice.chance(0.6) else THEN[:4]) + part
        if self.voice.chance(0.35):
            first = self.voice.form(FIRST)
            return Command(f"{first} {text}").form()
        return talk.order(Command(text)) if self.voice.chance(0.6) else Command(text).form()

    def _numbered(self, goal: Do) -> str:
        memory = Memory(self.clauses)
        parts = [_listed([self.single(clause, memory).form() for clause in step]) for step in goal.steps]
        marks = self.voice.pick(("{}. ", "{}) ", "({}) ", "step {}: ", "{} - ", "{}: "))
        end = self.voice.pick((" ", ". ", ", ", "; ", "\n"))
        return end.join(marks.format(i + 1) + part for i, part in enumerate(parts)).replace("\n", " ")

    def _sentences(self, goal: Do, talk: Talk) -> str:
        memory, said = Memory(self.clauses), []
        for number, step in enumerate(goal.steps):
            part = _listed([self.single(clause, memory).form() for clause in step])
            if number:
                part = f"{self.voice.form(LATER)} {part}"
            elif self.voice.chance(0.35):
                part = f"{self.voice.form(FIRST)} {part}"
            else:
                part = (
                    talk.order(Command(part))
                    if len(step) == 1 and isinstance(step[0], Fact) and self.voice.chance(0.5)
                    else part
                )
            said.append(part)
        return " ".join(part if part.endswith("?") or i == len(said) - 1 else f"{part}." for i, part in enumerate(said))

    # At once ---------------------------------------------------------------------------------------------------------

    def together(self, facts: Sequence[Fact], talk: Talk) -> str:
        """Facts that shall hold at one time, as a text."""
        facts = list(facts)
        way = self.voice.draws.random()
        shared = self.shared(facts)
        if shared and len(facts) == 2 and way < 0.22:
            x = self.nouns.say(facts[1].things, one=0.6).text
            return self.voice.form(SAME, {"do": self.clauses.command(facts[0]).form, "x": x})
        if shared and way < 0.75:
            return talk.fact(*shared)
        groups = grouped(facts)
        if 1 < len(groups) < len(facts) and way < 0.85:
            return self._in_groups(groups, talk)
        if _may_gap(facts) and way < 0.5:
            return self._gapped(facts, talk)
        memory = Memory(self.clauses)
        if way < 0.8:
            text = self.clauses.command(facts[0], *memory.words(facts[0])).pattern
            for fact in facts[1:]:
                text += (
                    self.voice.pick(AND if self.voice.chance(0.6) else AND[:2])
                    + self.clauses.command(fact, *memory.words(fact)).pattern
                )
            return talk.order(Command(text)) if self.voice.chance(0.6) else Command(text).form()
        said = [
            talk.fact(fact, *memory.words(fact, pronouns=0.5)) if i == 0 else self._further(fact, memory)
            for i, fact in enumerate(facts)
        ]
        return " ".join(part if part.endswith("?") or i == len(said) - 1 else f"{part}." for i, part in enumerate(said))

    def _in_groups(self, groups: list[list[Fact]], talk: Talk) -> str:
        """"put red and green in blue, and yellow in white"."""
        told = [(group[0], self.listed([f.things for f in group]) if len(group) > 1 else None) for group in groups]
        text = self.clauses.command(*told[0]).pattern
        for fact, x in told[1:]:
            if fact.relation == told[0][0].relation and self.voice.chance(0.6):
                state = self.clauses.state(fact, x)
                text += f"{self.voice.pick((' and ', ', and ', ', '))}{state.x} {state.where}"
            else:
                text += self.voice.pick((" and ", ", and ", ", ", "; ")) + self.clauses.command(fact, x).pattern
        return talk.order(Command(text)) if self.voice.chance(0.6) else Command(text).form()

    def rest(self, facts: Sequence[Fact], talk: Talk) -> str:
        """ "put the red block in the blue bowl and the rest in the green one"."""
        first, second = facts
        others = Noun(self.voice.pick(OTHERS), True)
        if self.voice.chance(0.5):
            state = self.clauses.state(second, others)
            joint = self.voice.pick((" and ", ", ", " but ", ", and "))
            said = f"{self.clauses.command(first).pattern}{joint}{state.x} {state.where}"
            return talk.order(Command(said)) if self.voice.chance(0.6) else Command(said).form()
        joint = self.voice.pick((" and ", ", ", ". ", ". and ", "; "))
        return f"{self.clauses.command(first).form()}{joint}{self.clauses.command(second, others).form()}"

    def _further(self, fact: Fact, memory: Memory) -> str:
        text = self.clauses.command(fact, *memory.words(fact)).form()
        return f"{self.voice.pick(ALSO)} {text}".strip()

    def shared(self, facts: Sequence[Fact]) -> tuple[Fact, Noun] | None:
        """One fact and words for several things that go to the same place; None where they do not."""
        if (
            len({(f.relation, f.place) for f in facts}) > 1
            or facts[0].relation == "held"
            or any(f.things.quantifier not in ("the", "all", "both", "a") for f in facts)
            or len({f.things for f in facts}) < len(facts)
        ):
            return None
        if isinstance(facts[0].place, Things) and facts[0].place.quantifier != "the":
            return None
        return facts[0], self.listed([fact.things for fact in facts])

    def listed(self, things: Sequence[Things]) -> Noun:
        """Several things as one phrase: "the red and the green block"."""
        told = [t.description for t in things]
        heads = {(replace(t.description, color=""), t.quantifier) for t in things}
        if (
            len(heads) == 1
            and all(d.color for d in told)
            and things[0].quantifier == "the"
            and self.voice.chance(0.6)
            and not (told[0].size or told[0].superlative or told[0].where)
        ):
            colors = [self.nouns.color(d.color) for d in told]
            noun = self.nouns.core(told[0].__class__(told[0].kind), many=True).noun
            single = self.nouns.core(told[0].__class__(told[0].kind), many=False).noun
            text = self.voice.pick(
                (
                    f"the {_listed(colors)} {noun}",
                    f"the {_listed(['the ' + c for c in colors])[4:]} {single}",
                    f"the {_listed(colors)} {single}",
                    f"{_listed(['the ' + c + ' one' for c in colors])}",
                    _listed(colors),
                )
            )
            return Noun(text, True)
        return Noun(_listed([self.nouns.say(t, one=0.3 if i else 0.1).text for i, t in enumerate(things)]), True)

    def _gapped(
        self, facts: Sequence[Fact], talk: Talk, joints: Sequence[str] = (" and ", ", ", " and ", ", and ")
    ) -> str:
        """ "put red in blue and green in white"."""
        first = self.clauses.command(facts[0])
        rest = []
        for fact in facts[1:]:
            x = self.nouns.say(fact.things, one=0.6 if fact.things.description.kind == "block" else 0)
            one = (
                fact.place.description.kind == facts[0].place.description.kind
                and isinstance(facts[0].place, Things)
                and fact.place.quantifier == "the"
                and (self.voice.chance(0.4))
                and fact.place.description.color
                and not fact.place.description.where
            )
            p = (
                Noun(f"the {self.nouns.color(fact.place.description.color)} one", False)
                if one
                and not fact.place.description.size
                and not (fact.place.description.superlative or fact.place.description.but)
                else None
            )
            state = self.clauses.state(fact, x, p)
            rest.append(f"{state.x} {state.where}")
        parts = [first.pattern, *rest]
        text = (
            _listed(parts, self.voice.pick(joints)) if "then" not in joints[0] else self.voice.pick(joints).join(parts)
        )
        return talk.order(Command(text)) if self.voice.chance(0.6) else Command(text).form()


def _not_so(clauses: Clauses, fact: Fact) -> str:
    state = clauses.state(fact)
    return f"{state.x} {'are' if state.many else 'is'} not {state.where}"


def _listed(parts: Sequence[str], last: str = " and ") -> str:
    """Parts with commas, the last one with "and"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}{last}{parts[-1]}"


def _may_gap(facts: Sequence[Fact]) -> bool:
    """Whether one verb may serve all of them."""
    return (
        len({f.relation for f in facts}) == 1
        and all(isinstance(f.place, Things) and f.things.quantifier == "the" for f in facts)
        and len({f.things for f in facts}) == len(facts)
    )


def _shares_indefinite(goal: Do) -> bool:
    """Whether two steps speak of the same things by words that choose."""
    seen: set[Things] = set()
    for step in goal.steps:
        now = {
            part
            for fact in step
            for part in (fact.things, fact.place)
            if isinstance(part, Things) and part.quantifier not in ("the", "all", "both")
        }
        if seen & now:
            return True
        seen |= now
    return False


__all__ = ["TABLE", "Memory", "Sequences"]
