"""One rollout of every task by its expert, and one of every tabletop task by the shipped planner, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import torch

import envs  # noqa: F401  registers the ids
from embodied.agents.oracle import OraclePlanner
from embodied.agents.shipped import load_agent
from embodied.planning.closed_loop import Planner, Step, run
from embodied.planning.language import words_of
from envs.interface import ENV_IDS, TASK_IDS
from tests.digest import digest

SEED = 2_000_007
MOST_CALLS = 6
"""Of a recorded episode: long ones are cut, for what a world does shows in its first calls."""
SMALL = {"image_size": 32, "render_size": (48, 64)}

Make = Callable[[gymnasium.Env], Planner]
Record = dict[str, Any]


def by_expert(task: str) -> Record:
    """How the expert (ORACLE) does a task: its calls and outcomes, and a hash of every bit that was sensed."""
    return _record(gymnasium.make(ENV_IDS[task], **SMALL), OraclePlanner)


def by_shipped_planners() -> dict[str, Record]:
    """The same by the shipped weights, of every tabletop task; their plans come first."""
    agent, before = load_agent(), torch.get_num_threads()
    torch.set_num_threads(1)
    found = {task: _record(gymnasium.make(env_id), lambda _: agent) for task, env_id in TASK_IDS.items()}
    torch.set_num_threads(before)
    return found


def _record(env: gymnasium.Env, make: Make) -> Record:
    try:
        steps = list(run(env, make(env), seed=SEED, max_calls=MOST_CALLS))
    finally:
        env.close()
    return {"plans": [s.plan.text.strip() for s in steps if s.is_new_plan], "end": steps[-1].end,
            "calls": [_call(step) for step in steps if step.transition], "bits": digest([_bits(s) for s in steps])}


def _call(step: Step) -> Record:
    transition = step.transition
    return {"call": " ".join([transition.call.skill, *words_of(transition.call)]),
            "status": transition.outcome.status, "duration_s": round(transition.outcome.duration_s, 3),
            "progress": round(float(step.info.get("progress", 0.0)), 6),
            "joint_pos": [round(float(angle), 6) for angle in transition.after.joint_pos],
            "tool_pose": [round(float(part), 6) for part in transition.after.tool_pose]}


def _bits(step: Step) -> list[Any]:
    seen = step.transition.after if step.transition else None
    sensed = [seen.joint_pos, seen.tool_pose, dict(seen.rgb), dict(seen.depth), seen.time_s] if seen else []
    return [step.plan.text, step.end or "", sensed]
