"""What holds for every registered id, at both levels: gymnasium's own check, and that a seed tells the whole story, bit
for bit, after any history, from a snapshot, in another process and among other worlds.

A new id is under the law from the day it is registered. Where its optional library is missing it is skipped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache, partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from gymnasium.vector.utils import concatenate, create_empty_array, iterate

import envs  # noqa: F401  registers the ids
from tests.digest import digest

IDS = [env_id for env_id in gymnasium.registry if env_id.startswith("embodied/")]
QUICK, LONG = 2, 2_000_007
"""Seeds: of the default tests, where the expert acts once in one id of each group, and of the slow ones."""
SEEDS = [QUICK, pytest.param(LONG, marks=pytest.mark.slow)]
STEPS = {(QUICK, True): 1, (QUICK, False): 5, (LONG, True): 8, (LONG, False): 60}
"""(seed, whether a step is a whole skill) -> steps of a story."""

pytestmark = [
    # Joint targets are radians, not shares of a range, and foreign spaces may be boundless; gymnasium only warns.
    pytest.mark.filterwarnings("ignore:.*symmetric and normalized space.*"),
    pytest.mark.filterwarnings("ignore:.*A Box observation space (minimum|maximum) value is.*")]


def is_ours(env_id: str) -> bool:
    return "domain" in gymnasium.spec(env_id).kwargs


def is_of_skills(env_id: str) -> bool:
    return is_ours(env_id) and gymnasium.spec(env_id).entry_point.endswith(":skill_level")


def is_quick(env_id: str) -> bool:
    """Whether an id is under the law in the default tests, whatever else is in its group."""
    return is_of_skills(env_id) and gymnasium.spec(env_id).kwargs["domain"] != "kitchen"


def make(env_id: str, has_labels: bool = True, **kwargs: Any) -> gymnasium.Env:
    """A small one of an id. has_labels: where it can have some; vector environments cannot batch them. Skips the test
    where the id needs a library that is not there."""
    small = {"image_size": 32, "render_size": (48, 64)} if is_ours(env_id) else {}
    labels = {"labels": 1} if has_labels and is_of_skills(env_id) else {}
    try:
        return gymnasium.make(env_id, **small, **labels, **kwargs)
    except (ImportError, gymnasium.error.DependencyNotInstalled) as missing:
        pytest.skip(f"{env_id}: {missing}")


def group_of(env_id: str) -> str:
    """Ids of one group have the same spaces: the domain and the level of ours, else the id itself."""
    spec = gymnasium.spec(env_id)
    return f"{spec.kwargs['domain']} {spec.entry_point.split(':')[1]}" if is_ours(env_id) else env_id


GROUPS = {group: [i for i in IDS if group_of(i) == group] for group in dict.fromkeys(map(group_of, IDS))}


SHORT = [i if is_quick(i) or GROUPS[group_of(i)][-1] == i else pytest.param(i, marks=pytest.mark.slow) for i in IDS]
"""The ids. Of those that take joint targets, or whose skills are long, the last stands for its group by default."""

PAIRS = [pytest.param(group, vector, marks=[] if i == is_async else pytest.mark.slow) for i, group in enumerate(GROUPS)
         for is_async, vector in enumerate((SyncVectorEnv, AsyncVectorEnv))]
"""Groups in both kinds of vector environments; by default one in each."""


def begin(env: gymnasium.Env, seed: int) -> list[str]:
    """The digest of a first observation and info; actions are drawn anew too."""
    env.action_space.seed(seed)
    return [digest(env.reset(seed=seed))]


def steps_of(env_id: str, seed: int) -> int:
    return STEPS[seed, not env_id.endswith("Joint-v0")]


def act(env: gymnasium.Env, env_id: str, seed: int) -> Any:
    """What the expert would do, where there is one with something left to do, else anything. In the default tests only
    the last id of a group has its expert act, for a skill takes its time."""
    is_acted = seed == LONG or GROUPS[group_of(env_id)][-1] == env_id
    plan = env.unwrapped.expert_plan() if is_acted and hasattr(env.unwrapped, "expert_plan") else []
    return env.unwrapped.encode(plan[0]) if plan else env.action_space.sample()


def go_on(env: gymnasium.Env, env_id: str, seed: int, steps: int) -> tuple[list[Any], list[str]]:
    """The actions, and the digests of all that they lead to."""
    actions, found = [], []
    for _ in range(steps):
        actions.append(act(env, env_id, seed))
        found.append(digest(env.unwrapped.step(actions[-1])))
    return actions, found


@cache
def story(env_id: str, seed: int) -> list[str]:
    """The digests of what an episode's beginning shows in a world that knows no other."""
    env = make(env_id)
    found = begin(env, seed) + go_on(env, env_id, seed, steps_of(env_id, seed))[1]
    env.close()
    return found


