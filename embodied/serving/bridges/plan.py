"""A plan for a moment that belongs to no session: msgpack in, JSON out. The leanest way to the planner.

The body is a map {"instruction": text, "observation": map}, arrays as openpi packs them; the observation is that of a
skill-level environment (`rgb`, `depth`, `cameras`, `joint_pos`, `tool_pose`, `gripper_width_m`, `time_s`).
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from embodied.planning.instruction import INSTRUCTION_LIMIT
from embodied.planning.observation_check import fault
from embodied.serving.errors import ApiError
from embodied.serving.overlay import objects_of
from embodied.serving.packing import PackingError, unpack
from embodied.serving.request_bodies import read_aside
from embodied.serving.routes.access import FAILURES, ManagerHere
from embodied.serving.running import told
from embodied.serving.views import fitted
from envs.interface import Observation

router = APIRouter(prefix="/v1", tags=["plan"], responses=FAILURES)

_BODY = {"requestBody": {"required": True, "content": {"application/msgpack": {"schema": {
    "type": "string", "format": "binary"}}}}}


@router.post("/plan", openapi_extra=_BODY)
async def plan(request: Request, manager: ManagerHere) -> dict[str, Any]:
    """What to do next about what is seen, as a session's `plan` event says it."""
    body = await request.body()
    instruction, seen = await read_aside(request, lambda: _read(body))
    made = await manager.plan(instruction, seen)
    slots = made.perception.slots if made.perception is not None else ()
    return {**told(made), "objects": objects_of(slots, seen)}


def _read(body: bytes) -> tuple[str, Observation]:
    """Instruction and observation of a body. Raises ApiError 422."""
    try:
        message = unpack(body)
    except PackingError as error:
        raise ApiError(422, "invalid", str(error)[:300]) from None
    given = message if isinstance(message, dict) else {}
    instruction, raw = given.get("instruction"), given.get("observation")
    if not isinstance(instruction, str) or not 0 < len(instruction) <= INSTRUCTION_LIMIT or not isinstance(raw, dict):
        raise ApiError(422, "invalid", f"expected a map of instruction (text of 1 to {INSTRUCTION_LIMIT} characters) "
                                       f"and observation")
    raw = {**raw, "instruction": instruction}
    if (trouble := fault(raw)) is not None or "front" not in raw["rgb"]:
        raise ApiError(422, "invalid", trouble or "observation: expected the camera front")
    return instruction, fitted(Observation.from_dict(raw))
