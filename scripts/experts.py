"""Whether every task can be solved and none solves itself: expert, nobody and chance on test seeds.

    python scripts/experts.py --episodes 200              # all tasks of all worlds; --domain NAME, --task NAME for less
    python scripts/experts.py --policies nobody random
    python scripts/experts.py --domain tamp --task build --objects 8 --episodes 100 --policies expert
    python scripts/experts.py --domain kitchen --episodes 143 --policies expert --check-words    # 1,001 instructions
    python scripts/experts.py --domain kitchen --episodes 20 --policies expert --realism mild --perturbations 0.3
    python scripts/experts.py --domain foreign            # worlds of others (docs/foreign.md), left out unless named

One JSON line a task and policy, with the seeds that the expert failed; of several tasks, one for all together at
the end. --first: number of the first seed within its split. --objects: scenes of exactly so many things, where the task
can have them. --check-words (kitchen): counts the instructions that parse to the goal of their scene, and name only
what is in it. --realism: a file of configs/realism. --perturbations: share of the calls in which something goes wrong.
--smooth: skills keep inside acceleration limits too.
--out: a folder that keeps every episode, so that the same command goes on where it was stopped.

expert: the scripted one (ORACLE). nobody: does nothing. random: as many calls as the expert needs in a scene, each a
possible skill on a thing drawn from the scene, or words that the expert said in another scene.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import yaml

from embodied.data.pool import Result, map_seeds
from embodied.data.progress import progress
from embodied.evaluation.ledger import Ledger
from embodied.evaluation.success import wilson
from envs.interface import DOMAINS, FOREIGN_IDS, GOAL_ID, SEED_RANGES, Box, Referent, SkillCall
from envs.names import unknown
from envs.skills.signatures import Parameter
from envs.tasks.kitchen.families import goal_of_text
from envs.tasks.kitchen.phrasings import things_named

POLICIES = ("expert", "nobody", "random")
LEARNT_FROM = 12  # training seeds whose expert's words chance may repeat
MOST_CALLS = 60
OFFERED = {**DOMAINS, "goals": {"goal": GOAL_ID}, "foreign": FOREIGN_IDS}
REALISM = {file.stem: file for file in (Path(__file__).parents[1] / "configs" / "realism").glob("*.yaml")}


def main() -> None:
    """Print a JSON line for every task and policy asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--domain", choices=list(OFFERED))
    parser.add_argument("--task")
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES))
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--split", choices=list(SEED_RANGES), default="test")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--objects", type=int)
    parser.add_argument("--smooth", action="store_true")
    parser.add_argument("--check-words", action="store_true")
    parser.add_argument("--realism", choices=sorted(REALISM), default="off")
    parser.add_argument("--perturbations", type=float, default=0.0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.check_words and asked.domain != "kitchen":
        parser.error("--check-words: expected --domain kitchen; the other worlds' wordings have tests of their own")
    seeds = SEED_RANGES[asked.split][asked.first:asked.first + asked.episodes]
    refuse_what_makes_no_sense(parser, asked, seeds)
    played: dict[tuple[str, str], list[Any]] = {}
    for domain, task, env_id in tasks(asked.domain, asked.task):
        for policy in asked.policies:
            results = play_all(settings(asked, env_id, policy), seeds, asked.workers,
                               asked.out and asked.out / f"{domain}-{task}-{policy}.jsonl")
            print(json.dumps(line(domain, task, policy, results)), flush=True)
            played.setdefault((domain, policy), []).extend(results)
    for (domain, policy), results in played.items():
        if len(results) > asked.episodes:  # of several tasks
            print(json.dumps(total(domain, policy, results)), flush=True)


def refuse_what_makes_no_sense(parser: argparse.ArgumentParser, asked: argparse.Namespace, seeds: Sequence[int]
                               ) -> None:
    """End the program with a readable line where nothing, or nothing of the kind, can be played."""
    if not list(tasks(asked.domain, asked.task)):
        known = [task for name in DOMAINS if asked.domain is None for task in OFFERED[name]] or [*OFFERED[asked.domain]]
        parser.error(unknown(asked.task, known, what="--task"))
    if not seeds:
        parser.error(f"--first, --episodes: expected seeds below {len(SEED_RANGES[asked.split])}, got none of them")
    if asked.domain == "foreign" and (asked.objects is not None or asked.realism != "off" or asked.perturbations
                                      or asked.smooth):
        parser.error("--objects, --realism, --perturbations, --smooth: expected a world of ours, got foreign; leave "
                     "them out")


def settings(asked: argparse.Namespace, env_id: str, policy: str) -> dict[str, Any]:
    """What `make_player` is called with."""
    env_kwargs = {"image_size": asked.image_size}
    if asked.objects is not None:
        env_kwargs |= {"min_objects": asked.objects, "max_objects": asked.objects}
    if asked.smooth:
        env_kwargs["smooth"] = True
    if asked.realism != "off":
        env_kwargs["realism"] = yaml.safe_load(REALISM[asked.realism].read_text())["realism"]
    if asked.perturbations:
        env_kwargs["perturbations"] = asked.perturbations
    return {"env_id": env_id, "policy": policy, "env_kwargs": env_kwargs, "checks_words": asked.check_words}


def play_all(kwargs: dict[str, Any], seeds: Sequence[int], workers: int, path: Path | None) -> list[Result]:
    """A result for every seed. path: of the file that keeps them; what stands in it is not played again, unless it
    ended in an error."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(path, kwargs) if path is not None else None
    kept = [Result(**record) for record in ledger.records if record["error"] is None] if ledger else []
    results = [result for result in kept if result.seed in seeds]
    left = sorted({*seeds} - {r.seed for r in results})
    with progress(f"{kwargs['env_id']} {kwargs['policy']}", len(left), sys.stderr) as played:
        for result in map_seeds(make_player, kwargs, left, workers=workers):
            results.append(result)
            if ledger:
                ledger.add(asdict(result))
            played()
    return results


def tasks(domain: str | None, task: str | None) -> Iterator[tuple[str, str, str]]:
    """Domain, task and id of everything that was asked for."""
    for name in DOMAINS if domain is None else (domain,):
        for each, env_id in OFFERED[name].items():
            if task in (None, each):
                yield name, each, env_id


def line(domain: str, task: str, policy: str, results: list[Any]) -> dict[str, Any]:
    """What is printed of a task: success, its interval, and which seeds the expert failed and why."""
    found = total(domain, policy, results, task)
    if policy != "expert":
        return found
    lost = {r.seed: (r.error or r.value["last"])[-160:] for r in results if r.error or not r.value["is_success"]}
    calls = [r.value["calls"] for r in results if not r.error]
    return {**found, "calls": round(float(np.mean(calls or [0])), 2), "failed": lost}


def total(domain: str, policy: str, results: list[Any], task: str = "all") -> dict[str, Any]:
    """What is printed of several episodes: success and its interval, how many were worded well where that was asked."""
    wins = sum(r.error is None and r.value["is_success"] for r in results)
    found = {"domain": domain, "task": task, "policy": policy, "episodes": len(results),
             "success_rate": wins / len(results), "ci95": [round(v, 4) for v in wilson(wins, len(results))]}
    words = [r.value["words"] for r in results if r.error is None and "words" in r.value]
    if not words:
        return found
    return {**found, "distinct": len({w["instruction"] for w in words}),
            **{check: sum(w[check] for w in words) for check in ("parsed", "names_only_what_is_there")}}


def make_player(env_id: str, policy: str, env_kwargs: dict[str, Any], checks_words: bool
                ) -> Callable[[int], dict[str, Any]]:
    """The function that plays the episode of a seed and says how it went."""
    env = gymnasium.make(env_id, max_episode_steps=MOST_CALLS, **env_kwargs)
    phrases = sayings(env) if policy == "random" else {}

    def play(seed: int) -> dict[str, Any]:
        _, info = env.reset(seed=seed)
        checked = {"words": check_words(env.unwrapped)} if checks_words else {}
        return {**contend(env, info, policy, phrases, seed), **checked}

    return play


def contend(env: gymnasium.Env, info: dict[str, Any], policy: str, phrases: dict[str, list[str]], seed: int
            ) -> dict[str, Any]:
    """How a policy did in the scene that was just set."""
    if policy == "nobody":
        return {"is_success": bool(info["is_success"]), "calls": 0, "last": ""}
    return expert_plays(env, info) if policy == "expert" else chance_plays(env, info, phrases, seed)


def check_words(unwrapped: Any) -> dict[str, Any]:
    """Whether a kitchen's instruction asks for the goal of its scene, and names nothing that is not there."""
    scene, text = unwrapped.scene, unwrapped.instruction
    return {"instruction": text, "parsed": goal_of_text(scene, text) == scene.goal,
            "names_only_what_is_there": things_named(text) <= set(scene.names)}


def expert_plays(env: gymnasium.Env, info: dict[str, Any]) -> dict[str, Any]:
    """How the expert did, asked anew after every call."""
    unwrapped, calls, last = env.unwrapped, 0, "the expert had no plan"
    while not info["is_success"] and calls < MOST_CALLS and (plan := unwrapped.expert_plan()):
        *_, terminated, truncated, info = env.step(unwrapped.encode(plan[0]))
        calls, last = calls + 1, f"{plan[0].skill}: {info['outcome']['reason']}"
        if terminated or truncated:
            break
    return {"is_success": bool(info["is_success"]), "calls": calls, "last": last}


def chance_plays(env: gymnasium.Env, info: dict[str, Any], phrases: dict[str, list[str]], seed: int) -> dict[str, Any]:
    """How as many random calls did as the expert had planned."""
    unwrapped, rng = env.unwrapped, np.random.default_rng([seed, 1])
    most = max(2, len(unwrapped.expert_plan()))
    for _ in range(most):
        *_, terminated, truncated, info = env.step(unwrapped.encode(random_call(unwrapped, phrases, rng)))
        if terminated or truncated:
            break
    return {"is_success": bool(info["is_success"]), "calls": most, "last": ""}


def random_call(unwrapped: Any, phrases: dict[str, list[str]], rng: np.random.Generator) -> SkillCall:
    """A skill of the domain on something of the scene; a possible one where the domain can tell."""
    is_foreign = not hasattr(unwrapped, "domain")
    signatures = unwrapped.actions.skills
    for _ in range(50):
        skill = str(rng.choice([s for s in unwrapped.language.taught.skills if s != "home"]))
        call = SkillCall(skill, tuple(argument(p, skill, unwrapped, phrases, rng)
                                      for p in signatures[skill].parameters))
        if is_foreign or unwrapped.domain.judge is None or unwrapped.why_not(call) is None:
            break
    return call


def argument(parameter: Parameter, skill: str, unwrapped: Any, phrases: dict[str, list[str]],
             rng: np.random.Generator) -> Referent | str | float:
    """A thing of the scene with its true box, words that were said with this skill, or any number that it takes."""
    if parameter.kind == "number":
        return float(rng.uniform(parameter.low, parameter.high))
    if parameter.kind == "text":
        return str(rng.choice(phrases.get(skill) or [""]))
    boxes = boxes_of(unwrapped)
    name = str(rng.choice(list(boxes)))
    return Referent(name, box=boxes[name])


def boxes_of(unwrapped: Any) -> dict[str, Box]:
    """Name -> box of what chance may point at; in a world of others, goals too, as its observation shows them."""
    if hasattr(unwrapped, "world"):
        return {name: unwrapped.world.box(name) for name in unwrapped.world.names()}
    goals = {f"goal of {name}": box for name, box in unwrapped.reading.goals.items()}
    return {**unwrapped.reading.objects, **goals}


def sayings(env: gymnasium.Env) -> dict[str, list[str]]:
    """Skill -> what the expert says with it in some training scenes."""
    said: dict[str, list[str]] = {}
    for seed in SEED_RANGES["train"][:LEARNT_FROM]:
        env.reset(seed=seed)
        for call in env.unwrapped.expert_plan():
            said.setdefault(call.skill, []).extend(a for a in call.arguments if isinstance(a, str))
    return said


if __name__ == "__main__":
    main()
