"""What playing costs a planner that learns from outcomes: episodes a second of one and two workers, where their time
goes, and how long it takes until they play with new weights.

    python -m scripts.bench.rl_play                                # five minutes on two idle cores; one JSON line
    python -m scripts.bench.rl_play --rounds 6 --scenes 24 stage.rl.draws=1

The recipe is experiment=grpo_tabletop; settings of the command line come on top. Both sides stand at once, have played
before the clock begins, and play the same episodes of a round in turn. `ratio`: of episodes a second, two workers over
one, the geometric mean over rounds with its 95 % interval (Student's t of its logarithm). `shares`: of the worker's
wall time, on both sides. `weights_ms`: median time to lay weights out as bytes, and to load them in a worker.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from embodied.compat import guard_torchvision

guard_torchvision()

from embodied.agents.rollouts import make_rollouts  # noqa: E402
from embodied.agents.shipped import weights_folder  # noqa: E402
from embodied.data.pool import Workers, open_pool  # noqa: E402
from embodied.models.loading import load  # noqa: E402
from embodied.models.weights import weights_to_bytes  # noqa: E402
from embodied.training.outcomes.policy_stage import played  # noqa: E402
from scripts.bench.rl import settings_of  # noqa: E402
from scripts.bench.rollout import Parts, interval  # noqa: E402

PARTS = ("physics", "rendering", "perception", "policy")


class TimedRollouts:
    """Plays a ticket, and tells what it took."""

    def __init__(self, **settings: Any) -> None:
        from embodied.agents.backends.local import LocalBackend
        from envs.world.world import World

        self.rollouts, self.parts, self.loading_s = make_rollouts(**settings), Parts(), 0.0
        for owner, method, part in ((World, "step", "physics"), (World, "picture", "rendering"),
                                    (LocalBackend, "perceive", "perception"), (LocalBackend, "_written", "policy")):
            self.parts.watch(owner, method, part)

    def load_weights(self, content: bytes, version: int) -> None:
        began_s = time.perf_counter()
        self.rollouts.load_weights(content, version)
        self.loading_s = time.perf_counter() - began_s

    def __call__(self, ticket: int) -> dict[str, Any]:
        self.parts.take()
        began_s = time.perf_counter()
        self.rollouts(ticket)
        loading_s, self.loading_s = self.loading_s, 0.0
        return {"wall_s": time.perf_counter() - began_s, "parts": self.parts.take()[1], "loading_s": loading_s,
                "pid": os.getpid()}


def round_of(workers: Workers, tickets: list[int]) -> tuple[float, list[dict[str, Any]]]:
    """Seconds, and what each episode took. RuntimeError where one broke off."""
    began_s = time.perf_counter()
    results = list(workers.run(tickets))
    spent_s = time.perf_counter() - began_s
    if broken := [result.error for result in results if result.error is not None]:
        raise RuntimeError(f"expected whole episodes, {len(broken)} broke off; the first one: {broken[0]}")
    return spent_s, [result.value for result in results]


def warm(workers: Workers, count: int, tickets: Callable[[], list[int]]) -> None:
    """Play until every worker stands."""
    seen: set[int] = set()
    while len(seen) < count:
        seen |= {one["pid"] for one in round_of(workers, tickets())[1]}


def measured(asked: argparse.Namespace) -> dict[str, Any]:
    """The line."""
    settings = settings_of(["experiment=grpo_tabletop", *asked.settings], 2)[1]
    folder = weights_folder(settings.weights)
    model, made = load(folder)[0], {"weights": str(folder), **played(settings)}
    scenes = iter(range(10**6))

    def tickets() -> list[int]:
        return [next(scenes) * settings.group for _ in range(asked.scenes)]

    spent: dict[int, list[float]] = {1: [], 2: []}
    episodes: list[dict[str, Any]] = []
    laid_out_s = []
    with open_pool(TimedRollouts, made, workers=1) as one, open_pool(TimedRollouts, made, workers=2) as two:
        sides = {1: one, 2: two}
        for count, workers in sides.items():
            warm(workers, count, tickets)
        for number in range(asked.rounds):
            fresh = tickets()
            for count in (1, 2) if number % 2 else (2, 1):
                began_s = time.perf_counter()
                sides[count].load_weights(weights_to_bytes(model), version=number)
                laid_out_s.append(time.perf_counter() - began_s)
                seconds, found = round_of(sides[count], fresh)
                spent[count].append(seconds)
                episodes += found
    ratio, within = interval([a / b for a, b in zip(spent[1], spent[2], strict=True)])
    whole_s = sum(one["wall_s"] for one in episodes)
    shares = {part: round(sum(one["parts"].get(part, 0.0) for one in episodes) / whole_s, 3) for part in PARTS}
    loading_s = [one["loading_s"] for one in episodes if one["loading_s"]]
    return {"ratio": ratio, "interval": within, "rounds": asked.rounds, "episodes_a_round": asked.scenes,
            "episodes_per_s": {count: round(asked.scenes / statistics.median(found), 2)
                               for count, found in spent.items()},
            "shares": {**shares, "rest": round(1 - sum(shares.values()), 3)},
            "weights_ms": {"bytes": round(1000 * statistics.median(laid_out_s), 1),
                           "loading": round(1000 * statistics.median(loading_s), 1)},
            "load": round(os.getloadavg()[0], 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--scenes", type=int, default=48, help="of a round, an episode of each")
    parser.add_argument("settings", nargs="*", help="of the recipe, such as stage.rl.draws=1")
    print(json.dumps(measured(parser.parse_args())))


if __name__ == "__main__":
    main()
