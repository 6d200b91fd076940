"""embodied futures "put the red block in the blue bowl": what may come of one moment.

The planner's likeliest plans are each carried out in an exact fork of the world, and become one page, futures.html, and
one picture, futures.png: a branching film strip with the probability of each plan, what a twin of the perceived table
predicted, and what truly happened. In simulation only. Objects that the sentence names are put on the table when they
are of a known kind and color.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embodied.cli.errors import UsageError
from embodied.cli.run import RunContext
from embodied.cli.settings import EnvSettings
from embodied.typed import between

TAKES_TEXT = "instruction"


@dataclass(frozen=True, slots=True)
class Settings:
    env: EnvSettings
    instruction: str
    weights: str
    seed: int = between(0, 2**31 - 1)
    plans: int = between(1, 32)
    draws: int = between(1, 1024)
    temperature: float = between(0.01, 10)
    pictures: int = between(1, 12)


@contextmanager
def enter(settings: Settings, folder: Path) -> Iterator[None]:
    """Nothing. Raises ValueError for weights that cannot be loaded, UsageError for a mind's and for those of another
    world."""
    from embodied.agents.mind_card import is_mind
    from embodied.agents.shipped import weights_folder
    from embodied.cli.weights import check_policies, check_usable, language_of
    from embodied.planning.declaration import why_not_planned
    from envs.skills.signatures import TABLETOP

    check_usable(settings.weights)
    weights = weights_folder(settings.weights)
    if is_mind(weights):
        raise UsageError(f"weights={settings.weights}: expected a planner's, which draws plans, got a mind's, which "
                         "writes goals; choose weights=shipped")
    if (why := why_not_planned(language_of(weights), TABLETOP)) is not None:
        raise UsageError(f"weights={settings.weights}: expected weights that plan on the tabletop; {why}; choose "
                         "weights=shipped")
    check_policies(weights, ["model"], "tabletop")
    yield


def act(settings: Settings, run: RunContext) -> float:
    """How many of the plans came to success."""
    from embodied.agents.imagining_agent import ImaginingAgent
    from embodied.agents.shipped import load_agent
    from embodied.agents.twin import TableTwin
    from embodied.cli.demo import make_env, scene_for
    from embodied.data.files import write_whole
    from embodied.evaluation.episode import one_thread
    from embodied.evaluation.futures import FRAME_PX, futures_of
    from embodied.evaluation.futures_page import NOTICE, happened, html, share, strip

    one_thread()
    task, required = scene_for(settings.instruction)
    options = {"instruction": settings.instruction, **({"require": required} if required else {})}
    agent = ImaginingAgent(load_agent(settings.weights, world="tabletop", unclear=None), TableTwin(),
                           count=settings.draws, temperature=settings.temperature)
    env = make_env(task, render_mode="rgb_array", render_size=FRAME_PX, **settings.env.arguments())
    try:
        found = futures_of(env.unwrapped, agent, seed=settings.seed, options=options, most=settings.plans,
                           pictures=settings.pictures)
    finally:
        env.close()
        agent.twin.close()
    print(NOTICE)
    for future in found.futures:
        print(f"{share(future):>8}  {happened(future, found):<9} {future.plan.text.strip() or future.plan.refusal}")
    for name, content in (("futures.html", html(found).encode()), ("futures.png", strip(found))):
        write_whole(run.folder / name, content)
        print(f"wrote {run.folder / name}")
    return float(sum(future.is_success for future in found.futures))
