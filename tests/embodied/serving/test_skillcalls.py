"""Skill calls over the wire: all arguments arrive, of every kind; what is none of the skill's is refused by name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from embodied.serving import skillcalls, wire
from embodied.serving.errors import ApiError
from embodied.serving.safety.plans import fault
from envs.interface import Box, Referent, SkillCall
from envs.skills.signatures import TABLETOP, Parameter, PlanLanguage, Signature

NUDGE = Signature("nudge", (Parameter("object", "object"), Parameter("way", "text"),
                            Parameter("distance_m", "number", 0.01, 0.2)), "push it a little", wording="nudge {} {} {}")
HEAVY = Signature("nudge", (Parameter("force_n", "number", 1.0, 5.0),), "push whatever is there")
LANGUAGES = {"tabletop": PlanLanguage((*TABLETOP.signatures, NUDGE), TABLETOP.cameras),
             "yard": PlanLanguage((HEAVY,), ("front",))}
THING = {"box": {"center": [0.5, 0.0, 0.02], "size": [0.04, 0.04, 0.04]}}


@pytest.fixture
def bodies(monkeypatch) -> TypeAdapter:
    """What reads a body, where two domains have a skill of one name that takes other arguments."""
    monkeypatch.setattr(wire, "LANGUAGES", LANGUAGES)
    monkeypatch.setattr(skillcalls, "LANGUAGES", LANGUAGES)
    return TypeAdapter(wire.body_of(wire.skill_models()))


def call(bodies: TypeAdapter, arguments: dict[str, Any], domain: str = "tabletop") -> SkillCall:
    session = SimpleNamespace(setup=SimpleNamespace(domain=domain))
    return skillcalls.read_call(session, bodies.validate_python({"skill": "nudge", "arguments": arguments}))


def test_every_argument_arrives_in_the_order_of_the_signature(bodies):
    found = call(bodies, {"distance_m": 0.05, "way": "left", "object": THING})
    assert found == SkillCall("nudge", (Referent("a box", box=Box((0.5, 0.0, 0.02), (0.04,) * 3)), "left", 0.05))
    assert list(found.named) == ["nudge", "a box", "left", 0.05], "as events and recordings carry it"
    assert call(bodies, {"force_n": 2}, "yard") == SkillCall("nudge", (2.0,))
    assert fault(SimpleNamespace(calls=(found,), perception=None), LANGUAGES["tabletop"].skills) is None


@pytest.mark.parametrize("number", [0.0, 0.21, float("nan"), float("inf"), "0.1", True, None])
def test_a_number_out_of_its_bounds_is_refused_by_name(bodies, number):
    with pytest.raises(ValidationError, match="distance_m"):
        call(bodies, {"object": THING, "way": "left", "distance_m": number})


def test_arguments_of_another_world_are_refused(bodies):
    with pytest.raises(ApiError, match=r"expected arguments \['object', 'way', 'distance_m'\], got \['force_n'\]"):
        call(bodies, {"force_n": 2.0})


def test_clients_are_told_the_bounds(bodies):
    told = wire.skills_of("tabletop")[-1]
    assert told["parameters"][-1] == {"name": "distance_m", "kind": "number", "low": 0.01, "high": 0.2}
    assert wire.Skill(**told)


def test_a_plan_with_a_number_out_of_bounds_is_turned_down():
    referent = Referent("it", box=Box((0.5, 0.0, 0.02), (0.04,) * 3))
    plan = SimpleNamespace(calls=(SkillCall("nudge", (referent, "left", 0.3)),), perception=None)
    reason = fault(plan, LANGUAGES["tabletop"].skills)
    assert reason == "call 1, nudge, its distance_m is not a number from 0.01 to 0.2"


def test_a_skill_that_nobody_has_is_refused_with_those_that_there_are(bodies):
    with pytest.raises(ValidationError, match="a skill of: pick, place_in"):
        bodies.validate_python({"skill": "fly"})
