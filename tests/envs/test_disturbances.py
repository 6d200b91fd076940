"""What goes wrong on the board and in the kitchen: honest, from the seed, and no more than the expert can mend."""

from __future__ import annotations

from collections import Counter

import gymnasium
import numpy as np
import pytest

from envs.tasks import board_disturbances
from envs.tasks.board_families import places
from envs.tasks.kitchen import disturbances as kitchen_disturbances
from tests.envs.test_skill_env import digest

WORLDS = {"embodied/Board-v0": range(16), "embodied/Kitchen-v0": range(12)}
KINDS = {"embodied/Board-v0": board_disturbances.KINDS, "embodied/Kitchen-v0": kitchen_disturbances.KINDS}
MOST_CALLS = 24


def make(env_id, share=0.5):
    return gymnasium.make(env_id, image_size=32, labels=1, disturbances=share).unwrapped


def episode(env, seed):
    """Whether the expert, replanning, got there; of each call what happened, the label, the report, why it was not
    possible, and a hash of what was seen after it."""
    _, info = env.reset(seed=seed)
    seen = []
    while not info["is_success"] and (plan := env.expert_plan()) and len(seen) < MOST_CALLS:
        possible = env.why_not(plan[0])
        observation, *_, info = env.step(env.encode(plan[0]))
        seen.append((info["labels"]["disturbance"], info["labels"]["last"], info["outcome"], possible,
                     digest(observation)))
    return info["is_success"], seen


@pytest.fixture(scope="module", params=WORLDS)
def played(request):
    """Id, environment, and the episodes of its seeds."""
    env = make(request.param)
    yield request.param, env, [episode(env, seed) for seed in WORLDS[request.param]]
    env.close()


def test_they_repeat_by_seed(played):
    env_id, _, episodes = played
    seed = next(i for i, (_, seen) in enumerate(episodes) if any(kind for kind, *_ in seen))
    other = make(env_id)
    assert episode(other, WORLDS[env_id][seed]) == episodes[seed]
    other.close()


def test_every_kind_happens_and_the_expert_mostly_recovers(played):
    env_id, _, episodes = played
    kinds = Counter(kind for _, seen in episodes for kind, *_ in seen)
    assert set(KINDS[env_id]) <= set(kinds), kinds
    assert sum(success for success, _ in episodes) >= 0.75 * len(episodes)
    assert all(possible is None for _, seen in episodes for *_, possible, _ in seen), "it asks for what is possible"


def test_they_make_honest_negatives(played):
    env_id, _, episodes = played
    calls = [call for _, seen in episodes for call in seen]
    short = [(kind, outcome["status"]) for kind, last, outcome, *_ in calls if last[2]]
    lies = [kind for kind, status in short if status == "done"]
    assert lies and None not in lies, "the robot thought that it succeeded, and only since something happened"
    assert any(last[2] is None for kind, last, *_ in calls if kind), "and what happens elsewhere spoils no call"


def test_forks_meet_the_same_and_go_on_alike(played):
    env_id, _, _ = played
    env = make(env_id, share=1.0)
    for seed in range(2):
        env.reset(seed=seed)
        env.step(env.encode(env.expert_plan()[0]))
        moment, stories = env.snapshot(), []
        for _ in range(2):
            env.restore(moment)
            story = []
            while (plan := env.expert_plan()) and len(story) < 3:
                observation, *_, info = env.step(env.encode(plan[0]))
                story.append((digest(observation), info["labels"]["disturbance"], info["labels"]["last"]))
            stories.append(story)
        assert stories[0] == stories[1] and stories[0]
    env.close()


def meet(env, kind, seeds):
    """Places before and after the first call in which a kind happens, and the environment's info; calls on the way
    meet the same kind."""
    disturber = env.domain.make_disturber
    for seed in seeds:
        env.reset(seed=seed)
        env._disturber = disturber(1.0, np.random.default_rng(seed), env.scene)
        env._disturber.kinds = (kind,)
        if not (plan := env.expert_plan()):
            continue
        before = places(env.world)
        *_, info = env.step(env.encode(plan[0]))
        if info["labels"]["disturbance"] == kind:
            return before, places(env.world), info
    raise AssertionError(f"{kind} never happened")


@pytest.mark.parametrize("kind", ["push_back", "swap", "block", "slip"])
def test_on_the_board_blocks_stay_upon_it_and_apart(kind):
    env = make("embodied/BoardSortCorners-v0", share=1.0)
    before, after, _ = meet(env, kind, range(6))
    assert before.keys() == after.keys()
    assert all(env.world.pose(name)[0][2] > 0 for name in after), "nothing is under the board, or beside it"
    moved = [name for name in after if np.linalg.norm(after[name] - before[name]) > 0.02]
    assert len(moved) >= (2 if kind in ("swap", "block") else 0), moved
    env.close()


def test_a_hand_hides_a_part_of_one_picture_only():
    env = make("embodied/BoardSortCorners-v0", share=1.0)
    meet(env, "occlude", range(3))
    hidden = {name: (picture.depth == 0).mean() for name, picture in env.pictures.items()}
    bare = {name: (seen == 0).mean() for name, seen in env.glance(*hidden, size_px=32).depth.items()}
    assert sum(hidden[name] > bare[name] + 0.03 for name in hidden) == 1
    env.close()
