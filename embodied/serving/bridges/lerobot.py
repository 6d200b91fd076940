"""LeRobot's planner contract: a planner is anything with `generate_text(observation, task) -> next subtask`.

A low-level policy of LeRobot's is conditioned on the text that it gets; what our planner decides next is worded for it.
The route is stateless.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field

from embodied.planning.language import Plan
from embodied.planning.spoken import looks_by_name
from embodied.prompt import Slot
from embodied.serving.pictures import decode, from_url, observation_of
from embodied.serving.request_bodies import MAX_LARGE_BYTES, LargeRoute, read_aside
from embodied.serving.routes.access import FAILURES, ManagerHere
from embodied.serving.wire import Instruction, Strict
from envs.interface import Referent, SkillCall
from envs.skills.signatures import PlanLanguage

router = APIRouter(prefix="/v1/lerobot", tags=["lerobot"], responses=FAILURES, route_class=LargeRoute)

DONE = "done"


class GenerateText(Strict):
    """A task and the pictures of the moment, as data URLs (`embodied.serving.pictures.write`)."""

    task: Instruction
    images: Annotated[list[Annotated[str, Field(max_length=MAX_LARGE_BYTES)]], Field(min_length=2, max_length=8)]


class Subtask(Strict):
    text: str
    plan: str


@router.post("/generate_text", response_model=Subtask)
async def generate_text(body: GenerateText, manager: ManagerHere, request: Request) -> dict:
    """The next subtask, in words."""
    seen = await read_aside(request, lambda: observation_of([decode(from_url(url)) for url in body.images]))
    plan = await manager.plan(body.task, seen)
    return {"text": subtask(plan, manager.inference.language), "plan": plan.text.strip()}


def subtask(plan: Plan, language: PlanLanguage) -> str:
    """The first call of a plan, worded."""
    if plan.refusal is not None:
        return f"cannot: {plan.refusal}"
    if plan.question is not None or plan.answer is not None:  # nobody is there to hear it, and nothing is done
        return f"cannot: {plan.question or plan.answer}"
    return _worded(plan.calls[0], language, plan.perception.slots) if plan.calls else DONE


def _worded(call: SkillCall, language: PlanLanguage, slots: Sequence[Slot]) -> str:
    """The call as a policy was taught to read: things by their looks, for it knows no obj_3."""
    looks = looks_by_name(slots)
    words = [f"the {looks[a.words]}" if isinstance(a, Referent) else a for a in call.arguments]
    return language.skills[call.skill].wording.format(*words)
