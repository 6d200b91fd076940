"""Records as episodes leave them, without playing any."""

from __future__ import annotations

from typing import Any

from envs.interface import TASK_IDS

TASKS = tuple(TASK_IDS)


def record(seed: int, *, success: bool, policy: str = "model", **changes: Any) -> dict[str, Any]:
    attribution = None if success else {"component": "skill", "reason": "pick: the gripper closed on <nothing>"}
    plan = {"text": "pick(obj_1); done()", "is_constrained": True, "parsed": True, "grounded": True}
    return {"policy": policy, "task": TASKS[seed % 5], "seed": seed, "instruction": "put the red block away",
            "success": success, "planned": success or seed % 20 == 9, "progress": float(success),
            "end": "success" if success else "truncated", "replans": 0,
            "calls": [{"skill": "pick", "arguments": ["obj_1"], "status": "done", "reason": "", "duration_s": 2.0}],
            "attribution": attribution, "plans": [plan], "timings": {"plan_s": [0.01 * (seed % 7 + 1)], "wall_s": 1.0},
            **changes}


def results(episodes: int = 20) -> dict[str, list[dict[str, Any]]]:
    """Policy -> records."""
    shares = {"model": 9, "unconstrained": 8, "blind": 1, "shuffled": 1, "random": 0, "oracle": 10}
    found = {name: [record(i, success=i % 10 < share, policy=name) for i in range(episodes)]
             for name, share in shares.items()}
    for episode in found["unconstrained"]:  # answers freely; what cannot be read is asked for again under the grammar
        episode["plans"] = [{**episode["plans"][0], "is_constrained": False, "parsed": episode["seed"] % 2 == 0},
                            episode["plans"][0]]
    return found
