"""What minds see of told scenes, beside the truth: `python -m scripts.seeing EYES ... [--scenes drawn] [--count 300]`.

EYES: shipped weights or folders, each seen through what a mind makes of its slots. JSON lines, one for each of EYES and
each moment: "first" is the first look at a scene; with --calls N, "held" and "after" are looks while a block is held
and after it was let go of, by N random calls of which the belief knows what came of them. "whole": the share of looks
without any fault; the counts of faults by kind (`embodied.evaluation.seeing`). --scenes: drawn, of the validation seeds
from --first on, or development, those of the wordings. --show prints each fault.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gymnasium
import numpy as np

from embodied.agents.eyes import load_eyes
from embodied.agents.mind_agent import MindAgent
from embodied.evaluation.episode import one_thread
from embodied.evaluation.seeing import Fault, faults
from embodied.evaluation.success import Rate
from embodied.evaluation.understanding.items import load_items, path_of
from embodied.planning.dialogue import Reading
from envs.goals.language import Nothing
from envs.goals.scenes import draw_scene
from envs.goals.table import Table
from envs.interface import SEED_RANGES, Observation, Outcome, Referent, SkillCall, Transition

Look = tuple[str, Table, Table]
"""Moment, true table, perceived table."""
FIRST = SEED_RANGES["validation"].start


class _Deaf:
    """An understander that is told nothing."""

    def understand(self, text: str, before: Sequence[Any] = ()) -> Reading:
        return Reading(Nothing())


def told_scenes(which: str, first: int, count: int) -> Iterator[tuple[int, list[dict]]]:
    """Seed and told scene of each."""
    if which == "development":
        items = load_items(path_of("development"))[:count]
        yield from ((SEED_RANGES["validation"].stop - 1 - i, [dict(t) for t in item.scene])
                    for i, item in enumerate(items))
        return
    for seed in range(first, first + count):
        yield seed, draw_scene(np.random.default_rng(seed))


def looks(env: gymnasium.Env, mind: MindAgent, seed: int, scene: list[dict], calls: int) -> Iterator[Look]:
    """A mind's looks at a scene, while random calls are carried out."""
    raw, _ = env.reset(seed=seed, options={"scene": scene})
    mind.forget()
    rng, history, seen = np.random.default_rng(seed), [], Observation.from_dict(raw)
    yield "first", env.unwrapped.true_table(), mind.look(seen, history)
    for _ in range(calls):
        call = _random_call(env.unwrapped, rng)
        raw, _, _, _, info = env.step(env.unwrapped.encode(call))
        before, seen = seen, Observation.from_dict(raw)
        history.append(Transition(before, call, Outcome(**info["outcome"]), seen, 0.0, False, False))
        true = env.unwrapped.true_table()
        yield "after" if true.held is None else "held", true, mind.look(seen, history)


def _random_call(env: Any, rng: np.random.Generator) -> SkillCall:
    """A pick of a block that carries nothing, or a place for what is held."""
    table = env.true_table()
    free = [n for n in table.blocks if n != table.held and not table.above(n)]
    if table.held is None:
        skill, names = "pick", free
    else:
        skill = str(rng.choice([*["place_in"] * bool(table.bowls), *["place_on"] * bool(free), "put_down_beside"]))
        names = list(table.bowls) if skill == "place_in" else free or list(table.bowls)
    name = str(rng.choice(names))
    return SkillCall(skill, (Referent(name, box=env.world.box(name)),))


def row(eyes: str, moment: str, found: Sequence[list[Fault]]) -> dict[str, Any]:
    """The line of a moment."""
    rate = Rate(sum(not of_look for of_look in found), len(found))
    counts = Counter(fault.kind for of_look in found for fault in of_look)
    return {"eyes": eyes, "moment": moment, "whole": {"rate": round(rate.value, 4), "ci95": [
        round(v, 4) for v in rate.ci95], "n": rate.episodes}, "faults": dict(counts)}


def judge(eyes: str, asked: argparse.Namespace, show: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """The lines of some eyes."""
    env = gymnasium.make("envs:embodied/Tabletop-v0")
    mind = MindAgent(_Deaf(), load_eyes(eyes), language=env.unwrapped.language)
    found: dict[str, list[list[Fault]]] = defaultdict(list)
    for seed, scene in told_scenes(asked.scenes, asked.first, asked.count):
        for moment, true, seen in looks(env, mind, seed, scene, asked.calls):
            found[moment].append(wrong := faults(true, seen))
            if wrong:
                show(f"{eyes} {seed} {moment}: {'; '.join(map(str, wrong))}")
    env.close()
    yield from (row(eyes, moment, of_looks) for moment, of_looks in found.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("eyes", nargs="+", help="names of shipped weights, or folders")
    parser.add_argument("--scenes", choices=("drawn", "development"), default="drawn")
    parser.add_argument("--first", type=int, default=FIRST, help="seed of the first drawn scene")
    parser.add_argument("--count", type=int, default=300, help="scenes")
    parser.add_argument("--calls", type=int, default=0, help="random calls in each")
    parser.add_argument("--show", action="store_true", help="each fault")
    asked = parser.parse_args()
    one_thread()
    for eyes in asked.eyes:
        for line in judge(eyes, asked, print if asked.show else lambda text: None):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
