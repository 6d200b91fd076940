"""Plan languages to test with: those of all domains, and one with skills of every shape."""

from __future__ import annotations

from envs.skills.signatures import FOREIGN, LANGUAGES, AnswerSyntax, Parameter, PlanLanguage, Signature

_THING, _PLACE, _LEFT, _RIGHT = (Parameter(name, "object") for name in ("thing", "place", "left", "right"))
_HOW = Parameter("how", "text")
_TURN_RAD, _HEIGHT_M = Parameter("turn_rad", "number", -1.57, 1.57), Parameter("height_m", "number", 0.05, 12.0)

MANY_SHAPES = PlanLanguage((
    Signature("grab", (_THING,), "", "grasp"),
    Signature("grab_from", (_THING, _PLACE, _TURN_RAD), "", "grasp"),
    Signature("put_between", (_LEFT, _RIGHT), "", "release"),
    Signature("put_at", (_PLACE, _HEIGHT_M), "", "release", "on"),
    Signature("drop", (), "", "release"),
    Signature("carry", (_HOW, _PLACE), "", carries=True),
    Signature("push", (_THING, _PLACE), ""),
    Signature("say", (_HOW,), ""),
    Signature("lift", (_HEIGHT_M,), ""),
), ("eye",), AnswerSyntax(has_refusals=False, text_skill="say"))
"""Grasps and releases with several arguments of all kinds, and without any."""

ALL = {**LANGUAGES, "foreign": FOREIGN, "many_shapes": MANY_SHAPES}
