"""Demonstrations by the expert: still scenes with instructions about them, and whole executed episodes.

Every episode file is whole or absent and its content depends on its seed alone, so collection may be killed at any
moment and goes on where it stood.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from embodied.data.cards import Tally, write_card
from embodied.data.dataset import episode_files, episode_path, seeds_in
from embodied.data.episodes import (
    Act,
    Episode,
    EpisodeError,
    View,
    check_episode,
    read_episode,
    view_of,
    write_episode,
)
from embodied.data.facts import FORMAT, declare, facts_of_language, language_of
from embodied.data.files import sweep_drafts
from embodied.data.packing import Packing, is_sound
from embodied.data.pool import Result, map_seeds
from embodied.data.progress import progress
from embodied.data.shards import read_shard, shard_files, span_of
from embodied.planning.closed_loop import language_in
from embodied.version import __version__
from envs.interface import SEED_RANGES, Box, Referent, SkillCall
from envs.sensors.held_out import refuse_held_out
from envs.skills.signatures import Effect, PlanLanguage, Signature

DISTURBANCE_STREAM = 0x6469  # keeps the collector's draws apart from the environment's, which start at the same seed


@dataclass(frozen=True, slots=True)
class CollectSpec:
    """What is recorded. disturbance: share of executed calls that are a random valid one instead of the expert's."""

    env_id: str = "envs:embodied/Tabletop-v0"
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    labels: int = 8  # instructions asked about each view
    disturbance: float = 0.15
    max_calls: int = 20
    first_seed: int = SEED_RANGES["train"].start


@dataclass(frozen=True, slots=True)
class CollectReport:
    """What collection left: episodes on disk that were asked for, those made now, seeds given up, and seeds whose
    episodes were damaged, and so made again or given up. card: what the dataset now says of its queries, see
    `teaching`."""

    episodes: int
    made: int
    quarantined: tuple[int, ...]
    damaged: tuple[int, ...]
    card: Mapping[str, Any]


def collect(spec: CollectSpec, out: str | Path, *, episodes: int, executed_fraction: float = 0.1, workers: int = 2,
            deadline_s: float = 300.0, shard: int = 0,
            map_seeds: Callable[..., Iterable[Result]] = map_seeds) -> CollectReport:
    """The report. Seeds on disk or in quarantine are skipped; a seed that fails twice goes into quarantine.jsonl. Every
    damaged episode of the folder is made again. shard: seeds of one file, see `shards`; 0 for a file each.

    Raises ValueError for no episode, a share outside [0, 1], a folder that holds another kind of dataset, and an
    appearance that is held out to test eyes on.
    """
    out = Path(out)
    _check(spec, episodes, executed_fraction)
    seeds = range(spec.first_seed, spec.first_seed + episodes)
    facts = facts_of(spec, executed_fraction)
    why_closed = declare(out, facts)
    sweep_drafts(out / "episodes")
    given_up, (damaged, tally) = quarantined_seeds(out), survey(out, language_of(facts, "the world"))
    missing = set(seeds) - given_up - seeds_in(out)
    todo = sorted(missing | set(damaged))
    if todo and why_closed:
        raise ValueError(f"{why_closed}. Missing or damaged: {len(todo)} episodes, the first of seed {todo[0]}")
    kwargs = {"spec": asdict(spec), "out": str(out), "executed_fraction": executed_fraction}
    results = map_seeds(make_recorder, kwargs, todo, workers=workers, deadline_s=deadline_s)
    packing = Packing(out, shard, seeds, todo)
    failed, tally = _follow(results, out, len(todo), tally, packing)
    packing.finish({*given_up, *failed})
    lost = tuple(sorted({s for s in seeds if s in given_up} | set(failed)))
    return CollectReport(episodes - len(set(lost) & set(seeds)), len(todo) - len(failed), lost, damaged,
                         write_card(out, tally, facts))


def survey(out: Path, language: PlanLanguage) -> tuple[tuple[int, ...], Tally]:
    """Seeds of the episodes of a folder that cannot be trusted, and the tally of the queries of all others. What is in
    a sound shard is counted there, and a file of its own beside it is not looked at."""
    sound, damaged, found = set(), set(), Tally()
    shards = {file: is_sound(file) for file in shard_files(out)}
    for file in [file for file, holds in shards.items() if holds]:
        for episode in read_shard(file):
            found += Tally.of(episode.views, language) if episode.seed not in sound else Tally()
            sound.add(episode.seed)
    for file in [file for file in episode_files(out) if int(file.stem) not in sound]:
        try:
            check_episode(file)
            found += Tally.of(read_episode(file, pixels=()).views, language)
            sound.add(int(file.stem))
        except EpisodeError:
            damaged.add(int(file.stem))
    lost = {seed for file, holds in shards.items() if not holds for seed in span_of(file)} - quarantined_seeds(out)
    return tuple(sorted(damaged | lost - sound)), found


