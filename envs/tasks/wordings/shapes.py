"""Shapes: goals that are rare among drawn ones, or words that need more than one clause, drawn together."""

from __future__ import annotations

from envs.goals.language import Goal
from envs.tasks.wordings.counting import Counting
from envs.tasks.wordings.depending import Depending
from envs.tasks.wordings.excluding import Excluding
from envs.tasks.wordings.familiar import Familiar
from envs.tasks.wordings.mentioning import Mentioning
from envs.tasks.wordings.rethinking import Rethinking
from envs.tasks.wordings.stepping import Stepping
from envs.tasks.wordings.wondering import Wondering


class Shapes(Excluding, Stepping, Depending, Mentioning, Counting, Wondering, Rethinking, Familiar):
    """Draws a goal with its words."""

    def drawn(self, kind: str) -> tuple[str, Goal]:
        """A text and its goal, by a shape of the kind."""
        text, goal = getattr(self, self.draws.weighted(SHAPES[kind]))()
        return " ".join(text.split()), goal


_SENTENCES = {
    "mentioned": 1.5,
    "finds": 2.5,
    "receives": 2.5,
    "two_received": 0.6,
    "together": 0.7,
    "fetched": 1.0,
    "left_there": 1.0,
    "raised": 0.6,
    "joins": 0.5,
    "of_all": 0.5,
    "stays_no_more": 0.6,
    "familiar": 1.5,
}
_NEGATIONS = {
    "any_but": 1.3,
    "all_inside_but": 0.7,
    "some_and_keep": 0.7,
    "but_not": 1.4,
    "not_used": 1.3,
    "other_place": 1.0,
    "stays_but_top": 1.2,
    "whatever_not": 0.9,
    "only": 0.7,
    "not_held": 0.25,
    "never_so": 0.8,
    "none_in": 0.5,
    "nowhere": 0.4,
    "left_and_out": 0.5,
    "rest_away": 0.7,
    "stays_no_more": 0.8,
    "contrast": 0.7,
}
_STEPS = {
    "moved_on": 1.5,
    "out_then_in": 1.2,
    "off_then": 1.0,
    "clear_then": 0.7,
    "hold_then": 0.6,
    "hold_last": 0.5,
    "empty_then": 0.6,
    "afterwards": 1.0,
    "places_in_order": 0.6,
    "chained": 1.2,
    "in_turn": 1.3,
    "familiar_tower": 1.8,
}
_CONDITIONS = {
    "two_tests": 1.5,
    "out_if_in": 1.6,
    "toggle": 0.6,
    "in_any": 1.0,
    "enough": 0.8,
    "best_bowl": 0.8,
    "best_block": 0.7,
    "holds": 1.0,
    "met": 1.2,
    "free": 1.0,
    "all_done": 0.6,
    "checked": 1.0,
    "all_others": 0.5,
    "if_empty": 0.6,
    "two_then": 1.0,
}
_COUNTS = {
    "chosen": 1.2,
    "any_one": 0.8,
    "each_place": 1.4,
    "all_colored": 0.8,
    "on_others": 0.6,
    "all_out": 0.5,
    "looks": 1.0,
    "none_in": 0.5,
    "sized": 0.6,
    "familiar_sort": 1.8,
}
_TOLD = {
    "joins": 1.2,
    "across": 1.0,
    "of_all": 0.8,
    "afterthought": 1.2,
    "not_the_one": 0.9,
    "looks": 0.8,
    "left_there": 0.8,
    "fetched": 0.8,
    "rich": 1.2,
    "mentioned": 0.4,
}
_ASKED = {
    "counted": 1.5,
    "contents": 1.0,
    "most": 1.0,
    "colored_there": 0.5,
    "whereabouts": 0.8,
    "so": 1.0,
    "there": 1.0,
}
SHAPES: dict[str, dict[str, float]] = {
    "plain": _SENTENCES,
    "synonym": _SENTENCES,
    "typo": _SENTENCES,
    "case": _SENTENCES,
    "polite": _SENTENCES,
    "fragment": {
        "out_in": 1.5,
        "contrast": 0.8,
        "together": 0.8,
        "receives": 0.7,
        "finds": 0.5,
        "raised": 0.4,
        "chosen": 0.5,
        "any_one": 0.4,
        "out_then_in": 0.5,
        "hold_then": 0.3,
        "looks": 0.3,
    },
    "pronoun": {
        "mentioned": 1.5,
        "stays_but_top": 1.0,
        "left_there": 1.2,
        "of_all": 0.8,
        "looks": 0.8,
        "moved_on": 1.0,
        "clear_then": 0.6,
        "hold_then": 0.6,
        "across": 0.6,
        "chained": 0.6,
        "joins": 0.5,
        "together": 0.6,
        "raised": 0.3,
    },
    "negation": _NEGATIONS,
    "relative": _TOLD,
    "size": {"chained": 1.2, "rich": 1.6, "sized": 1.0, "sizes_kept": 0.7},
    "two-step": _STEPS,
    "quantity": _COUNTS,
    "condition": _CONDITIONS,
    "correction": {
        "left_as_it_is": 1.0,
        "not_so": 1.3,
        "did_i_say": 0.7,
        "just_one": 1.0,
        "silly": 0.7,
        "first_wrong": 0.4,
        "unsaid": 0.5,
        "asked_anew": 0.4,
    },
    "impossible": {"ring": 1.0, "contrast": 0.7},
    "question": _ASKED,
}
"""Shapes of each kind of lines, and how often each is drawn."""
SHAPED = {
    "impossible": 0.1,
    "condition": 0.42,
    "two-step": 0.38,
    "negation": 0.42,
    "synonym": 0.15,
    "typo": 0.15,
    "fragment": 0.2,
    "question": 0.35,
    "size": 0.3,
    "relative": 0.32,
    "pronoun": 0.35,
}
"""Shares of lines of a kind that have such a shape."""
SHAPED = {kind: SHAPED.get(kind, 0.25) for kind in SHAPES}
