"""A robot that only pretends: it plays a canned run for each instruction, so that a page can be shown every state,
also those that a real world is hard to talk into (questions, crashes, hostile names)."""

from __future__ import annotations

import asyncio
import io
import math
import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from embodied.planning.memory import Look, Memory
from embodied.prompt import Slot
from embodied.serving.remembered import remembered
from envs.interface import Box
from envs.world.floorplan import PLACES
from tests.embodied.planning.scenes import observation

TOKENS = [(" pick", 0.99), ("(", 1.0), ("obj_2", 0.93), (")", 1.0), ("; ", 1.0), ("place", 0.98), ("_in", 0.97),
          ("(", 1.0), ("obj_1", 0.61), (")", 1.0), ("; ", 1.0), ("done", 0.99), ("()", 1.0)]
HOSTILE = '<img src=x onerror="window.hacked=1">'
KNOWN = "I know: block, blue, bowl, " + ", ".join(f"word{i}" for i in range(40)) + ", yellow."
LOOKS = {"obj_1": "blue bowl", "obj_2": "red block"}
SQUARE = [(-0.06, -0.06), (0.06, -0.06), (0.06, 0.06), (-0.06, 0.06)]


def outlined(name: str, at: tuple[float, float]) -> dict[str, Any]:
    """An object as the API tells it."""
    return {"name": name, "looks": LOOKS.get(name, ""), "camera": "front", "pixel": [int(192 * v) for v in at],
            "image_size": [192, 192],
            "box": {"center": [0.5, 0.0, 0.02], "size": [0.04, 0.04, 0.04], "yaw": 0.0},
            "outlines": {"front": [[at[0] + u, at[1] + v] for u, v in SQUARE]}}

def memory() -> dict[str, Any]:
    """What a robot that drives about remembers: an orange thing before it, an empty table, a shut drawer."""
    thing = Slot(np.full((4, 4, 3), (240, 130, 10), np.uint8), Box((-0.2, 0.1, 0.06), (0.06, 0.05, 0.12)),
                 place="near counter")
    known = Memory(held="apple")
    for look in (Look("table", (), None, (-0.5, 0.5)), Look("drawer", None, False),
                 Look("near counter", (thing,), None, (-0.5, 0.5))):
        known = known.see(look)
    return remembered(known, replace(observation(), joint_pos=PLACES["near counter"].stand))


PUT = {"goal": "in(the red block, the blue bowl)", "words": "put the red block in the blue bowl"}
COUNT = {"goal": "tell count(block)", "words": "tell you how many blocks there are"}


