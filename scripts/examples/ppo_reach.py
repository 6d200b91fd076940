"""Stable-Baselines3's PPO learns to move the peg to the block that the instruction names, in a few minutes on one core.

    pip install stable-baselines3 matplotlib
    python -m scripts.examples.ppo_reach [--steps 30000] [--out outputs/ppo_reach]

The environment is a joint id as it is, with one keyword: `instruction=False` tells in numbers what words name. It reads
true poses (privileged=True): this is about learning to act, not to see. Leaves curve.csv, curve.png and policy.zip, and
prints how often it reaches the block in unseen scenes, beside random actions.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import gymnasium
import numpy as np
from gymnasium.wrappers import RescaleAction

from embodied.evaluation.success import Rate
from envs.interface import SEED_RANGES

ENV_ID = "envs:embodied/BoardPointToBlockJoint-v0"
MOST_PERIODS = 40
"""Control periods of an episode: four seconds, in which the peg could cross the board three times."""


class DrawnSeeds(gymnasium.Wrapper):
    """Scenes of the training split, drawn by a generator."""

    def __init__(self, env: gymnasium.Env, seed: int) -> None:
        super().__init__(env)
        self._rng = np.random.default_rng(seed)

    def reset(self, **kwargs: object) -> tuple:
        """A scene of a drawn seed."""
        return self.env.reset(seed=int(self._rng.integers(SEED_RANGES["train"].stop)))


def make(**settings: object) -> gymnasium.Env:
    """The environment with actions in [-1, 1]."""
    env = gymnasium.make(ENV_ID, instruction=False, privileged=True, cameras=[], max_episode_steps=MOST_PERIODS,
                         **settings)
    return RescaleAction(env, np.float32(-1.0), np.float32(1.0))


def main() -> int:
    """0; the figures are printed."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_checker import check_env
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30_000, help="control periods to learn from")
    parser.add_argument("--episodes", type=int, default=200, help="unseen scenes it is judged in")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("outputs/ppo_reach"))
    asked = parser.parse_args()
    check_env(make())
    asked.out.mkdir(parents=True, exist_ok=True)
    envs = DummyVecEnv([lambda i=i: Monitor(DrawnSeeds(make(), [asked.seed, i]), info_keywords=("is_success",))
                        for i in range(4)])
    start = time.perf_counter()
    model = PPO("MlpPolicy", envs, n_steps=256, batch_size=256, gamma=0.95, learning_rate=1e-3, ent_coef=0.0,
                seed=asked.seed, device="cpu", verbose=0)
    curve = _learn(model, asked.steps)
    model.save(asked.out / "policy.zip")
    _draw(curve, asked.out)
    learned = judged(lambda observation: model.predict(observation, deterministic=True)[0], asked.episodes)
    rng = np.random.default_rng(asked.seed)
    chance = judged(lambda observation: rng.uniform(-1, 1, 2).astype(np.float32), asked.episodes)
    print(json.dumps({"learned": learned, "random": chance, "steps": asked.steps, "out": str(asked.out),
                      "minutes": round((time.perf_counter() - start) / 60, 2)}))
    return 0


def _learn(model: object, steps: int) -> list[tuple[int, float]]:
    """(steps, share of the last hundred episodes that succeeded), after each of its rollouts."""
    from stable_baselines3.common.callbacks import BaseCallback

    class Curve(BaseCallback):
        """Notes how often recent episodes succeeded, after each rollout."""

        points: list[tuple[int, float]] = []  # noqa: RUF012

        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            recent = [float(episode["is_success"]) for episode in self.model.ep_info_buffer]
            if recent:
                self.points.append((self.num_timesteps, float(np.mean(recent))))
                print(f"{self.num_timesteps}/{steps} success {self.points[-1][1]:.2f}", file=sys.stderr, flush=True)

    curve = Curve()
    model.learn(steps, callback=curve)
    return curve.points


def _draw(curve: list[tuple[int, float]], out: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with (out / "curve.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("steps", "success of the last 100 episodes"), *curve])
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.plot(*zip(*curve, strict=True))
    axes.set(xlabel="control periods", ylabel="success of the last 100 episodes", ylim=(0, 1), title="PPO, " + ENV_ID)
    figure.savefig(out / "curve.png", dpi=120, bbox_inches="tight")


def judged(act: Callable[[np.ndarray], np.ndarray], episodes: int) -> str:
    """How often a policy succeeds in scenes of the test split."""
    env, won = make(), 0
    for seed in SEED_RANGES["test"][:episodes]:
        observation, _ = env.reset(seed=seed)
        is_over = False
        while not is_over:
            observation, _, terminated, truncated, info = env.step(act(observation))
            is_over = terminated or truncated
        won += info["is_success"]
    env.close()
    return str(Rate(won, episodes))


if __name__ == "__main__":
    sys.exit(main())
