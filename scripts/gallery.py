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
import yaml
from PIL import Image, ImageDraw

from embodied.cli.configs import config_dir, group_options
from embodied.data.video import jpeg
from embodied.evaluation.rollout_video import strip
from envs.domains import find_domain
from envs.foreign.words import instruction
from envs.interface import DOMAINS, FOREIGN_IDS, SkillCall, domain_id
from envs.world.images import View

DOCS = Path(__file__).parent.parent / "docs"
PICTURES = DOCS / "images" / "gallery"
SIZE_PX = (240, 320)
FOREIGN_PX = 240
FRAMES = 5
WORDINGS = 4
CAST_COLUMNS, PORTRAIT_PX, CAPTION_PX = 8, (96, 110), 16
PORTRAIT_FROM = np.array([-0.62, -0.48, 0.62])
"""Direction from a thing to who looks at it."""
APPEARANCE_PX, APPEARANCE_SEEDS = 208, (0, 3)
MOST_SCENES = 60
MOST_CALLS = 25


def main() -> None:
    """Draw what was asked for and writes the page from all there is."""
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
    words = [f"## {name.capitalize()}\n", f"{import_doc(name)}\n", cast_of(name, draws), *robots_of(name, seed, draws),
             *appearances_of(name, draws)]
    for task, env_id in DOMAINS[name].items():
        print(f"{name}: {task}", flush=True)
        words.append(entry(name, task, env_id, seed, draws))
    return "\n".join(words)


def cast_of(name: str, draws: bool) -> str:
    """Markdown of one picture with everything that a domain's scenes can hold, each thing close up under its name."""
    path = PICTURES / f"{name}-cast.jpg"
    if draws:
        print(f"{name}: cast", flush=True)
        path.write_bytes(jpeg(captioned(portraits(name)), quality=85))
    return f"What stands about here: ![cast](images/gallery/{path.name})\n"


def portraits(name: str) -> dict[str, np.ndarray]:
    """Thing -> uint8[H, W, 3]: a close view of it, in the first scene that has it."""
    env, found = gymnasium.make(domain_id(name), cameras=()).unwrapped, {}
    for seed in range(MOST_SCENES):
        env.reset(seed=seed)
        for thing in [n for n in env.world.names() if n not in found]:
            place, far_m = env.world.pose(thing)[0], 2.2 * float(np.linalg.norm(env.world.size(thing)))
            eye = place + far_m * PORTRAIT_FROM
            view = View(tuple(eye), tuple(place), (0.0, 0.0, 1.0), 0.6, near_m=0.02, light=(-0.5, -0.7, 2.0))
            found[thing] = env.world.picture(view, *PORTRAIT_PX).rgb
    env.close()
    return dict(sorted(found.items()))


def captioned(pictures: dict[str, np.ndarray]) -> np.ndarray:
    """uint8[H, W, 3]: pictures in rows, each under its name."""
    height, width = PORTRAIT_PX
    rows = -(-len(pictures) // CAST_COLUMNS)
    sheet = Image.new("RGB", (CAST_COLUMNS * width, rows * (height + CAPTION_PX)), "white")
    for i, (caption, picture) in enumerate(pictures.items()):
        corner = i % CAST_COLUMNS * width, i // CAST_COLUMNS * (height + CAPTION_PX)
        ImageDraw.Draw(sheet).text((corner[0] + 4, corner[1] + 3), caption, fill="black")
        sheet.paste(Image.fromarray(picture), (corner[0], corner[1] + CAPTION_PX))
    return np.asarray(sheet)


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


def appearances_of(name: str, draws: bool) -> list[str]:
    """Markdown of the appearances of a table, each in what its cameras see of two scenes."""
    if not find_domain(name).is_table or name != "tabletop":
        return []
    words = []
    for preset in group_options(config_dir())["appearance"]:
        print(f"{name}: {preset}", flush=True)
        path = PICTURES / f"{name}-appearance-{preset}.jpg"
        if draws:
            chosen = yaml.safe_load((config_dir() / "appearance" / f"{preset}.yaml").read_text("utf-8"))
            env = gymnasium.make(domain_id(name), image_size=APPEARANCE_PX, **chosen)
            views = [view for seed in APPEARANCE_SEEDS for view in env.reset(seed=seed)[0]["rgb"].values()]
            path.write_bytes(jpeg(np.concatenate(views, axis=1), quality=82))
            env.close()
        words.append(f"`appearance={preset}` ![{preset}](images/gallery/{path.name})\n")
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
        say = partial(instruction, env.unwrapped.reading, "pick" in env.unwrapped.actions.skills)
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
    skill, *arguments = call.named
    return f"{skill}({', '.join(map(str, arguments))})"


if __name__ == "__main__":
    main()