@dataclass
class FakeRobot:
    """One session's worth of pretence. pace: seconds of a step, also of the one under way."""

    pace: float = 1.2
    mode: str = "idle"
    is_held_up: bool = False
    """Whether its world takes its time to confirm a stop."""
    stop: dict[str, Any] | None = None
    planner: str = "model"
    lease: str | None = "lease-1"
    holder: str = "somebody"
    events: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=lambda: {"admitted": 0, "limited": 0, "refused": 0, "stops": 0,
                                                              "heartbeats_lost": 0, "stale": 0})
    corrected: asyncio.Event = field(default_factory=asyncio.Event)
    run: asyncio.Task | None = None
    born_s: float = field(default_factory=time.monotonic)

    @property
    def time_s(self) -> float:
        return round(time.monotonic() - self.born_s, 3)

    @property
    def objects(self) -> list[dict[str, Any]]:
        is_hostile = self.runs and "hostile" in self.runs[-1]["instruction"]
        return [outlined("obj_1", (0.62, 0.44)), outlined(HOSTILE if is_hostile else "obj_2", (0.26, 0.4))]

    def tell(self, type_: str, **content: Any) -> None:
        self.events.append({"index": len(self.events), "type": type_, "session_id": "s_fake", "time_s": self.time_s,
                            "unix_s": time.time(), **content})

    def turn(self, mode: str, reason: str = "") -> None:
        self.mode = mode
        self.tell("mode", mode=mode, reason=reason)

    def begin(self, instruction: str, client: str = "console") -> str:
        """Name of the run that has begun."""
        run = {"run_id": f"r_{len(self.runs)}", "instruction": instruction, "end": None, "is_success": None,
               "steps": [], "hint": ""}
        self.runs.append(run)
        self.tell("instruction", run_id=run["run_id"], instruction=instruction, client=client)
        self.turn("running")
        self.run = asyncio.create_task(self._play(run))
        return run["run_id"]

    def halt(self, mode: str, reason: str) -> None:
        """Ends what goes on."""
        self.counters["stops"] += 1
        kind = "estop" if mode == "estopped" else "stop"
        self.stop = {"number": self.counters["stops"], "kind": kind, "latched_s": self.time_s,
                     "confirmed_s": None if self.is_held_up else self.time_s}
        self.tell("safety", kind=kind, reason=reason, stop=self.stop)
        if self.run is not None and not self.run.done():
            self.run.cancel()
        self.turn(mode, reason)

    def confirm(self) -> None:
        """The world is held up no more, and says that the last stop is in force."""
        self.stop = {**self.stop, "confirmed_s": self.time_s}
        self.tell("safety", kind="confirmed", reason="the world lets nothing through", stop=self.stop)

    async def _play(self, run: dict[str, Any]) -> None:
        words = run["instruction"]
        try:
            end, is_success = await self._scene(run, words)
        except asyncio.CancelledError:
            self._end(run, "stopped", None)
            return
        if "crash" in words:
            self.turn("crashed", "the physics gave up")
        self._end(run, end, is_success)
        if self.mode == "running":
            self.turn("idle")

    async def _scene(self, run: dict[str, Any], words: str) -> tuple[str, bool | None]:
        await self._think(run)
        if "banana" in words:
            self._plan(run, [], refusal="I do not know the word 'banana'", hint=KNOWN)
            return "refused: I do not know the word 'banana'", None
        if "count" in words:
            self._plan(run, [], understood=COUNT, answer="I see 2 blocks.")
            return "answered: I see 2 blocks.", None
        if "fetch" in words:
            self._plan(run, [], refusal="I saw no pear anywhere", memory=memory())
            return "refused: I saw no pear anywhere", None
        if "tidy" in words:
            await self._ask_which(run)
        if "ask" in words:
            self.tell("question", run_id=run["run_id"], text="Which bowl do you mean, the green or the blue one?")
            self.corrected.clear()
            await self.corrected.wait()
            await self._think(run)
        self._plan(run, [("pick", self.objects[1]["name"], 0.92), ("place_in", "obj_1", 0.6)])
        await self._step(run, 0, "pick", self.objects[1]["name"], fails="fail" in words)
        if "crash" in words:
            return "failed: physics crashed", None
        await self._step(run, 1, "place_in", "obj_1")
        if "gently" in words:
            return "done", None
        return "success", True

    async def _ask_which(self, run: dict[str, Any]) -> None:
        """Asks which of two things is meant, as a mind does."""
        choices = [{"reply": f"the {side} one", "object": thing["name"], "box": {}, "camera": "front", "pixel": [1, 2]}
                   for side, thing in zip(("right", "left"), self.objects, strict=True)][::-1]
        asked = "Which one do you mean, the left one or the right one?"
        self._plan(run, [], understood=PUT, question=asked, choices=choices)
        self.tell("question", run_id=run["run_id"], text=asked, choices=choices)
        self.corrected.clear()
        await self.corrected.wait()
        is_missed = "fail" in run["instruction"]
        begin = "I tried, but I do not" if is_missed else "Done: I"
        run["self_report"] = {"holds": not is_missed, "words": f"{begin} see the red block in the blue bowl."}

    async def _think(self, run: dict[str, Any]) -> None:
        self.tell("thinking", run_id=run["run_id"])
        for text, probability in TOKENS:
            await asyncio.sleep(min(self.pace, 1.2) / 20)
            self.tell("token", run_id=run["run_id"], text=text, probability=probability, attempt=1)

    def _plan(self, run: dict[str, Any], calls: list[tuple[str, str, float]], **more: Any) -> None:
        told = [{"skill": skill, "arguments": [name], "probability": chance} for skill, name, chance in calls]
        text = "; ".join(f"{skill}({name})" for skill, name, _ in calls)
        self.tell("plan", run_id=run["run_id"], text=text, calls=told, probability=0.55, thinking_s=self.pace / 2,
                  objects=self.objects, **{"refusal": None, "hint": "", **more})

    async def _step(self, run: dict[str, Any], index: int, skill: str, name: str, fails: bool = False) -> None:
        self.tell("step", run_id=run["run_id"], place=index, skill=skill, arguments=[name])
        begun = time.monotonic()
        while time.monotonic() < begun + self.pace or self.mode == "paused":
            await asyncio.sleep(0.02)
            self.counters["admitted"] += 1
        outcome = {"skill": skill, "arguments": [name], "status": "failed" if fails else "done",
                   "reason": "the gripper closed on nothing" if fails else f"{name} is where it should be",
                   "duration_s": self.pace}
        run["steps"].append(outcome)
        self.tell("outcome", run_id=run["run_id"], place=index, **outcome)

    def _end(self, run: dict[str, Any], end: str, is_success: bool | None) -> None:
        run.update(end=end, is_success=is_success)
        self.tell("end", run_id=run["run_id"], end=end, is_success=is_success, self_report=run.get("self_report"))

    def telemetry(self) -> dict[str, Any]:
        """An event of this moment that is not kept."""
        phase = time.monotonic() if self.mode == "running" else 0.0
        joints = [0.8 * math.sin(phase * (0.3 + 0.1 * i) + i) for i in range(7)]
        return {"index": len(self.events), "type": "telemetry", "session_id": "s_fake", "time_s": self.time_s,
                "unix_s": time.time(), "joint_pos": joints, "joint_vel": [0.0] * 7,
                "setpoint": [v + 0.05 for v in joints], "gripper_width_m": 0.04 + 0.03 * math.sin(phase),
                "tool_pose": [0.5, 0.0, 0.3, 0.0, 0.0, 0.0, 1.0]}

    def as_dict(self) -> dict[str, Any]:
        """SESSION of the contract."""
        lease = {"is_held": self.lease is not None, "holder": self.holder if self.lease else "", "expires_in_s": 9.0}
        return {"session_id": "s_fake", "task": "put_in_bowl", "domain": "tabletop", "robot": "panda", "seed": 7,
                "planner": self.planner, "privileged": self.planner == "oracle", "mode": self.mode,
                "instruction": "put the red block in the blue bowl", "stop": self.stop,
                "run_id": None, "speed": 1.0, "cameras": ["spectator", "front", "top"], "objects_camera": "front",
                "joint_names": [f"panda_joint{i + 1}" for i in range(7)], "joint_low": [-2.8] * 7,
                "joint_high": [2.8] * 7, "lease": lease, "time_s": self.time_s, "counters": self.counters,
                "recording_id": "rec_fake", "created_unix_s": time.time()}


def picture(camera: str, phase: float) -> bytes:
    """A JPEG: a table, two things, and something that moves."""
    from PIL import Image, ImageDraw

    width, height = (480, 360) if camera == "spectator" else (192, 192)
    sheet = Image.new("RGB", (width, height), (150, 126, 104))
    draw = ImageDraw.Draw(sheet)
    draw.ellipse([0.56 * width, 0.38 * height, 0.68 * width, 0.5 * height], fill=(40, 150, 200))
    draw.rectangle([0.22 * width, 0.36 * height, 0.3 * width, 0.44 * height], fill=(200, 40, 40))
    x = width * (0.5 + 0.3 * math.sin(phase))
    draw.line([width / 2, 0, x, height * 0.4], fill=(235, 235, 235), width=width // 20)
    buffer = io.BytesIO()
    sheet.save(buffer, format="JPEG")
    return buffer.getvalue()