@pytest.mark.parametrize("env_id", SHORT)
def test_gymnasium_finds_nothing_to_complain_about(env_id):
    env = make(env_id, **({"render_mode": "rgb_array"} if is_ours(env_id) else {}))
    check_env(env.unwrapped, skip_render_check=not is_ours(env_id))
    env.close()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("env_id", SHORT)
def test_a_seed_tells_the_whole_story_after_any_history(env_id, seed):
    env = make(env_id)
    begin(env, seed + 1)
    go_on(env, env_id, seed, 1)
    assert begin(env, seed) + go_on(env, env_id, seed, steps_of(env_id, seed))[1] == story(env_id, seed)
    env.close()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("env_id", SHORT)
def test_what_follows_a_snapshot_follows_its_restoration(env_id, seed):
    env = make(env_id)
    if not hasattr(env.unwrapped, "snapshot"):
        env.close()
        pytest.skip(f"{env_id} cannot be forked")
    begin(env, seed)
    go_on(env, env_id, seed, steps_of(env_id, seed) // 2)
    moment = env.unwrapped.snapshot()
    actions, first = go_on(env, env_id, seed, steps_of(env_id, seed))
    env.unwrapped.restore(moment)
    assert [digest(env.unwrapped.step(action)) for action in actions] == first
    env.close()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("domain", dict.fromkeys(group.split()[0] for group in GROUPS))
def test_another_process_tells_the_same_story(domain, seed):
    """One process for all ids of a domain: importing everything is what takes the time."""
    ids = [env_id for env_id in IDS if group_of(env_id).split()[0] == domain]
    ours = {env_id: story(env_id, seed) for env_id in ids}  # first, for it may skip
    code = (f"import json; from tests.laws.test_registry import story; "
            f"print(json.dumps({{i: story(i, {seed}) for i in {ids}}}))")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    [told] = [line for line in done.stdout.splitlines() if line.startswith("{")]  # engines print to it as well
    assert json.loads(told) == ours


@pytest.mark.parametrize(("group", "vector"), PAIRS)
def test_worlds_side_by_side_are_each_as_alone(group, vector):
    """All ids of a group at once, each with its own seed, against each alone."""
    ids, seeds = GROUPS[group], [QUICK + i for i in range(len(GROUPS[group]))]
    alone = [trace(env_id, seed) for env_id, seed in zip(ids, seeds, strict=True)]
    many = vector([partial(make, env_id, has_labels=False) for env_id in ids])
    try:
        first, _ = many.reset(seed=seeds)
        space = many.single_action_space
        actions = concatenate(space, [t[0] for t in alone], create_empty_array(space, len(ids)))
        second, rewards, terminated, *_ = many.step(actions)
        for i, found in enumerate(zip(parts(many, first), parts(many, second), rewards.tolist(), terminated.tolist(),
                                      strict=True)):
            assert [digest(part) for part in found] == alone[i][1], ids[i]
    finally:
        many.close()


@cache
def trace(env_id: str, seed: int) -> tuple[Any, list[str]]:
    """An action, and digests of the observations before and after it, the reward and whether it was the end."""
    env = make(env_id)
    env.action_space.seed(seed)
    before, _ = env.reset(seed=seed)
    action = act(env, env_id, seed)
    after, reward, terminated, *_ = env.step(action)
    env.close()
    return action, [digest(part) for part in (before, after, float(reward), bool(terminated))]


def parts(many: gymnasium.vector.VectorEnv, observations: Any) -> list[Any]:
    """The observations of the single worlds."""
    return list(iterate(many.observation_space, observations))


def test_the_law_sees_a_world_that_remembers():
    class Forgetful(gymnasium.Env):
        """Its first observation depends on how often it has been reset."""

        observation_space = action_space = gymnasium.spaces.Discrete(9)
        resets = 0

        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict]:
            super().reset(seed=seed)
            self.resets += 1
            return self.resets, {}

    env = Forgetful()
    assert begin(env, 1) != begin(env, 1)
    assert digest({"a": np.zeros(3)}) != digest({"a": np.array([0.0, 0.0, -0.0])})