def _check(spec: CollectSpec, episodes: int, executed_fraction: float) -> None:
    if episodes < 1:
        raise ValueError(f"episodes: expected at least 1, got {episodes}")
    if not 0.0 <= executed_fraction <= 1.0:
        raise ValueError(f"executed_fraction: expected a share in [0, 1], got {executed_fraction}")
    if spec.env_kwargs.get("appearance"):
        refuse_held_out(spec.env_id, spec.env_kwargs)
    allowed = SEED_RANGES["train"]
    if spec.first_seed not in allowed or spec.first_seed + episodes - 1 not in allowed:
        raise ValueError(f"seeds: expected training seeds in [{allowed.start}, {allowed.stop}), got {spec.first_seed} "
                         f"to {spec.first_seed + episodes - 1}; validation and test seeds are never learned from")


def _follow(results: Iterable[Result], out: Path, total: int, tally: Tally, packing: Packing
            ) -> tuple[list[int], Tally]:
    """Seeds that failed, each written to quarantine.jsonl as soon as it is known. Those of the others join the
    tally of queries."""
    failed = []
    with progress("collect", total) as advance:
        for result in results:
            if result.error is not None:
                failed.append(result.seed)
                quarantine(out, result)
                episode_path(out, result.seed).unlink(missing_ok=True)  # a damaged one that was to be made again
            else:
                tally += result.value["tally"]
            packing.add(result.seed)
            advance()
    return failed, tally


