"""embodied demo "put the red block in the blue bowl": the arm does what a sentence says, or says why not.

Prints each step as it is decided and done, and leaves demo.mp4 and demo.png in the run folder. Objects that the
sentence names are put on the table when they are of a known kind and color; anything else the model has to refuse.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from embodied.cli.run import RunContext
from embodied.cli.settings import EnvSettings
from embodied.typed import between

TAKES_TEXT = "instruction"


@dataclass(frozen=True, slots=True)
class VideoSettings:
    fps: int = between(1, 60)
    width: int = between(64, 1920)
    height: int = between(64, 1080)


@dataclass(frozen=True, slots=True)
class Settings:
    env: EnvSettings
    video: VideoSettings
    instruction: str
    policy: Literal["model", "random", "oracle"]
    weights: str
    seed: int = between(0, 2**31 - 1)
    max_calls: int = between(1, 64)


@contextmanager
def enter(settings: Settings, folder: Path) -> Iterator[None]:
    """Raise ValueError for weights that cannot be loaded; what the folder holds is then as it was."""
    from embodied.agents.shipped import weights_folder
    from embodied.models.folder import check_folder

    if settings.policy != "oracle":
        check_folder(weights_folder(settings.weights))
    yield


def act(settings: Settings, run: RunContext) -> float:
    """1 when the instruction was fulfilled, else 0; a refusal is no error, nor is an instruction that nobody can
    judge."""
    import gymnasium

    from embodied.cli.reporter import Reporter
    from embodied.evaluation.episode import one_thread
    from embodied.evaluation.policies import PolicyFactory
    from embodied.planning.closed_loop import run as closed_loop
    from envs.interface import TASK_IDS

    task, required = scene_for(settings.instruction)
    reporter = Reporter(settings.instruction, settings.video.fps)
    if settings.policy != "oracle":
        one_thread()  # as wherever else a model plans: with two, each small product waits for what else runs
    factory = PolicyFactory(settings.policy, settings.weights, gallery=lambda: env)
    env = gymnasium.make(f"envs:{TASK_IDS[task]}", **settings.env.arguments())
    try:
        reporter.watch(env.unwrapped, (settings.video.height, settings.video.width))
        planner = reporter.around(factory.planner(settings.seed, env)[0], settings.policy)
        options: dict[str, Any] = {"instruction": settings.instruction, **({"require": required} if required else {})}
        for step in closed_loop(env, planner, seed=settings.seed, options=options, max_calls=settings.max_calls):
            reporter.tell(step)
    finally:
        env.close()
    reporter.save(run.folder)
    return float(bool(reporter.is_success))


def scene_for(instruction: str) -> tuple[str, list[str]]:
    """The task whose scenes suit the instruction, and the known objects that it names ("cube" is a block)."""
    from envs.tasks.families import TASK_OF_FORM
    from envs.tasks.phrasings import understand, words
    from envs.tasks.scene import COLORS

    understood = understand(instruction)
    if understood is not None:
        form, roles = understood
        return TASK_OF_FORM[form], list(dict.fromkeys(roles.values()))
    kinds = {"block": "block", "cube": "block", "bowl": "bowl", "dish": "bowl"}
    said = words(instruction)
    named = [f"{c} {kinds[n]}" for c, n in itertools.pairwise(said) if c in COLORS and n in kinds]
    return "put_in_bowl", list(dict.fromkeys(named))[:6]
