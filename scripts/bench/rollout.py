"""Episodes a second: several worlds that ask one planner, which answers as a batch, against one world with its own.

    python scripts/bench/rollout.py --quick        # two minutes on two idle cores; one JSON line a figure
    python scripts/bench/rollout.py                # five minutes; --without worlds or --without ray for one half

"worlds": a side is what `embodied rollout weights=.. worlds=N batch=B` makes (`shared`), or worlds=N without batch,
each process with a planner of its own (`own`); the base is one world with its own planner, unbatched, in one process.
All sides stand at once, have played every task before the clock begins, and take turns over the same episodes (a
round), fresh ones in each round. At a round's end worlds wait for the last one: the fewer its episodes, the lower a
ratio. `ratio` is the geometric mean over the rounds of a side's episodes a second over the base's, with a 95 % interval
(Student's t over the rounds, of its logarithm; what varies is the machine and the draw of episodes); `cpu_ratio` is the
same of the processor time of an episode, of the base over the side's, which others on the machine disturb less: below 1
by what sharing costs, above by what it saves. A side cannot be faster than cpu_ratio times the cores. `same`: episodes
whose record, but for its timings, is the base's. `rows`: prompts in a batch, on average. "shares": where the processor
time of a side's episodes goes; perception and decoding are those of the planner's process where it is shared
("planner"). `asking` is the share of the worlds' wall time that they wait for answers.
"ray": two Ray actors against two processes, each with a planner of its own, likewise; a cluster stands meanwhile, and
`without_cluster` says what the processes do before it is started, over what they do beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
"""Without this script's own folder, in which `import envs` would find a script."""

from embodied.agents.backends.shared import Place, SharedBackend, shared  # noqa: E402
from embodied.data.pool import Workers  # noqa: E402
from embodied.distributed.rollouts import open_workers  # noqa: E402
from embodied.evaluation.episode import EpisodeSpec  # noqa: E402
from embodied.evaluation.jobs import make_runners  # noqa: E402
from embodied.evaluation.suites import episode_seeds  # noqa: E402

T_95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}
"""Degrees of freedom -> Student's t of a two-sided 95 % interval; beyond, 1.96 and a little."""
BASE = "own 1"
TASKS = 5
WARMING = 100_000
"""Place of the first seed that is played before the clock begins."""


class Parts:
    """Seconds that parts of an episode take in this process: of the processor, and on the wall."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = defaultdict(float)
        self.wall_s: dict[str, float] = defaultdict(float)

    def watch(self, owner: type, method: str, part: str) -> None:
        """Note from now on what a method of a class takes."""
        do = getattr(owner, method)

        def noted(*args: Any, **kwargs: Any) -> Any:
            cpu_s, wall_s = time.thread_time(), time.perf_counter()
            try:
                return do(*args, **kwargs)
            finally:
                self.cpu_s[part] += time.thread_time() - cpu_s
                self.wall_s[part] += time.perf_counter() - wall_s

        setattr(owner, method, noted)

    def take(self) -> tuple[dict[str, float], dict[str, float]]:
        """What was noted since it was taken last."""
        taken = dict(self.cpu_s), dict(self.wall_s)
        self.cpu_s.clear()
        self.wall_s.clear()
        return taken


def make_timed(spec: Mapping[str, Any], place: Place | None = None) -> Callable[[int], dict[str, Any]]:
    """A function from seed to an episode's record and what it took, for a worker process that has played each task."""
    from envs.world.world import World

    play, parts = make_runners([spec], place), Parts()
    parts.watch(World, "step", "physics")
    parts.watch(World, "picture", "rendering")
    if place is None:
        from embodied.agents.backends.local import LocalBackend as Asked
    else:
        Asked = SharedBackend
    parts.watch(Asked, "perceive", "perception")
    parts.watch(Asked, "complete", "decoding")
    for seed in episode_seeds("validation", WARMING, TASKS):
        play(seed)

    def timed(seed: int) -> dict[str, Any]:
        parts.take()
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        record = play(seed)
        taken = {"cpu_s": time.process_time() - cpu_s, "wall_s": time.perf_counter() - wall_s}
        record.pop("timings")
        return {**taken, "parts": parts.take(), "record": record, "pid": os.getpid()}

    return timed


@dataclass
class Slice:
    """What a side did in one round."""

    wall_s: float
    here_s: float
    """Of the processor, in this process."""
    episodes: list[dict[str, Any]]

    @property
    def episodes_per_s(self) -> float:
        return len(self.episodes) / self.wall_s

    @property
    def cpu_s(self) -> float:
        """Of an episode, in all processes."""
        return (self.here_s + sum(one["cpu_s"] for one in self.episodes)) / len(self.episodes)


