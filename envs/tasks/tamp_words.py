"""How the questions of the task-and-motion-planning table are put, and how their answers are read.

The first phrasing of each family is PaLM-E's (Driess et al. 2023, appendix B); color's is ours, for the paper gives
none. Things are named by their color or by their place in the scene's order, obj_1, obj_2 ...
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from envs.tasks.questions import FAMILIES
from envs.tasks.questions.family import YES_NO

NAMINGS = ("color", "index")

PHRASINGS: Mapping[str, tuple[str, ...]] = {
    **{name: family.phrasings for name, family in FAMILIES.items()},
    "grasp": ("Q: How to grasp the {a}?", "grasp the {a}", "please pick up the {a} and hold it"),
    "build": ("Q: How to stack the {a} on top of the {b}?", "stack the {a} on top of the {b}",
              "put the {a} onto the {b}, please"),
}

Namer = Callable[[str], str]
"""Entity name -> how words refer to it."""

_OPENING = re.compile(r"(?:a:)?\s*(?:first,? )?")
_GRASP = re.compile(r"grasp the (\w+(?: object)?)(?:,? and place it on the (\w+(?: object)?))?")
_PLACE = re.compile(r"place the (\w+(?: object)?) on the (\w+(?: object)?)")
_NOTHING = "A: Nothing is left to do."
DENIALS = frozenset(("not", "cannot", "never", "neither", "nor", "impossible", "isn", "doesn"))
DOUBTS = frozenset(("know", "sure", "unsure", "whether", "if", "maybe", "perhaps", "guess"))


def by_color(name: str) -> str:
    """"red object" of "red block": how the paper's questions refer to things."""
    return f"{name.split()[0]} object"


def by_index(names: Sequence[str]) -> Namer:
    """Refers to things as obj_1, obj_2 ... in the order of names: the paper's referrals."""
    return lambda name: f"obj_{list(names).index(name) + 1}"


def namer_of(naming: str, names: Sequence[str]) -> Namer:
    """What refers to the things of a scene, in its order. naming: one of NAMINGS."""
    return by_color if naming == "color" else by_index(names)


def say(task: str, roles: Mapping[str, str], phrasing: int = 0, namer: Namer = by_color) -> str:
    """A question in one of the phrasings of its family, things referred to as namer does."""
    return PHRASINGS[task][phrasing].format(**spoken(roles, namer))


def spoken(roles: Mapping[str, str], namer: Namer) -> dict[str, str]:
    """Slot of a phrasing -> words. The role "extreme" fills the slot of the thing that it singles out."""
    return {"a": f"{roles['extreme']} object"} if "extreme" in roles else {r: namer(n) for r, n in roles.items()}


def answer_sentence(task: str, roles: Mapping[str, str], answer: str, namer: Namer = by_color) -> str:
    """The paper's form of an answer."""
    return FAMILIES[task].tell(spoken(roles, namer), answer)


def plan_sentence(steps: Sequence[tuple[str, str | None]], held: str | None, namer: Namer = by_color) -> str:
    """The paper's form of a plan: what is grasped, and where it goes ("table" or a thing; None: it stays in the hand).

    held: what the hand holds at first. It is the first step's thing then, and is not grasped again.
    """
    told = []
    for name, goes_to in steps:
        thing, where = namer(name), "table" if goes_to == "table" else goes_to and namer(goes_to)
        if held and not told:
            told.append(f"place the {thing} on the {where}")
        else:
            told.append(f"grasp the {thing}" + (f" and place it on the {where}" if where else ""))
    return f"A: First {', then '.join(told)}." if told else _NOTHING


def plan_steps(text: str) -> list[tuple[str, str, str]] | None:
    """What a told plan does, step by step: ("grasp" or "place", thing, where it goes or ""), things in the words of the
    text; None where a step is worded unlike `plan_sentence`."""
    if text.strip() == _NOTHING:
        return []
    plain = _OPENING.sub("", " ".join(text.lower().split()).rstrip(". "), count=1)
    steps = []
    for told in re.split(r",? (?:and )?then ", plain):
        if match := _GRASP.fullmatch(told):
            steps.append(("grasp", match[1], match[2] or ""))
        elif match := _PLACE.fullmatch(told):
            steps.append(("place", match[1], match[2]))
        else:
            return None
    return steps


def understood(task: str, text: str) -> str | None:
    """The answer that a text gives: a color, a side, "yes" or "no"; None when it gives none, two, or a doubtful one."""
    words = re.findall(r"[a-z]+", text.lower().replace("centre", "center").replace("middle", "center"))
    denies, answers = bool(DENIALS & set(words)), FAMILIES[task].answers
    is_yes_no = answers == YES_NO
    if DOUBTS & set(words) or (denies and not is_yes_no):  # "not red" says no color
        return None
    spoken = _only(words, answers)
    if not is_yes_no:
        return spoken
    if spoken is not None or set(YES_NO) & set(words):
        return None if spoken == "yes" and denies else spoken
    if not set(FAMILIES[task].claims) & set(words):
        return None
    return "no" if denies else "yes"


def _only(words: Sequence[str], options: Sequence[str]) -> str | None:
    """The one option among the words."""
    found = {word for word in words if word in options}
    return found.pop() if len(found) == 1 else None
