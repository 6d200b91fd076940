"""Goals without verbs: "red in blue bowl", "blue bowl: red, green", "red -> left"."""

from __future__ import annotations

from envs.goals.language import TABLE, Clause, Description, Do, Fact, Keep, Not, Things
from envs.tasks.wordings.clauses import Clauses, is_contents
from envs.tasks.wordings.nouns import Nouns
from envs.tasks.wordings.verbs import STATES

ARROWS = (
    " -> ", " to ", " => ", " --> ", " >> ", " > ", " into ", ": "
)
FACT = {
    "in": (
        "<x> (in|into) <p>", "<x> in <p>", "<x> -> <p>", "<p>: <x>", "<x> (inside|into) <p>", "<x>, <p>", "<x> => <p>",
        "<x> ... <p>", "into <p>: <x>", "in <p>: <x>", "<x> 2 <p>", "<x> --> <p>", "into <p> with <x>", "<x> > <p>",
        "<p> gets <x>", "<p> for <x>", "<x> <p>"
    ),
    "on": (
        "<x> (on|onto) <p>", "<x> on <p>", "<x> on top of <p>", "<x> atop <p>", "<x> over <p>, stacked", "on <p>: <x>",
        "<x> upon <p>", "on top of <p>: <x>", "onto <p>: <x>", "stack: <x> on <p>", "<x> -> on <p>",
        "onto <p> with <x>"
    ),
    "other": (
        "<x> <st>", "<x> <st>", "<st>: <x>", "<x> -> <st>", "<x>, <st>", "<x>: <st>", "<x> => <st>", "<x> to be <st>",
        "<st> with <x>", "<st> <x>"
    ),
    "held": (
        "<x> up", "up with <x>", "<x> - up", "<x>: hold", "<x>, lift", "hold: <x>", "pick: <x>", "lift: <x>",
        "grab: <x>", "<x> in hand", "<x> in gripper"
    ),
}
MORE = {
    "in": (
        "<x>, <p>, go", "ready? steady? <x>, <p>, go", "<x>: in <p>", "<x> to <p>", "<x>. <p>. in it", "<p>, for <x>",
        "one job: <x>, <p>", "<x> (<p>)", "<x>? <p>", "<x> & <p>: in", "go: <x>, <p>", "<x>, then <p>: in it goes",
        "all i want: <x> in <p>", "<x>, <p>, thanks", "<p>, <x>: in with it"
    ),
    "on": (
        "<x> as a hat for <p>", "<p> under <x>", "<x>, <p> under it", "<x> high on <p>", "<p> first, <x> on it",
        "on <p>, <x>", "<x>. on <p>", "go: <x> on <p>", "<x> + <p>: on top", "top of <p>: <x>", "one job: <x> on <p>",
        "<x>, on <p>, thanks"
    ),
    "other": (
        "go: <x> <st>", "<x> - <st> - thanks", "one job: <x> <st>", "<x>. <st>", "<x>? <st>", "<x> now <st>",
        "<x>, <st>, go", "all i want: <x> <st>"
    ),
    "held": (
        "<x>, held high", "<x>, held up", "<x> in the air", "up high: <x>", "<x> off the ground", "<x>: up, hold"
    ),
}
EMPTIED = (
    "<p> emptied", "<p> empty please", "contents of <p> to the table", "<p>: empty", "<p>: all out",
    "everything out of <p>", "all of <p> onto table", "<p>, all of it out", "out with what's in <p>"
)
ROW = (
    ", ", " and ", ", ", " & ", " + ", " "
)


