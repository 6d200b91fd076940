"""Tells a person what happens: lines on the terminal as steps are decided and done, captions in the video."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from embodied.cli.talk import UnderstoodJudge
from embodied.evaluation.rollout_video import RolloutVideo
from embodied.evaluation.suites import PRIVILEGED, labelled
from embodied.planning.closed_loop import Planner, Step
from embodied.planning.language import Plan
from embodied.planning.spoken import describe, meaning, say_call
from envs.interface import Observation, Transition
from envs.names import cut

NOT_JUDGED = "nobody judges this: the simulator does not know what goal the whole sentence asks for"
BY_UNDERSTOOD = {True: "success, by what was understood", False: "what was understood is not reached"}
COLOR_OF = {"done": "green", "failed": "red", "timeout": "red", "refused": "yellow"}


class Reporter:
    """Prints and records one episode."""

    def __init__(self, instruction: str, fps: int):
        self.is_success: bool | None = False
        self.calls = 0  # done in this turn
        self._judge: UnderstoodJudge | None = None
        self._console, self._video = Console(highlight=False, soft_wrap=True), RolloutVideo(fps)
        self._start, self._todo, self._size = time.perf_counter(), [], (360, 480)
        self._last_seen: Observation | None = None
        self._label = self._meant = ""
        shown = cut(instruction, 300)
        self._instruction = shown

    def turn(self, text: str) -> None:
        """Something new is said."""
        self.calls, self._meant, self._instruction = 0, "", cut(text, 300)
        self._say(f"[bold]{escape(self._instruction)}[/]")
        self._video.title(self._label + self._instruction)
        if self._judge is not None:
            self._judge.begin()

    def note(self, words: str) -> None:
        """Says something for people to know."""
        self._say(f"[yellow]{escape(words)}[/]")

    def heard(self, words: str) -> None:
        """A person answered, or said something while it works."""
        self._say(f"   you: [bold]{escape(cut(words, 300))}[/]")
        self._show(f"you: {cut(words, 120)}", "", 1.5)

    def watch(self, env: Any, size: tuple[int, int]) -> None:
        """Records the environment from now on; size: height, width, pixels."""
        self._size = size
        if getattr(getattr(env, "domain", None), "told", None) is not None:
            self._judge = UnderstoodJudge(env)
        env.watch(self._video.add, fps=self._video.fps, size=size)

    def around(self, planner: Planner, policy: str = "model") -> Planner:
        """The same planner; its plans are told as soon as they are made, and if it is told the truth, that too."""
        if policy in PRIVILEGED:
            self._say(f"[yellow]planned by the {labelled(policy)}, which reads the simulator's true state[/]")
            self._label = f"{labelled(policy)}: "
        return _ReportedPlanner(planner, self)

    def decided(self, plan: Plan, seen: Observation) -> None:
        self._last_seen, self._todo = seen, [say_call(call, plan) for call in plan.calls]
        if (meant := meaning(plan)) is not None and meant["words"] != self._meant:
            self._meant = meant["words"]
            self._say(f"understood: [cyan]{escape(self._meant)}[/]")
            self._show(f"understood: {self._meant}", "", 1.5)
        if self._judge is not None:
            self._judge.heard(plan)
        is_talk = plan.question is not None or plan.answer is not None
        thought = f"({plan.thinking_s:.2f} s)"
        if not is_talk:
            self._say(f"plan {thought}: [cyan]{escape(plan.text or f'refuse({plan.refusal})')}[/]")
        self._say(escape("\n".join("   " + line for line in describe(plan).splitlines())))
        if is_talk:
            self._show(plan.question or plan.answer, "", 2.5)
        self._begin_next()

    def _begin_next(self) -> None:
        if self._todo:
            self._video.caption(self._todo.pop(0) + " ...")

    def tell(self, step: Step) -> None:
        """What was done, and how an episode ended."""
        if step.transition is not None:
            self.calls += 1
            if self._judge is not None:
                self._judge.acted()
            self._tell_outcome(step.transition, say_call(step.transition.call, step.plan))
        if step.end is not None:
            self._tell_end(step)

    def _tell_outcome(self, done: Transition, said: str) -> None:
        outcome, color = done.outcome, COLOR_OF[done.outcome.status]
        reason = f": {outcome.reason}" if outcome.reason else ""
        self._say(f"   {escape(said)} [{color}]{outcome.status}[/]{escape(reason)} "
                  f"({outcome.duration_s:.1f} s simulated)")
        self._video.caption(f"{said}: {outcome.status}{reason}", outcome.status)
        self._video.hold(0.5)
        self._begin_next()

    def _tell_end(self, step: Step) -> None:
        self.is_success, words = step.is_success, step.ending
        by_understood = self._judge.verdict if self._judge is not None and self.is_success is None else None
        if by_understood is not None and step.end == "done":
            self.is_success, words = by_understood, BY_UNDERSTOOD[by_understood]
        if step.report is not None:
            self._say(f"   {escape(step.report.words)}")
            self._show(step.report.words, "done" if step.report.holds else "refused", 2.5)
        self._show(words, "done" if self.is_success else "refused", 1.5)
        self._say(f"[bold]{escape(words)}[/] after {time.perf_counter() - self._start:.1f} s")
        if step.end == "done" and self.is_success is None:
            self._say(NOT_JUDGED)

    def _show(self, words: str, status: str, seconds: float) -> None:
        """A caption for a while, under what was seen where nothing was filmed yet."""
        self._video.caption(words, status)
        if not self._video.frames and self._last_seen is not None:
            self._video.add(self._still(self._last_seen))
        self._video.hold(seconds)

    def _still(self, seen: Observation) -> np.ndarray:
        """uint8[H, W, 3]: what the front camera saw, for an episode in which nothing moved."""
        from PIL import Image

        height, width = self._size
        picture = Image.fromarray(seen.rgb["front"]).resize((height, height))
        sheet = Image.new("RGB", (width, height))
        sheet.paste(picture, ((width - height) // 2, 0))
        return np.asarray(sheet)

    def save(self, folder: Path) -> None:
        """Writes demo.mp4 and demo.png."""
        if self._video.frames:
            self._say(f"wrote {self._video.save(folder / 'demo.mp4')}")
            self._say(f"wrote {self._video.still(folder / 'demo.png')}")

    def _say(self, text: str) -> None:
        self._console.print(text)


class _ReportedPlanner:
    """A planner whose plans are told as soon as they are made."""

    def __init__(self, planner: Planner, reporter: Reporter):
        self._planner, self._reporter = planner, reporter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._planner, name)

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition] = ()) -> Plan:
        plan = self._planner.plan(instruction, observation, history)
        self._reporter.decided(plan, observation)
        return plan