@dataclass
class Side:
    """Workers that stand, and what they did."""

    name: str
    worlds: int
    workers: Workers
    rows: list[int] = field(default_factory=list)
    """Prompts of each batch, where a planner is shared."""
    slices: list[Slice] = field(default_factory=list)

    def warm(self) -> None:
        """Play until every worker stands; nothing is noted."""
        seen: set[int] = set()
        while len(seen) < self.worlds:
            self.play(episode_seeds("validation", WARMING, self.worlds))
            seen |= {one["pid"] for one in self.slices[-1].episodes}
        self.slices.clear()
        self.rows.clear()

    def play(self, seeds: Sequence[int]) -> None:
        """Play episodes, and note what they took. RuntimeError where one broke off."""
        here_s, wall_s = time.process_time(), time.perf_counter()
        results = list(self.workers.run(seeds))
        wall_s, here_s = time.perf_counter() - wall_s, time.process_time() - here_s
        for result in results:
            if result.error is not None:
                raise RuntimeError(f"{self.name}: expected whole episodes, seed {result.seed} broke off: "
                                   f"{result.error}")
        self.slices.append(Slice(wall_s, here_s, [one.value for one in results]))

    def records(self) -> dict[int, dict[str, Any]]:
        return {one["record"]["seed"]: one["record"] for part in self.slices for one in part.episodes}


