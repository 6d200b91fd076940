"""Sessions written by hand: two instructions, the second one after a reset of the world."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from embodied.data.recordings import publish
from embodied.data.spool import Spool
from embodied.data.video import jpeg

JOINTS, FPS, CAMERAS = 3, 5, ("front", "spectator")
META = {"session_id": "s_1", "task": "put_in_bowl", "robot": "panda", "seed": 7, "created_unix_s": 1000.0,
        "joint_names": ["a", "b", "c"], "video_camera": "front", "planner": "model", "privileged": False}


def picture(shade: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    image = np.full((*size, 3), 90, np.uint8)
    image[:, 4 * (shade % 12):4 * (shade % 12) + 8] = (250, 60, 20)
    return image


def write_row(spool: Spool, index: int, time_s: float) -> bool:
    for camera in CAMERAS:
        spool.frame(camera, jpeg(picture(index)))
    return spool.row(time_s=time_s, joint_pos=np.full(JOINTS, index / 10), joint_vel=np.zeros(JOINTS),
                     setpoint=np.full(JOINTS, index / 10 + 0.05), gripper_width_m=0.04,
                     tool_pose=np.array([0.4, 0.0, index / 100, 0, 0, 0, 1]))


class Clock:
    """A wall clock that moves by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        self.now += 0.01
        return self.now


def run(spool: Spool, clock: Clock, run_id: str, instruction: str, first: int, rows: int, is_success: bool | None
        ) -> None:
    """One instruction of one step, `rows` rows at the even rate from simulated time 0 on."""
    def tell(kind: str, **facts) -> None:
        spool.event({"type": kind, "run_id": run_id, "unix_s": clock.time(), **facts})

    call = {"skill": "pick", "arguments": ["obj_1"]}
    tell("instruction", instruction=instruction, client="a hand")
    tell("plan", text="pick(obj_1)", hint="the red block")
    tell("step", index=0, **call)
    for i in range(rows):
        write_row(spool, first + i, i / FPS)
    tell("outcome", index=0, **call, status="done", reason="", duration_s=rows / FPS)
    end = {True: "success", False: "failed: out of calls", None: "done"}[is_success]
    tell("end", end=end, is_success=is_success)


def write_session(path: Path, clock: Clock, rows: int = 8) -> Spool:
    spool = Spool.create(path, JOINTS, CAMERAS, FPS, META)
    run(spool, clock, "r_1", "put the red block in the bowl", 0, rows, True)
    run(spool, clock, "r_2", "stack the blocks", rows, rows, False)
    return spool


def write_rows_forever(path: str) -> None:
    """Says how many rows are written, after each; for a process that will be killed."""
    spool, index = Spool.open(Path(path)), 0
    while write_row(spool, index, index / FPS):
        index += 1
        print(index, flush=True)


def publish_and_say(spool: str, recordings: str, recording_id: str) -> None:
    """Says when it begins and when it has published."""
    print("begin", flush=True)
    publish(Path(spool), Path(recordings), recording_id)
    print("published", flush=True)


if __name__ == "__main__":
    {"rows": write_rows_forever, "publish": publish_and_say}[sys.argv[1]](*sys.argv[2:])
