"""What there is: health, worlds, and what may be said in them."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import Any, get_args

from fastapi import APIRouter

from embodied.serving.planners import usual
from embodied.serving.routes.access import FAILURES, ManagerHere
from embodied.serving.session_manager import AT_A_TABLE, DOMAIN_OF, SessionManager
from embodied.serving.wire import Health, Robot, Worlds, skills_of
from envs.interface import ENV_IDS

health = APIRouter(tags=["health"])
router = APIRouter(prefix="/v1", tags=["worlds"], responses=FAILURES)

VERSION = version("embodied")

EXAMPLES = {
    "put_in_bowl": ["put the red block in the blue bowl", "drop the green cube into the yellow bowl"],
    "stack": ["stack the red block on the blue block"],
    "sort": ["put each block into the matching bowl"],
    "tower": ["build a tower of the red block, the green block and the blue block, from bottom to top"],
    "unblock": ["put the red block in the blue bowl"],
    "closest_corner": ["push the block that is closest to the top left corner to the other block of the same color"],
    "sort_corners": ["sort the blocks by colour into the corners", "put each color in its own corner"],
    "push_side": ["push all the blocks on the left side together", "gather the blocks on the right side"],
    "kitchen_crowd": ["bring me something to drink", "I am hungry"],
    "kitchen_long_horizon": ["clear the table and put everything on the near counter"],
}
"""Instructions to begin with, each of which its world can judge; every scene also has one of its own (a session's
`instruction`)."""


@health.get("/healthz", response_model=Health)
async def healthz(manager: ManagerHere) -> dict:
    """That the server lives; "ok" once its planner can plan."""
    return {"status": "ok" if manager.inference.is_ready else "loading", "version": VERSION,
            "sessions": len(manager.sessions), "uptime_s": round(time.monotonic() - manager.started_s, 3),
            "notice": manager.notice}


@router.get("/worlds", response_model=Worlds)
async def worlds(manager: ManagerHere) -> dict:
    """The worlds, their skills, and who can plan in them."""
    await manager.language_known()
    return {"worlds": [_world(manager, task, DOMAIN_OF[task], env_id) for task, env_id in ENV_IDS.items()]}


def _world(manager: SessionManager, task: str, domain: str, env_id: str) -> dict[str, Any]:
    kinds = manager.planners_of(domain)
    return {"task": task, "domain": domain, "env_id": env_id, "planners": [kind.as_dict() for kind in kinds],
            "default_planner": usual(kinds, manager.limits.planner), "examples": EXAMPLES.get(task, []),
            "skills": skills_of(domain), "robots": list(get_args(Robot)) if domain in AT_A_TABLE else []}
