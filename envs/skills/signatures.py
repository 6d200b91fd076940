"""Every skill, declared once: the grammar, the decoding mask, the prompt and the action space are made from this table.

A skill is a declaration here and a function of its name in a file of its name, `envs/skills/<name>.py` (those of
`FOREIGN`: in `envs/foreign/skills.py`). Imports nothing of the project.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

ParameterKind = Literal["object", "text"]
"""What a parameter may be: "object" is anything in sight that the plan refers to, "text" is words for a low-level
policy that understands them."""


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    kind: ParameterKind


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    parameters: tuple[Parameter, ...]
    meaning: str  # one clause for people and language models
    controller: str = ""  # function and file of it, where another table's skill has taken the name
    timeout_s: float = 12.0  # simulated


_OBJECT, _CONTAINER, _BASE, _NEIGHBOUR = (Parameter(n, "object") for n in ("object", "container", "base", "neighbour"))

def _table(*signatures: Signature) -> Mapping[str, Signature]:
    return MappingProxyType({s.name: s for s in signatures})


SIGNATURES = _table(
    Signature("pick", (_OBJECT,), "grasp the object from above and lift it"),
    Signature("place_in", (_CONTAINER,), "let go of the held object inside the container"),
    Signature("place_on", (_BASE,), "set the held object down on top of the base"),
    Signature("put_down_beside", (_NEIGHBOUR,),
              "set the held object down on a free place of the table near the neighbour"),
    Signature("home", (), "move the arm out of the cameras' view"),
)
"""Skill name -> signature, in the order of the skill-level action space: what an arm at a table can do. A domain with
other skills has a table of its own beside this one; a change of a table makes datasets and weights of it unusable."""

BOARD = _table(
    Signature("push", (Parameter("instruction", "text"),),
              "push a block over the board as the words say, for at most four seconds"),
)
"""What a peg on a pushing board can do: one policy that understands words."""
_PLACE, _THING = Parameter("place", "text"), Parameter("object", "text")
_PLACE_BOX = Parameter("place", "object")

KITCHEN = _table(
    Signature("go_to", (_PLACE,), "drive to a place of the kitchen", timeout_s=30.0),
    Signature("find", (_THING,), "look around, and drive from place to place, until the object is in sight",
              timeout_s=90.0),
    Signature("pick", (_THING,), "grasp the object that is in sight and lift it", "pick_named", 30.0),
    Signature("put_down", (_PLACE,), "put the held object down at the place where the robot stands", timeout_s=30.0),
    Signature("open_drawer", (), "pull the drawer open by its knob", timeout_s=40.0),
    Signature("close_drawer", (), "push the drawer shut by its knob", timeout_s=40.0),
    Signature("done", (), "say that nothing is left to do"),
)
"""What a robot on wheels in a kitchen can do."""

TAMP = _table(*SIGNATURES.values(), Signature("answer", (Parameter("words", "text"),), "answer the question in words"))
"""What an arm at a table can do, and say: questions about the table end with an answer."""

FOREIGN = _table(
    SIGNATURES["pick"],
    Signature("place_at", (_PLACE_BOX,),
              "bring the held object to the place; let go of it where something carries it, else hold it there"),
    SIGNATURES["place_on"],
    Signature("push_to", (_OBJECT, _PLACE_BOX), "push the object over the table to the place", timeout_s=40.0),
)
"""What a hand can do in worlds of others; the functions stand together in `envs/foreign/skills.py`."""

TABLES: Mapping[str, Mapping[str, Signature]] = MappingProxyType(
    {"tabletop": SIGNATURES, "tamp": TAMP, "board": BOARD, "kitchen": KITCHEN})
"""Domain -> its table."""
