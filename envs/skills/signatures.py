"""Every skill, declared once, and the plan language of every domain, which grammar, parser, prompts, API schema and
action space are made from.

A skill is a declaration here and a function of its name in a file of its name, `envs/skills/<name>.py` (those of
`FOREIGN`: in `envs/foreign/skills.py`), that takes a situation and one value for each parameter. Imports nothing of the
project.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from numbers import Real
from types import MappingProxyType
from typing import Any, Literal

ParameterKind = Literal["object", "text", "number"]
"""What a parameter may be: "object" is anything in sight that the plan refers to, "text" is words for a low-level
policy that understands them, "number" is a finite number between the parameter's bounds."""

Effect = Literal["none", "grasp", "release"]
"""What a skill does to the hand: a "grasp" needs it empty and fills it with its first object, a "release" needs it full
and empties it."""

Relation = Literal["in", "on", "beside", "left_of", "right_of", "at"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """low, high: bounds of a number, in the unit that its name ends in."""

    name: str
    kind: ParameterKind
    low: float = 0.0
    high: float = 0.0

    def misfit(self, value: Any) -> str | None:
        """Why a value is none that the parameter takes, as a clause; None when it is one. Where an object was measured
        is not looked at."""
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if self.kind == "number":
            is_within = is_number and self.low <= value <= self.high  # what is no number is in no range
            return None if is_within else f"its {self.name} is not a number from {self.low:g} to {self.high:g}"
        if self.kind == "text":
            return None if isinstance(value, str) else f"its {self.name} is not words"
        return f"its {self.name} is nothing that was seen" if is_number or isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Signature:
    """What a skill is called, takes and does. wording: the call as an instruction, one `{}` for each argument."""

    name: str
    parameters: tuple[Parameter, ...]
    meaning: str  # one clause for people and language models
    effect: Effect = "none"
    relation: Relation | None = None  # of what a release lets go of to the first object of the call
    wording: str = ""
    carries: bool = False  # may stand between a grasp and its release: what is held comes along
    controller: str = ""  # function and file of it, where another domain's skill has taken the name
    timeout_s: float = 12.0  # simulated
    goes_on: bool = False  # one that ran out of time is no failure: the next call goes on with what it began

    def misfit(self, arguments: Sequence[Any]) -> str | None:
        """Why arguments are not those of the skill, as a clause; None when their number, kinds and bounds are right."""
        if len(arguments) != len(self.parameters):
            return f"has {len(arguments)} arguments, it takes {len(self.parameters)}"
        return next(filter(None, map(Parameter.misfit, self.parameters, arguments)), None)

    def declaration(self) -> dict[str, Any]:
        """What a plan that calls the skill depends on, as plain values: its name, its parameters and its effect."""
        parameters = [[p.name, p.kind] if p.kind != "number" else [p.name, p.kind, p.low, p.high]
                      for p in self.parameters]
        return {"name": self.name, "parameters": parameters, "effect": self.effect, "relation": self.relation}


@dataclass(frozen=True, slots=True)
class AnswerSyntax:
    """What a plan may be beside calls. text_skill: the skill that says an answer in words, None where none does.
    may_hold: whether a plan may end with something in the hand."""

    has_refusals: bool = True
    text_skill: str | None = None
    may_hold: bool = False


@dataclass(frozen=True)
class PlanLanguage:
    """The language that plans of one domain are written in; the domain owns it.

    cameras: names in the order of the observation; whole images and location tokens are of the first.
    """

    signatures: tuple[Signature, ...]
    cameras: tuple[str, ...]
    answers: AnswerSyntax = AnswerSyntax()
    lesson: PlanLanguage | None = field(default=None, compare=False)
    """The part of it that demonstrations are made and models are taught in; None for all of it."""

    @property
    def taught(self) -> PlanLanguage:
        """What episodes and checkpoints declare."""
        return self.lesson or self

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to another process: the fields alone."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @cached_property
    def skills(self) -> Mapping[str, Signature]:
        """Skill name -> signature, in the order of the skill-level action space."""
        return MappingProxyType({s.name: s for s in self.signatures})

    @cached_property
    def needs_objects(self) -> bool:
        """Whether nothing can be done without pointing at something: what takes anything takes an object."""
        taking = [s for s in self.signatures if s.parameters]
        return bool(taking) and all(any(p.kind == "object" for p in s.parameters) for s in taking)

    @cached_property
    def roams(self) -> bool:
        """Whether the robot drives about, so that it never has everything in sight: some skill takes along what is
        held."""
        return any(s.carries for s in self.signatures)

    @cached_property
    def takes_many_calls(self) -> bool:
        """Whether one instruction may take many calls: the robot drives about, or a call goes on with what the last one
        began."""
        return self.roams or any(s.goes_on for s in self.signatures)

    @cached_property
    def grasping(self) -> tuple[str, ...]:
        """Names of the skills that fill the hand."""
        return tuple(s.name for s in self.signatures if s.effect == "grasp")

    @cached_property
    def releasing(self) -> tuple[str, ...]:
        """Names of the skills that empty the hand."""
        return tuple(s.name for s in self.signatures if s.effect == "release")

    @cached_property
    def placing(self) -> tuple[str, ...]:
        """Names of the skills that release at something that was seen: whoever planned by where things were looks again
        then. What goes by words alone does not get old, but for the thing that was let go."""
        return tuple(s.name for s in self.signatures
                     if s.effect == "release" and any(p.kind == "object" for p in s.parameters))


_OBJECT, _CONTAINER, _BASE, _NEIGHBOUR = (Parameter(n, "object") for n in ("object", "container", "base", "neighbour"))
_PICK = Signature("pick", (_OBJECT,), "grasp the object from above and lift it", "grasp", wording="pick up {}")
_PLACE_ON = Signature("place_on", (_BASE,), "set the held object down on top of the base", "release", "on",
                      "place it on {}")
_TABLE = (
    _PICK,
    Signature("place_in", (_CONTAINER,), "let go of the held object inside the container", "release", "in",
              "place it in {}"),
    _PLACE_ON,
    Signature("put_down_beside", (_NEIGHBOUR,),
              "set the held object down on a free place of the table near the neighbour", "release", "beside",
              "put it down beside {}"),
    Signature("home", (), "move the arm out of the cameras' view", wording="move the arm away"),
)

TABLETOP = PlanLanguage(_TABLE, ("front", "top"))
"""What an arm at a table can do."""

TABLETOP_GOALS = PlanLanguage((
    *_TABLE,
    Signature("put_down_left_of", (_NEIGHBOUR,),
              "set the held object down on a free place of the table, further to your left than the neighbour",
              "release", "left_of", "put it down to the left of {}"),
    Signature("put_down_right_of", (_NEIGHBOUR,),
              "set the held object down on a free place of the table, further to your right than the neighbour",
              "release", "right_of", "put it down to the right of {}"),
    Signature("put_down_at", (Parameter("place", "text"),),
              "set the held object down on a free place of one part of the table: left, right or middle, as you see it",
              "release", "at", "put it down on the {} of the table"),
), TABLETOP.cameras, lesson=TABLETOP)
"""The same with all that the goal language can ask of it. Its five families of tasks need none of that, so that what
is taught of them is the tabletop's."""

TAMP = PlanLanguage((*_TABLE, Signature("answer", (Parameter("words", "text"),), "answer the question in words",
                                        wording="{}")),
                    TABLETOP.cameras, AnswerSyntax(text_skill="answer", may_hold=True))
"""What an arm at a table can do, and say: questions about the table end with an answer."""

_IN_WORDS = Parameter("instruction", "text")

BOARD = PlanLanguage((
    Signature("push", (_IN_WORDS,), "push a block over the board as the words say, for at most four seconds",
              wording="{}", goes_on=True),
), ("front", "top"))
"""What a peg on a pushing board can do: one policy that understands words."""

_PLACE, _THING = Parameter("place", "text"), Parameter("object", "text")
_PLACE_BOX = Parameter("place", "object")

KITCHEN = PlanLanguage((
    Signature("go_to", (_PLACE,), "drive to a place of the kitchen", wording="go to the {}", carries=True,
              timeout_s=30.0),
    Signature("find", (_THING,), "look around, and drive from place to place, until the object is in sight",
              wording="find the {}", carries=True, timeout_s=90.0),
    Signature("pick", (_THING,), "grasp the object that is in sight and lift it", "grasp", wording="pick up the {}",
              controller="pick_named", timeout_s=30.0),
    Signature("put_down", (_PLACE,), "put the held object down at the place where the robot stands", "release",
              wording="put it down at the {}", timeout_s=30.0),
    Signature("open_drawer", (), "pull the drawer open by its knob", wording="open the drawer", timeout_s=40.0),
    Signature("close_drawer", (), "push the drawer shut by its knob", wording="close the drawer", timeout_s=40.0),
    Signature("done", (), "say that nothing is left to do"),
), ("head", "wrist"), AnswerSyntax(may_hold=True))
"""What a robot on wheels in a kitchen can do."""

FOREIGN = PlanLanguage((
    _PICK,
    Signature("place_at", (_PLACE_BOX,),
              "bring the held object to the place; let go of it where something carries it, else hold it there",
              "release"),
    _PLACE_ON,
    Signature("push_to", (_OBJECT, _PLACE_BOX), "push the object over the table to the place", timeout_s=40.0),
    Signature("move_to", (_PLACE_BOX,), "move the tool alone to the place"),
    Signature("push", (_IN_WORDS,), "push an object over the table, or move the tool, as the words say", wording="{}",
              timeout_s=40.0),
), ("front",))
"""What a hand can do in worlds of others; the functions stand together in `envs/foreign/skills.py`."""

LANGUAGES: Mapping[str, PlanLanguage] = MappingProxyType(
    {"tabletop": TABLETOP_GOALS, "tamp": TAMP, "board": BOARD, "kitchen": KITCHEN})
"""Domain -> its language."""