@contextlib.contextmanager
def shared_side(spec: EpisodeSpec, worlds: int, batch: int, model: tuple[Any, Any]) -> Iterator[Side]:
    """Worlds that ask one planner in this process. model: a loaded one and its processor."""
    from embodied.agents.backends.local import LocalBackend
    from embodied.serving.inference_server import InferenceServer

    rows: list[int] = []

    class Counting(LocalBackend):
        def complete_batch(self, prompts: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
            rows.append(len(prompts))
            return super().complete_batch(prompts, *args, **kwargs)

    server = InferenceServer(Counting(*model), max_batch=batch, places=4 * worlds)
    with shared(server) as place, open_workers(make_timed, {"spec": asdict(spec), "place": place},
                                               workers=worlds) as workers:
        yield Side(f"shared {worlds}", worlds, workers, rows)
    server.close()


@contextlib.contextmanager
def own_side(spec: EpisodeSpec, worlds: int, backend: str = "local") -> Iterator[Side]:
    """Worlds with a planner each."""
    with open_workers(make_timed, {"spec": asdict(spec)}, workers=worlds, backend=backend) as workers:
        yield Side(f"{'own' if backend == 'local' else backend} {worlds}", worlds, workers)


class Seeds:
    """Of the validation split, each given once."""

    def __init__(self, episodes: int) -> None:
        self._next, self._episodes = 0, episodes

    def fresh(self) -> Sequence[int]:
        self._next += self._episodes
        return episode_seeds("validation", self._next - self._episodes, self._episodes)


def bench_worlds(spec: EpisodeSpec, asked: argparse.Namespace) -> None:
    """Print the lines of "worlds" and "shares"."""
    from embodied.agents.shipped import load_agent
    from embodied.evaluation.episode import one_thread

    one_thread()
    backend, seeds = load_agent(spec.weights).backend, Seeds(asked.episodes)
    model = (backend.model, backend.processor)
    with contextlib.ExitStack() as stack:
        sides = [stack.enter_context(own_side(spec, worlds)) for worlds in asked.own]
        sides += [stack.enter_context(shared_side(spec, worlds, asked.batch, model)) for worlds in asked.worlds]
        for side in sides:
            side.warm()
        take_turns(sides, seeds, asked.rounds)
    [base] = [side for side in sides if side.name == BASE]
    expected = base.records()
    for side in sides:
        records = side.records()
        say("worlds", **compared(side, base), batch=asked.batch if side.rows else 0,
            **({"rows": round(statistics.mean(side.rows), 2)} if side.rows else {}),
            same=f"{sum(records[seed] == expected[seed] for seed in expected)} of {len(expected)}")
    for side in sides:
        say("shares", **shares(side))


def bench_ray(spec: EpisodeSpec, asked: argparse.Namespace) -> None:
    """Print the line of "ray"."""
    from embodied.distributed.cluster import connect, disconnect

    seeds = Seeds(asked.episodes)
    with own_side(spec, 2) as processes:
        processes.warm()
        for _ in range(asked.rounds):
            processes.play(seeds.fresh())
        alone, processes.slices = processes.slices, []
        connect(2)
        with own_side(spec, 2, "ray") as actors:
            actors.warm()
            take_turns([processes, actors], seeds, asked.rounds)
        disconnect()
    before = statistics.median(one.episodes_per_s for one in alone)
    beside = statistics.median(one.episodes_per_s for one in processes.slices)
    say("ray", **compared(actors, processes), processes_per_s=round(beside, 3),
        without_cluster=round(before / beside, 3))


def take_turns(sides: Sequence[Side], seeds: Seeds, rounds: int) -> None:
    """Let every side play the same episodes, in an order that changes from round to round."""
    for number in range(rounds):
        fresh, begin = seeds.fresh(), number % len(sides)
        for side in [*sides[begin:], *sides[:begin]]:
            side.play(fresh)


def compared(side: Side, base: Side) -> dict[str, Any]:
    """A side's figures, and as ratios against the base's of the same rounds."""
    pairs = list(zip(side.slices, base.slices, strict=True))
    ratio, within = interval([ours.episodes_per_s / theirs.episodes_per_s for ours, theirs in pairs])
    cpu, cpu_within = interval([theirs.cpu_s / ours.cpu_s for ours, theirs in pairs])
    return {"side": side.name, "worlds": side.worlds,
            "episodes_per_s": round(statistics.median(one.episodes_per_s for one in side.slices), 3),
            "ratio": ratio, "interval": within, "cpu_ratio": cpu, "cpu_interval": cpu_within,
            "cpu_s_an_episode": round(statistics.median(one.cpu_s for one in side.slices), 3),
            "rounds": len(pairs), "episodes_a_round": len(side.slices[0].episodes)}


def interval(ratios: Sequence[float]) -> tuple[float, list[float] | None]:
    """Geometric mean, and the ends of its 95 % interval; None where one ratio says nothing of its spread."""
    logs = [math.log(one) for one in ratios]
    mean = statistics.mean(logs)
    if len(logs) < 2:
        return round(math.exp(mean), 3), None
    half = T_95.get(len(logs) - 1, 2.1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return round(math.exp(mean), 3), [round(math.exp(mean + side), 3) for side in (-half, half)]


def shares(side: Side) -> dict[str, Any]:
    """Shares of the processor time of all processes, and of the worlds' wall time that is spent asking."""
    episodes = [one for part in side.slices for one in part.episodes]
    here_s = sum(part.here_s for part in side.slices)
    total_s = here_s + sum(one["cpu_s"] for one in episodes)
    spent = {part: sum(one["parts"][0].get(part, 0.0) for one in episodes) for part in ("physics", "rendering")}
    if side.rows:
        spent["planner"] = here_s
    else:
        spent |= {part: sum(one["parts"][0].get(part, 0.0) for one in episodes) for part in ("perception", "decoding")}
    asking_s = sum(one["parts"][1].get(part, 0.0) for one in episodes for part in ("perception", "decoding"))
    return {"side": side.name, **{part: round(of / total_s, 3) for part, of in spent.items()},
            "rest": round(1 - sum(spent.values()) / total_s, 3),
            "asking": round(asking_s / sum(one["wall_s"] for one in episodes), 3)}


def say(what: str, **found: Any) -> None:
    print(json.dumps({"what": what, **found, "cores": len(os.sched_getaffinity(0)),
                      "load": round(os.getloadavg()[0], 1)}), flush=True)


def spec_of(weights: str) -> EpisodeSpec:
    """What `embodied rollout` plays by default, with a planner's weights."""
    from embodied.agents.shipped import weights_folder
    from embodied.cli.configs import config_dir
    from embodied.cli.overrides import compose
    from embodied.cli.rollout import Settings
    from embodied.typed import read

    settings = read(Settings, compose(config_dir(), "rollout", [f"weights={weights}"]), "")
    first = episode_seeds("validation", 0, 1)[0]
    return EpisodeSpec("model", settings.task.tasks, first, str(weights_folder(weights)), settings.env.arguments(),
                       settings.max_calls)


def main() -> None:
    """Print a line for every figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10 episodes and 2 rounds, worlds 1, 2 and 4")
    parser.add_argument("--weights", default="tabletop-tiny", help="a planner's: a shipped name, or a folder")
    parser.add_argument("--worlds", type=int, nargs="*", help="that share a planner; 1 2 4 8")
    parser.add_argument("--own", type=int, nargs="*", help="processes with a planner each, beside the base; 2")
    parser.add_argument("--batch", type=int, default=8, help="prompts that a shared planner answers at once, at most")
    parser.add_argument("--episodes", type=int, help="of a side in a round; 40")
    parser.add_argument("--rounds", type=int, help="3")
    parser.add_argument("--cores", type=int, default=2, help="that all of it may use")
    parser.add_argument("--without", nargs="*", default=[], choices=["worlds", "ray"])
    asked = parser.parse_args()
    usual = {"worlds": [1, 2, 4], "own": [], "episodes": 10, "rounds": 2} if asked.quick else {
        "worlds": [1, 2, 4, 8], "own": [2], "episodes": 40, "rounds": 3}
    for name, value in usual.items():
        if getattr(asked, name) is None:
            setattr(asked, name, value)
    asked.own = [1, *(worlds for worlds in asked.own if worlds != 1)]
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:asked.cores])
    spec = spec_of(asked.weights)
    for name, bench in (("worlds", bench_worlds), ("ray", bench_ray)):
        if name not in asked.without:
            bench(spec, asked)


if __name__ == "__main__":
    main()
