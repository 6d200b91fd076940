"""How fast the worlds are, as ratios against raw PyBullet doing the same by hand in the same run: one JSON line each.

    python scripts/bench/envs.py                 # all of it, about two minutes; --only NAME for one line

A is timed, then B, alternately; the ratio is the median of A over B. Times are CPU seconds of this process where a line
does not say otherwise. `load` is the machine's one-minute load when the line was measured: above 0.5, beware.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
"""Without this script's own folder, in which `import envs` would find this script."""

TASK = "envs:embodied/Sort-v0"
ROUNDS = 21
IMAGE_PX = 224


def main() -> None:
    """Print a line for every measurement asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(MEASURES))
    only = parser.parse_args().only
    for name in MEASURES if only is None else (only,):
        found = MEASURES[name]()
        print(json.dumps({"what": name, **found, **circumstances()}), flush=True)


def circumstances() -> dict[str, Any]:
    """What figures depend on beside the code."""
    here = Path(__file__).parent
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True).stdout
    return {"hardware": f"{os.cpu_count()} x {platform.machine()}", "load": round(os.getloadavg()[0], 2),
            "commit": commit.strip() or "unknown"}


def compare(ours: Callable[[], None], peer: Callable[[], None], count: int) -> dict[str, Any]:
    """Median milliseconds of one of `count` things that each side does in a round, and the median of their ratios."""
    pairs = [(cpu_s(ours), cpu_s(peer)) for _ in range(ROUNDS + 1)][1:]  # the first round warms up
    ratio = statistics.median(a / b for a, b in pairs)
    a_ms, b_ms = (statistics.median(times) / count * 1e3 for times in zip(*pairs, strict=True))
    return {"value": round(a_ms, 4), "unit": "ms", "peer": round(b_ms, 4), "ratio": round(ratio, 3)}


def cpu_s(work: Callable[[], None]) -> float:
    """CPU seconds that the work took."""
    start = time.process_time()
    work()
    return time.process_time() - start


def make(**kwargs: Any) -> Any:
    """The unwrapped environment with a scene on the table."""
    env = gymnasium.make(TASK, **kwargs).unwrapped
    env.reset(seed=0)
    return env


def joint_step() -> dict[str, Any]:
    """One control period at joint level without images, against the same motor commands and steps by hand."""
    env = gymnasium.make(TASK.replace("-v0", "Joint-v0"), cameras=()).unwrapped
    env.reset(seed=0)
    target, count = env.robot.home.astype(np.float32), 60
    client, arm = env.world.client, env.robot._arm
    wanted, forces = env.robot.home.tolist(), env.robot._forces
    gains, ones = [env.robot.config.position_gain] * len(wanted), [1.0] * len(wanted)

    def ours() -> None:
        for _ in range(count):
            env.step(target)

    def by_hand() -> None:
        for _ in range(count * env.world.physics_hz // env.robot.config.control_hz):
            client.setJointMotorControlArray(arm.body, arm._joints, client.POSITION_CONTROL, targetPositions=wanted,
                                             forces=forces, positionGains=gains, velocityGains=ones)
            client.stepSimulation()

    return compare(ours, by_hand, count)


def images() -> dict[str, Any]:
    """Both cameras' RGB-D with calibration, against getCameraImage with the cheapest flags."""
    env, count = make(image_size=IMAGE_PX), 4
    views = list(env.domain.views(env.robot).values())

    def ours() -> None:
        for _ in range(count):
            env._observe()

    def by_hand() -> None:
        for _ in range(count):
            for view in views:
                raw_image(env.world.client, view)

    return compare(ours, by_hand, count * len(views))


def raw_image(client: Any, view: Any) -> None:
    """The picture of a view as PyBullet gives it, shadows off."""
    look = client.computeViewMatrix(view.eye, view.target, view.up)
    lens = client.computeProjectionMatrixFOV(np.degrees(view.fov_rad), 1.0, view.near_m, view.far_m)
    client.getCameraImage(IMAGE_PX, IMAGE_PX, look, lens, shadow=0, renderer=client.ER_TINY_RENDERER)


def stock_image() -> dict[str, Any]:
    """A default image, against the same view of the stock Panda, table.urdf and plane.urdf."""
    import pybullet_data

    from envs.world.client import Client

    env, stock, folder = make(image_size=IMAGE_PX), Client(), Path(pybullet_data.getDataPath())
    stock.loadURDF(str(folder / "plane.urdf"), [0, 0, -0.63])
    stock.loadURDF(str(folder / "table" / "table.urdf"), [0.5, 0, -0.63])
    stock.loadURDF(str(folder / "franka_panda" / "panda.urdf"), useFixedBase=1)
    for name in env.world.names():
        half = (env.world.size(name) / 2).tolist()
        shape = stock.createVisualShape(stock.GEOM_BOX, halfExtents=half)
        stock.createMultiBody(0, -1, shape, env.world.pose(name)[0].tolist())
    view = env.domain.views(env.robot)["front"]
    return compare(lambda: raw_image(env.world.client, view), lambda: raw_image(stock, view), 1)