class Fragments:
    """Says goals in the fewest words."""

    def __init__(self, nouns: Nouns, clauses: Clauses) -> None:
        self.nouns, self.clauses, self.voice = nouns, clauses, nouns.voice

    def do(self, goal: Do) -> str | None:
        """Steps; None where that would not be understood."""
        parts = [self._step(step) for step in goal.steps]
        if not all(parts):
            return None
        if len(parts) == 1:
            return parts[0]
        return self.voice.pick((", then ", ", then ", "; then ", " then ", ". then ", " and then ", ", next ")).join(
            parts
        )

    def _step(self, step: tuple[Clause, ...]) -> str | None:
        if not all(isinstance(clause, Fact) for clause in step):
            return self._negative(step[0]) if len(step) == 1 else None
        places = {(fact.relation, fact.place) for fact in step}
        if len(places) == 1 and len(step) > 1 and step[0].relation != "held":
            if any(fact.things.quantifier != "the" for fact in step):
                return None
            row = self.voice.pick(ROW[:5]).join(self.short(fact.things) for fact in step)
            return self._fact(step[0], row)
        return self.voice.pick((", ", "; ", ", ", " and ")).join(
            self._fact(fact, self.short(fact.things, needs_kind=fact.things.description.kind != "block"))
            for fact in step
        )

    def _fact(self, fact: Fact, x: str) -> str:
        if is_contents(fact.things) and fact.place == TABLE and self.voice.chance(0.5):
            return self.voice.form(EMPTIED, {"p": self.short(fact.things.description.where[0].things, needs_kind=True)})
        if fact.relation == "held":
            return self.voice.form(MORE["held"] if self.voice.chance(0.25) else FACT["held"], {"x": x})
        if isinstance(fact.place, Things) and fact.relation in ("in", "on"):
            usual = {"in": "bowl", "on": "block"}[fact.relation]
            is_short = fact.place.description.kind == usual and self.voice.chance(0.2 if fact.relation == "in" else 0.7)
            more = MORE[fact.relation] if self.voice.chance(0.2) and not is_short else FACT[fact.relation]
            forms = FACT[fact.relation][:2] if is_short else more
            return self.voice.form(forms, {"x": x, "p": self.short(fact.place, needs_kind=not is_short)})
        place = (
            self.short(fact.place, needs_kind=self.voice.chance(0.7) or fact.place.description.kind == "bowl")
            if isinstance(fact.place, Things)
            else ""
        )
        state = self.voice.fill(STATES[self.clauses.key(fact)], {"p": place})
        if fact.place == TABLE and self.voice.chance(0.3):
            state = "on table"
        return self.voice.form(MORE["other"] if self.voice.chance(0.2) else FACT["other"], {"x": x, "st": state})

    def _negative(self, clause: Clause) -> str | None:
        if isinstance(clause, Not):
            fact = clause.test
            if isinstance(fact.place, Things) and fact.relation in ("in", "on") and fact.things.quantifier == "the":
                words = ("not in", "out of", "not into") if fact.relation == "in" else ("not on", "off")
                return f"{self.short(fact.things)} {self.voice.pick(words)} {self.short(fact.place, needs_kind=True)}"
        if isinstance(clause, Keep) and clause.things.quantifier == "the":
            words = self.voice.pick(("hands off", "fixed:", "not to be moved:", "hands off:"))
            return f"{words} {self.short(clause.things)}"
        return None

    def short(self, things: Things, *, needs_kind: bool = False) -> str:
        """A reference in the fewest words: "red", "red block", "both reds"."""
        told, quantifier = things.description, things.quantifier
        if (
            told == Description(told.kind, told.color)
            and quantifier in ("the", "both", "all")
            and told.color
            and not told.color.startswith('"')
            and told.kind in ("block", "bowl")
        ):
            color = self.nouns.color(told.color)
            if quantifier == "the":
                return (
                    color
                    if not needs_kind and self.voice.chance(0.6)
                    else f"{color} {self.voice.word('nouns', told.kind)}"
                )
            if told.kind == "block" and self.voice.chance(0.4) and " " not in color and color.isalpha():
                words = ("both", "the two", "both") if quantifier == "both" else ("all", "the", "all the", "all")
                return f"{self.voice.pick(words)} {color}s"
        text = self.nouns.say(things, one=0.1).text
        return text.removeprefix("the ") if quantifier == "the" and self.voice.chance(0.8) else text
