"""What words name by color: whether it is in sight, whether a plan ends with it, which is all that is held against what
a planner says in a language that answers questions, whose words nobody reads here; and what its number is.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

from embodied.planning.language import Plan, place_of
from embodied.planning.looks import COLOR_WORDS, colors_of
from embodied.prompt import Slot
from envs.interface import Referent, SkillCall
from envs.skills.signatures import PlanLanguage

COLOR_FAMILY = "color"
"""Family of the questions for a color."""
COLOR_QUESTION = "Q: What is the color of the {}?"
"""q1 of PaLM-E's table, of what has a number; `envs.tasks.questions.color` asks it in training."""

_BY_COLOR = re.compile(rf"\bthe ({'|'.join(COLOR_WORDS)}) (?:object|block|cube|one)\b", re.IGNORECASE)
_ANY_KIND = ("block", "blocks", "one", "ones", "thing", "object", "piece")
_SPOKEN_NUMBER = re.compile(r"\bobj ([0-9]+)\b")


def by_number(text: str, called: Mapping[str, str]) -> str:
    """The text with numbers in the place of things that it names by color: "grasp the obj_2" of "grasp the red object".
    called: color -> its number. Other words that are colors stay."""
    return _BY_COLOR.sub(lambda match: f"the {called[match[1].lower()]}", text)


def by_color(text: str, colors: Mapping[str, str]) -> str:
    """The other way round, of an answer that spells numbers as plans do: "the red object" of "the obj 2". colors:
    number, obj_2 -> its color. Other numbers stay."""
    return _SPOKEN_NUMBER.sub(lambda match: f"{colors[name]} object" if (name := f"obj_{match[1]}") in colors
                              else match[0], text)


def colors_in(text: str) -> list[str]:
    """The colors that a text names, in its order."""
    return [word for word in re.findall(r"[a-z]+", text.lower()) if word in COLOR_WORDS]


def unseen_color(text: str, slots: Sequence[Slot]) -> str | None:
    """The first color that a text names and none of the slots has; None where all are in sight."""
    said = colors_in(text)
    seen = set(colors_of([slot.crop for slot in slots])) if said else set()
    return next((color for color in said if color not in seen), None)


def strays(plan: Plan, text: str, held: Slot | None, language: PlanLanguage) -> bool:
    """Whether a plan that moves things ends with others than a text names by color: with what it grasped last (or the
    hand holds, where it grasps nothing), and, where its last call lets that go, with what that goes onto."""
    moving = [call for call in plan.calls if call.skill in (*language.grasping, *language.releasing)]
    if not moving or plan.perception is None or not (said := set(colors_in(text))):
        return False
    grasped = [call for call in moving if call.skill in language.grasping]
    if not grasped and held is None:
        return False
    ends = [_slot(call, plan) for call in (*grasped[-1:], *moving[-1:])] if grasped else [held, _slot(moving[-1], plan)]
    return set(colors_of([slot.crop for slot in ends if slot is not None])) != said


def strays_in_words(plan: Plan, text: str, language: PlanLanguage) -> bool:
    """Whether a plan that only speaks to a low-level policy speaks of things that a text, which names some by color and
    kind, does not name: "the red star". A block, or one, is of any kind."""
    said = _named(text)
    if not said or language.grasping:
        return False
    meant = {pair for call in plan.calls for word in call.arguments if isinstance(word, str) for pair in _named(word)}
    return any((color, kind) not in said and not said & {(color, any_kind) for any_kind in _ANY_KIND}
               for color, kind in meant)


def _named(text: str) -> set[tuple[str, str]]:
    """Color and kind of the things that a text names by both."""
    words = re.findall(r"[a-z]+", text.lower())
    return {pair for pair in itertools.pairwise(words) if pair[0] in COLOR_WORDS}


def _slot(call: SkillCall, plan: Plan) -> Slot | None:
    """The thing in sight that a call is about; None where it is about none."""
    place = next((place_of(argument.words) for argument in call.arguments if isinstance(argument, Referent)), None)
    slots = plan.perception.slots
    return slots[place] if place is not None and place < len(slots) else None