def quarantine(out: Path, result: Result) -> None:
    """Note why a seed was given up; one short line, appended, so that a kill can only cut the last one."""
    line = {"seed": result.seed, "tries": result.tries, "reason": result.error.strip()[-400:]}
    with open(out / "quarantine.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def quarantined_seeds(out: Path) -> set[int]:
    """Seeds given up earlier; delete quarantine.jsonl to try them again."""
    path, seeds = out / "quarantine.jsonl", set()
    for text in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            seeds.add(int(json.loads(text)["seed"]))
        except (ValueError, KeyError):
            continue
    return seeds


def facts_of(spec: CollectSpec, executed_fraction: float) -> dict[str, Any]:
    """The facts of dataset.json: two datasets mix only where these agree."""
    env = make_env(spec)
    try:
        observation, _ = env.reset(seed=spec.first_seed)
        cameras = {name: {key: np.asarray(value).tolist() for key, value in camera.items()}
                   for name, camera in observation["cameras"].items()}
        sizes = {name: list(image.shape[:2]) for name, image in observation["rgb"].items()}
        facts = {"format": FORMAT, "grammar": facts_of_language(language_in(env).taught), "cameras": cameras,
                 "image_size": sizes, "renderer": getattr(env.unwrapped, "renderer", "tiny"), "package": __version__,
                 "env": {"id": spec.env_id, "kwargs": dict(spec.env_kwargs), "labels": spec.labels},
                 "robot": _robot_of(env), "max_calls": spec.max_calls,
                 "disturbance": spec.disturbance, "executed_fraction": executed_fraction}
        return json.loads(json.dumps(facts))  # as they will be read
    finally:
        env.close()


def _robot_of(env: Any) -> str | None:
    """Name of the robot, chosen or the world's own; None where a world does not say."""
    introduce = getattr(env.unwrapped, "introduce", None)
    return introduce()["robot"] if introduce else None


def make_env(spec: CollectSpec) -> Any:
    """The labelled environment."""
    import gymnasium

    return gymnasium.make(spec.env_id, labels=spec.labels, **spec.env_kwargs)


def is_executed(seed: int, fraction: float) -> bool:
    """Whether the expert acts in the episode of a seed; spread evenly, the same for any number of episodes."""
    return int((seed + 1) * fraction) > int(seed * fraction)


def make_recorder(spec: Mapping[str, Any], out: str, executed_fraction: float
                  ) -> Callable[[int], dict[str, Any]]:
    """The function that records the episode of a seed and says how many bytes it has, and the tally of its queries."""
    spec = CollectSpec(**spec)
    env = make_env(spec)

    def episode(seed: int) -> dict[str, Any]:
        recorded = record(env, seed, spec, acts=is_executed(seed, executed_fraction))
        written = write_episode(episode_path(Path(out), seed), recorded)
        return {"bytes": written, "tally": Tally.of(recorded.views, language_in(env).taught)}

    return episode


def record(env: Any, seed: int, spec: CollectSpec, *, acts: bool) -> Episode:
    """The episode of a seed: one view, or, with `acts`, the expert at work with some disturbances."""
    rng = np.random.default_rng([seed, DISTURBANCE_STREAM])
    observation, info = env.reset(seed=seed)
    views, done = [view_of(observation, info["labels"])], []
    is_over = not acts
    while not is_over and len(done) < spec.max_calls:
        chosen = _choose(env, views[-1], rng, spec.disturbance)
        if chosen is None:
            break
        call, chooser = chosen
        observation, _, terminated, truncated, info = env.step(env.unwrapped.encode(call))
        if "crash" in info:
            raise RuntimeError(info["outcome"]["reason"])
        views.append(view_of(observation, info["labels"]))
        done.append(_act(call, chooser, info["outcome"]))
        is_over = terminated or truncated
    return Episode(seed, info["task"], tuple(views), tuple(done))


def _choose(env: Any, view: View, rng: np.random.Generator, disturbance: float) -> tuple[SkillCall, str] | None:
    """What to do next and who chose it; None when the expert has nothing left to do."""
    plan = getattr(env.unwrapped, "taught_plan", env.unwrapped.expert_plan)()
    if not plan:
        return None
    if rng.random() < disturbance:
        return _disturbance(view, rng, language_in(env).taught) or plan[0], "disturbance"
    return plan[0], "expert"


def _disturbance(view: View, rng: np.random.Generator, language: PlanLanguage) -> SkillCall | None:
    """Some call that this world knows, None where there is none: where no skill of the hand takes objects alone, what
    another instruction would begin with."""
    if _of_the_hand(language, "grasp") and _of_the_hand(language, "release"):
        return random_call(view, rng, language)
    begun = [query.calls[0] for query in view.queries if query.calls and query.calls[0][0] in language.skills]
    candidates = [call for call in begun if all(p.kind != "object" for p in language.skills[call[0]].parameters)]
    if not candidates:
        return None
    skill, *arguments = candidates[int(rng.integers(len(candidates)))]
    return SkillCall(skill, tuple(arguments))


def _of_the_hand(language: PlanLanguage, effect: Effect) -> list[Signature]:
    """The skills with an effect on the hand that take nothing but objects."""
    return [s for s in language.signatures if s.effect == effect and all(p.kind == "object" for p in s.parameters)]


def random_call(view: View, rng: np.random.Generator, language: PlanLanguage) -> SkillCall:
    """Some call that the hand allows: pick anything, or put what is held in, on or beside anything else."""
    skills = {s.name: s for s in _of_the_hand(language, "grasp" if view.held is None else "release")}
    others = [i for i, name in enumerate(view.names) if name != view.held]
    first = int(rng.choice(others))
    skill = skills[str(rng.choice(list(skills)))]
    more = rng.choice(others, len(skill.parameters) - 1) if len(skill.parameters) > 1 else ()
    places = [first, *map(int, more)][:len(skill.parameters)]
    return SkillCall(skill.name, tuple(Referent(view.names[i], box=box_of_pose(view.poses[i])) for i in places))


def box_of_pose(pose: np.ndarray) -> Box:
    """The upright box of float32[10]: position m, quaternion, full size m."""
    x, y, z, w = pose[3:7].astype(float)
    yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    turned = (yaw + np.pi / 4) % (np.pi / 2) - np.pi / 4
    is_across = round((yaw - turned) / (np.pi / 2)) % 2 == 1
    size = pose[[8, 7, 9]] if is_across else pose[7:10]
    return Box(tuple(map(float, pose[:3])), tuple(map(float, size)), float(turned))


def _act(call: SkillCall, chooser: str, outcome: Mapping[str, Any]) -> Act:
    skill, *arguments = call.named
    return Act(skill, tuple(arguments), chooser, outcome["status"], outcome["reason"], float(outcome["duration_s"]))