def reset() -> dict[str, Any]:
    """Resets to known scenes, against their renders alone: value and peer in ms, the difference is the claim."""
    env, count = make(image_size=IMAGE_PX), 8

    def ours() -> None:
        for seed in range(count):
            env.reset(seed=seed)

    found = compare(ours, lambda: [env._observe() for _ in range(count)], count)
    return {**found, "beyond_renders_ms": round(found["value"] - found["peer"], 3)}


def restore() -> dict[str, Any]:
    """Going back to a snapshot, without images."""
    env, count = make(image_size=64), 30
    moment = env.snapshot()
    times = [cpu_s(lambda: [env.restore(moment) for _ in range(count)]) for _ in range(ROUNDS)]
    return {"value": round(statistics.median(times) / count * 1e3, 3), "unit": "ms", "peer": None, "ratio": None}


def pick_and_place() -> dict[str, Any]:
    """A whole pick and place_in, an RGB-D image after each of the two calls, a CPU second; peer: with the images
    of both cameras."""
    one, two = (_pick_and_place_s(cameras) for cameras in (("top",), None))
    return {"value": round(1 / one, 2), "unit": "a CPU second", "peer": round(1 / two, 2), "ratio": round(one / two, 3)}


def _pick_and_place_s(cameras: tuple[str, ...] | None) -> float:
    """Median CPU seconds."""
    env, seconds = gymnasium.make("envs:embodied/PutInBowl-v0", image_size=IMAGE_PX, cameras=cameras).unwrapped, []
    for seed in range(8):
        env.reset(seed=seed)
        seconds.append(cpu_s(lambda: [env.step(env.encode(call)) for call in env.expert_plan()[:2]]))
    return statistics.median(seconds)


def beside_panda_gym() -> dict[str, Any]:
    """A control period of the same arm, substeps and control rate in panda-gym, joints commanded, no images."""
    return _beside_panda_gym(cameras=())


def beside_panda_gym_with_images() -> dict[str, Any]:
    """The same with one image each: ours with depth and calibration, panda-gym's colour alone, both TinyRenderer."""
    return _beside_panda_gym(cameras=("front",))


def _beside_panda_gym(cameras: tuple[str, ...]) -> dict[str, Any]:
    import panda_gym  # noqa: F401  registers its ids

    id, count = "envs:embodied/PutInBowlJoint-v0", 4 if cameras else 60
    env = gymnasium.make(id, cameras=cameras, image_size=IMAGE_PX, min_objects=2, max_objects=2).unwrapped
    other = gymnasium.make("PandaPickAndPlace-v3", render_mode="rgb_array", renderer="Tiny", control_type="joints",
                           render_width=IMAGE_PX, render_height=IMAGE_PX).unwrapped
    env.reset(seed=0)
    other.reset(seed=0)
    other.sim.n_substeps = env.world.physics_hz // env.robot.config.control_hz
    other.sim.physics_client.setTimeStep(1 / env.world.physics_hz)
    target, still = env.robot.home.astype(np.float32), np.zeros(other.action_space.shape, np.float32)

    def theirs() -> None:
        for _ in range(count):
            other.step(still)
            if cameras:
                other.render()

    return compare(lambda: [env.step(target) for _ in range(count)], theirs, count)


def worlds_in_processes() -> dict[str, Any]:
    """Control periods a wall second of two worlds in two processes, against one world in one."""
    one, two = _periods_a_second(1), _periods_a_second(2)
    return {"value": round(two, 1), "unit": "periods a second", "peer": round(one, 1), "ratio": round(two / one, 3)}


def _periods_a_second(processes: int) -> float:
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes) as pool:
        return sum(pool.map(_run_a_while, [4.0] * processes, chunksize=1))


def _run_a_while(wall_s: float) -> float:
    env = gymnasium.make(TASK.replace("-v0", "Joint-v0"), cameras=()).unwrapped
    env.reset(seed=0)
    target, start, count = env.robot.home.astype(np.float32), time.perf_counter(), 0
    while time.perf_counter() - start < wall_s:
        env.step(target)
        count += 1
    return count / wall_s


def memory() -> dict[str, Any]:
    """Resident memory of a world over that of an interpreter with numpy and gymnasium."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        before, after = pool.apply(_memory_of_a_world)
    return {"value": round(after - before, 1), "unit": "MiB", "peer": round(before, 1), "ratio": None}


def _memory_of_a_world() -> tuple[float, float]:
    before = resident_mib()
    env = make(image_size=IMAGE_PX)
    env.step(env.encode(env.expert_plan()[0]))
    return before, resident_mib()


def resident_mib() -> float:
    """What this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


MEASURES = {work.__name__: work for work in (joint_step, images, stock_image, reset, restore, pick_and_place,
                                             beside_panda_gym, beside_panda_gym_with_images,
                                             worlds_in_processes, memory)}

if __name__ == "__main__":
    main()
