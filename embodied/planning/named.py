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
from envs.world.toys import TOY_NAMES, TOY_SHAPES

COLOR_FAMILY = "color"
"""Family of the questions for a color."""
COLOR_QUESTION = "Q: What is the color of the {}?"
"""q1 of PaLM-E's table, of what has a number; `envs.tasks.questions.color` asks it in training."""

_BY_COLOR = re.compile(rf"\bthe ({'|'.join(COLOR_WORDS)}) (?:object|block|cube|one)\b", re.IGNORECASE)
_ANYTHING = frozenset(("block", "blocks", "one", "ones", "thing", "things", "object", "objects", "piece", "pieces",
                       "toy", "toys", "all", "other", "others", "it", "them", "both", "everything"))
"""Words that may mean a thing which has a name of its own."""
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
    """Whether a plan that only speaks to a low-level policy speaks of a thing that a text does not name. That is told
    of texts alone that name things by color and kind ("the red star") and nothing in another way ("the red one",
    "the other block", "the one next to it")."""
    said = _named(text)
    is_whole = all(kind in TOY_SHAPES for _, kind in said) and not set(re.findall(r"[a-z]+", text.lower())) & _ANYTHING
    if not said or not is_whole or language.grasping:
        return False
    meant = {pair for call in plan.calls for word in call.arguments if isinstance(word, str) for pair in _named(word)}
    return not meant <= said


def toys_named(text: str) -> list[str]:
    """The toys that a text calls by color and shape, in its order: "red star"."""
    words = re.findall(r"[a-z]+", text.lower())
    return [name for name in map(" ".join, itertools.pairwise(words)) if name in TOY_NAMES]


def _named(text: str) -> set[tuple[str, str]]:
    """Every color of a text with the word after it."""
    words = [*re.findall(r"[a-z]+", text.lower()), ""]
    return {pair for pair in itertools.pairwise(words) if pair[0] in COLOR_WORDS}


def _slot(call: SkillCall, plan: Plan) -> Slot | None:
    """The thing in sight that a call is about; None where it is about none."""
    place = next((place_of(argument.words) for argument in call.arguments if isinstance(argument, Referent)), None)
    slots = plan.perception.slots
    return slots[place] if place is not None and place < len(slots) else None
