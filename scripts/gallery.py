"""Every world, task and robot in pictures: writes docs/gallery.md and docs/images/gallery/.

    python scripts/gallery.py            # all worlds; --domain NAME draws one of them anew; "foreign": those of others

Each task shows its instruction, other ways to say it, and the scripted expert at work on a training seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import gymnasium
import numpy as np

from embodied.evaluation.film import jpeg, strip
from envs.domains import find_domain
from envs.foreign.words import instruction
from envs.interface import DOMAINS, FOREIGN_IDS, SkillCall

DOCS = Path(__file__).parent.parent / "docs"
PICTURES = DOCS / "images" / "gallery"
SIZE_PX = (240, 320)
FOREIGN_PX = 240
FRAMES = 5
WORDINGS = 4
MOST_CALLS = 25


def main() -> None:
    """Nothing. Draws what was asked for and writes the page from all there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--domain", choices=[*DOMAINS, "foreign"], help="draw this one only; the page still shows all")
    parser.add_argument("--seed", type=int, default=4, help="of the scenes (a training seed)")
    arguments = parser.parse_args()
    PICTURES.mkdir(parents=True, exist_ok=True)
    parts = [__doc__.splitlines()[0].split(":")[0].join(["# ", "\n"])]
    for name in DOMAINS:
        parts.append(section(name, arguments.seed, draws=arguments.domain in (None, name)))
    parts.append(foreign_section(arguments.seed, draws=arguments.domain in (None, "foreign")))
    (DOCS / "gallery.md").write_text("\n".join(parts), encoding="utf-8")
    print(f"wrote {DOCS / 'gallery.md'}")


def section(name: str, seed: int, *, draws: bool) -> str:
    """Markdown of one domain."""
    words = [f"## {name.capitalize()}\n", f"{import_doc(name)}\n", *robots_of(name, seed, draws)]
    for task, env_id in DOMAINS[name].items():
        print(f"{name}: {task}", flush=True)
        words.append(entry(name, task, env_id, seed, draws))
    return "\n".join(words)


def robots_of(name: str, seed: int, draws: bool) -> list[str]:
    """Markdown of the robots that a domain lets one choose from, each in the middle of its first skill."""
    words = []
    for robot in find_domain(name).robots:
        print(f"{name}: {robot}", flush=True)
        path = PICTURES / f"{name}-robot-{robot}.jpg"
        if draws:
            env_id = next(iter(DOMAINS[name].values()))
            env = gymnasium.make(env_id, image_size=128, render_mode="rgb_array", render_size=SIZE_PX, robot=robot)
            env.reset(seed=seed)
            frames, _ = demonstrate(env, most_calls=1)
            path.write_bytes(jpeg(frames[len(frames) // 2], quality=82))
            env.close()
        words.append(f"`robot={robot}` ![{robot}](images/gallery/{path.name})\n")
    return words


def import_doc(name: str) -> str:
    """First line of the module that puts the domain together."""
    import importlib

    return importlib.import_module(f"envs.domains.{name}").__doc__.splitlines()[0]


def entry(name: str, task: str, env_id: str, seed: int, draws: bool) -> str:
    """Markdown of one task: its id, its wordings, and the picture that `draws` makes anew."""
    env = gymnasium.make(env_id, image_size=64, render_mode="rgb_array", render_size=SIZE_PX)
    env.reset(seed=seed)
    family, scene = find_domain(name).tasks[task], env.unwrapped.scene
    return shown(name, task, env_id, env, lambda rng: family.instruction(scene, rng), draws)


def foreign_section(seed: int, *, draws: bool) -> str:
    """Markdown of the worlds of others."""
    words = ["## Worlds of others\n", "panda-gym's tasks, played by skill calls through [an adapter](foreign.md). Its "
             "picture shows the places where the cubes belong as cubes of the same colours.\n"]
    for task, env_id in FOREIGN_IDS.items():
        print(f"foreign: {task}", flush=True)
        env = gymnasium.make(env_id, image_size=FOREIGN_PX, render_mode="rgb_array")
        env.reset(seed=seed)
        say = partial(instruction, env.unwrapped.sight, "pick" in env.unwrapped.signatures)
        words.append(shown("foreign", task, env_id, env, say, draws))
    return "\n".join(words)


def shown(name: str, task: str, env_id: str, env: gymnasium.Env, say: Callable[[np.random.Generator], str],
          draws: bool) -> str:
    """Markdown of the scene that the environment has been reset to; closes it."""
    said = wordings(env.unwrapped.instruction, say)
    path = PICTURES / f"{name}-{task}.jpg"
    if draws:
        frames, calls = demonstrate(env)
        path.write_bytes(jpeg(strip(frames, FRAMES), quality=82))
        path.with_suffix(".txt").write_text("; ".join(calls), encoding="utf-8")
    env.close()
    others = "; ".join(f"“{text}”" for text in said[1:])
    plan = path.with_suffix(".txt").read_text("utf-8") if path.with_suffix(".txt").exists() else ""
    return (f"### {task.replace('_', ' ')} (`{env_id}`)\n\n**“{said[0]}”**\n\nAlso said: {others}\n\n"
            f"![{task}](images/gallery/{path.name})\n\nThe expert: `{plan}`\n")


def wordings(first: str, say: Callable[[np.random.Generator], str]) -> list[str]:
    """The scene's instruction, then other ways to say it."""
    others = dict.fromkeys(say(np.random.default_rng(i)) for i in range(40))
    return [first, *(text for text in others if text != first)][: WORDINGS + 1]


def demonstrate(env: gymnasium.Env, most_calls: int = MOST_CALLS) -> tuple[list[np.ndarray], list[str]]:
    """Frames uint8[H, W, 3] of the expert's whole episode, and what it called."""
    unwrapped, frames, calls = env.unwrapped, [], []
    unwrapped.watch(frames.append, fps=4, size=SIZE_PX)
    info = unwrapped._info()
    while not info["is_success"] and len(calls) < most_calls and (plan := unwrapped.expert_plan()):
        *_, info = unwrapped.step(unwrapped.encode(plan[0]))
        calls.append(words_of(plan[0]))
    frames.append(env.render())
    unwrapped.watch(None)
    return frames, calls


def words_of(call: SkillCall) -> str:
    """pick(red block): a call with names in place of boxes."""
    return f"{call.skill}({', '.join(a if isinstance(a, str) else a.words for a in call.arguments)})"


if __name__ == "__main__":
    main()
