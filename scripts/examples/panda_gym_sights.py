"""What a depth camera sees of panda-gym's stack scenes, and what a planner of ours says to do there. Nothing moves.

    python -m scripts.examples.panda_gym_sights [--weights tabletop-tiny] [--questions 200] [--split test]

panda-gym hands out pictures without depth, so its renderer is asked for both, from two sides of the table. The frame
is moved to the foot of the arm, where our workspaces are. The ghosts that mark the goals, as solid as the cubes in
these pictures, are put out of sight: no camera would see a wish. Two questions a scene ("put the green block on the
blue block", and the other way round), where neither cube stands on the other. One JSON line: the share of plans whose
first two calls pick up the right cube and put it on the right one, its 95 % interval, plans that only say "done", those
that were refused.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from embodied.agents.shipped import load_agent
from embodied.data.episodes import View
from embodied.data.progress import progress
from embodied.evaluation.episode import one_thread
from embodied.evaluation.success import Rate
from embodied.planning.closed_loop import Planner
from embodied.planning.language import Plan
from envs.foreign.panda_gym import PandaGym
from envs.interface import SEED_RANGES, Camera, Observation
from envs.sensors.cameras import calibration
from envs.world import images

SIZE_PX = 256
_FOOT_M = np.array([0.6, 0.0, 0.0])  # from panda-gym's origin to the foot of its arm, with the other sign
_CUBE_M = 0.04
_NEAR_M, _FAR_M, _FIELD_OF_VIEW_DEG = 0.1, 3.0, 60.0
_OUT_OF_SIGHT = (0.0, 0.0, -9.0)
_YAWS_DEG = {"front": 60.0, "side": 130.0}
_PITCH_DEG, _AWAY_M, _TARGET_M = -45.0, 0.9, (0.0, 0.0, 0.02)
NAMES = ("blue block", "green block")
_HOME = np.array([0.0, 0.41, 0.0, -1.85, 0.0, 2.26, 0.79, 0.04, 0.04])


def scenes(seeds: range) -> Iterator[View]:
    """Each scene as a view, the cubes by our names, m, at the foot of the arm."""
    env = PandaGym("stack").make(64)
    for seed in seeds:
        observation, _ = env.reset(seed=seed)
        sim = env.unwrapped.sim
        for ghost in ("target1", "target2"):
            sim.set_base_pose(ghost, np.array(_OUT_OF_SIGHT), np.array([0.0, 0.0, 0.0, 1.0]))
        for _ in range(15):  # the upper one falls
            sim.step()
        yield _view(sim, observation)
    env.close()


def _view(sim: Any, observation: dict[str, np.ndarray]) -> View:
    pictures = {name: _picture(sim.physics_client, yaw) for name, yaw in _YAWS_DEG.items()}
    places = [np.array(sim.get_base_position(body)) + _FOOT_M for body in ("object1", "object2")]
    turns = [np.array(sim.get_base_orientation(body)) for body in ("object1", "object2")]
    bodies = [sim._bodies_idx[body] for body in ("object1", "object2")]
    masks = {name: np.select([ids == body for body in bodies], range(len(bodies)), -1).astype(np.int16)
             for name, (_, _, ids, _) in pictures.items()}
    tool = np.concatenate([observation["observation"][:3] + _FOOT_M, [1.0, 0.0, 0.0, 0.0]])
    seen = Observation({n: p[0] for n, p in pictures.items()}, {n: p[1] for n, p in pictures.items()},
                       {n: p[3] for n, p in pictures.items()}, _HOME, tool, 0.08, 0.0)
    poses = np.array([[*place, *turn, *(_CUBE_M,) * 3] for place, turn in zip(places, turns, strict=True)], np.float32)
    return View(seen, masks, NAMES, poses, None, ())


def _picture(client: Any, yaw_deg: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, Camera]:
    """rgb uint8[H, W, 3], depth float32[H, W] m, body ids int[H, W], and the calibration, at the foot of the arm."""
    look = client.computeViewMatrixFromYawPitchRoll(_TARGET_M, _AWAY_M, yaw_deg, _PITCH_DEG, 0.0, 2)
    lens = client.computeProjectionMatrixFOV(_FIELD_OF_VIEW_DEG, 1.0, _NEAR_M, _FAR_M)
    _, _, rgba, buffer, ids = client.getCameraImage(SIZE_PX, SIZE_PX, look, lens, shadow=True,
                                                    renderer=client.ER_TINY_RENDERER)
    square = (SIZE_PX, SIZE_PX)
    rgb = np.asarray(rgba, np.uint8).reshape(*square, 4)[..., :3].copy()
    depth = _FAR_M * _NEAR_M / (_FAR_M - (_FAR_M - _NEAR_M) * np.asarray(buffer, np.float64).reshape(square))
    ids = np.asarray(ids, np.int64).reshape(square)
    return rgb, np.where(ids < 0, 0.0, depth).astype(np.float32), ids, _camera(np.array(look).reshape(4, 4).T)


def _camera(look: np.ndarray) -> Camera:
    """The calibration of an OpenGL view matrix, at the foot of the arm."""
    stand = np.linalg.inv(look)
    eye = stand[:3, 3] + _FOOT_M
    view = images.View(tuple(eye), tuple(eye - stand[:3, 2]), (0.0, 0.0, 1.0), np.deg2rad(_FIELD_OF_VIEW_DEG))
    return calibration(view, SIZE_PX, SIZE_PX)


def answered(planner: Planner, view: View, moved: int) -> Plan:
    """What is planned for putting one cube on the other."""
    base = 1 - moved
    return planner.plan(f"put the {NAMES[moved]} on the {NAMES[base]}", view.observation, ())


def is_right(plan: Plan, view: View, moved: int) -> bool:
    """Whether a plan picks up the one cube and puts it on the other."""
    if [call.skill for call in plan.calls[:2]] != ["pick", "place_on"]:
        return False
    return [_meant(call.arguments[0].box, view) for call in plan.calls[:2]] == [moved, 1 - moved]


def _meant(box: Any, view: View) -> int | None:
    """Which cube is where a box is; None where none is."""
    apart_m = np.linalg.norm(view.poses[:, :3] - np.array(box.center), axis=1)
    return int(apart_m.argmin()) if apart_m.min() < _CUBE_M / 2 else None


def main() -> int:
    """0; the figures are printed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="tabletop-tiny", help="name of a planner's, or a folder")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--split", default="test", choices=sorted(SEED_RANGES))
    asked = parser.parse_args()
    one_thread()
    planner, plans = load_agent(asked.weights, world="tabletop"), []
    first = SEED_RANGES[asked.split].start
    with progress("questions", asked.questions, sys.stderr) as advance:
        for view in scenes(range(first, first + 10 * asked.questions)):
            if len(plans) >= asked.questions:
                break
            if np.linalg.norm(view.poses[0, :2] - view.poses[1, :2]) < 2 * _CUBE_M:
                continue  # one may stand on the other, or no fingers fit between
            for moved in (0, 1):
                plan = answered(planner, view, moved)
                plans.append((plan, is_right(plan, view, moved)))
                advance()
    right = Rate(sum(is_so for _, is_so in plans), len(plans))
    print(json.dumps({"weights": asked.weights, "right": round(right.value, 4),
                      "ci95": [round(end, 4) for end in right.ci95], "n": len(plans),
                      "only_done": sum([call.skill for call in plan.calls[:1]] == ["done"] for plan, _ in plans),
                      "refused": sum(plan.refusal is not None for plan, _ in plans)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
