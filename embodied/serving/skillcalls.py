"""A skill call of the wire, as the world takes it: words, numbers, boxes, pixels, or objects by the names they were
seen by."""

from __future__ import annotations

from typing import Any

from embodied.serving.errors import ApiError, unknown
from embodied.serving.session import Session
from embodied.serving.wire import ByBox, ByName, ByPixel
from envs.interface import Box, Referent, SkillCall
from envs.skills.signatures import LANGUAGES


def read_call(session: Session, body: Any) -> SkillCall:
    """The call. Raises ApiError: 404 for a skill or object that is not there, 422 for the wrong kind of argument."""
    skills = LANGUAGES[session.setup.domain].skills
    if body.skill not in skills:
        raise unknown("skill of this robot", body.skill, ", ".join(skills))
    signature = skills[body.skill]
    names = [p.name for p in signature.parameters]
    given = {name: getattr(body.arguments, name) for name in type(body.arguments).model_fields}
    if set(given) != set(names):
        raise ApiError(422, "invalid", f"{body.skill}: expected arguments {names}, got {list(given)}")
    if reason := signature.misfit([given[name] for name in names]):
        raise ApiError(422, "invalid", f"{body.skill}: {reason}")
    return SkillCall(body.skill, tuple(_argument(session, given[name]) for name in names))


def _argument(session: Session, value: ByName | ByBox | ByPixel | str | float) -> Referent | str | float:
    return _referent(session, value) if isinstance(value, ByName | ByBox | ByPixel) else value


def _referent(session: Session, thing: ByName | ByBox | ByPixel) -> Referent:
    if isinstance(thing, ByBox):
        box = thing.box
        return Referent("a box", box=Box(tuple(box.center), tuple(box.size), box.yaw))
    if isinstance(thing, ByPixel):
        if thing.camera not in session.world.facts["cameras"][1:]:
            raise unknown("camera of this robot", thing.camera, ", ".join(session.world.facts["cameras"][1:]))
        return Referent("a place in a picture", camera=thing.camera, pixel=(thing.pixel[0], thing.pixel[1]))
    slot = session.jobs.slot(thing.name)
    if slot is None:
        raise unknown("object that was seen (GET .../observation names them)", thing.name)
    return Referent(thing.name, box=slot.box, camera=slot.camera, pixel=slot.pixel)
