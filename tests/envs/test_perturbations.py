"""What goes wrong on the board and in the kitchen, and what the labels say of it."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
import yaml

from envs.interface import SkillCall
from envs.tasks import board_families, board_perturbations
from envs.tasks.board_perturbations import push_back, put_before
from envs.tasks.kitchen import perturbations
from tests.envs.test_skill_env import digest

SMALL = {"image_size": 32, "render_size": (48, 64), "labels": 1}
MILD = Path(__file__).parents[2] / "configs" / "realism" / "mild.yaml"


def episode(env_id, seed, share, most_calls=25):
    """Whether the expert reached the goal of an episode in which calls go wrong, and what each call met and became."""
    env = gymnasium.make(env_id, perturbations=share, **SMALL).unwrapped
    _, info = env.reset(seed=seed)
    seen = []
    while not info["is_success"] and (plan := env.expert_plan()) and len(seen) < most_calls:
        possible = env.why_not(plan[0])
        *_, info = env.step(env.encode(plan[0]))
        seen.append((info["labels"]["perturbation"], info["labels"]["last"], info["outcome"]["status"], possible))
    env.close()
    return info["is_success"], seen


def episodes_until(env_id, share, is_enough):
    """Episodes of one seed after another until there were enough of them, or 20: what a single seed meets is an
    accident of its draws and, where toys are pushed, of the processor's last bits."""
    episodes = []
    while len(episodes) < 20 and not (episodes and is_enough(episodes)):
        episodes.append(episode(env_id, 3 + len(episodes), share))
    return episodes


def met_in(episodes):
    return {kind for _, seen in episodes for kind, *_ in seen} - {None}


def fooled_in(episodes):
    """Kinds of the calls that the robot took for done and that were not."""
    return [kind for _, seen in episodes for kind, last, status, _ in seen if status == "done" and last[1]]


@pytest.mark.parametrize(("env_id", "share", "kinds", "lies"), [
    ("embodied/BoardSortCorners-v0", 0.8, board_perturbations.KINDS, {"push_back", "swap", "slip"}),
    ("embodied/Kitchen-v0", 0.7, perturbations.KINDS, {"knock", "swap"})])
def test_perturbations_repeat_by_seed_and_make_honest_negatives(env_id, share, kinds, lies):
    episodes = episodes_until(env_id, share, lambda seen: len(met_in(seen)) >= 4 and fooled_in(seen))
    assert episode(env_id, 3, share) == episodes[0]
    assert any(success for success, _ in episodes), "the expert can recover"
    impossible = {reason for _, seen in episodes for *_, reason in seen} - {None}
    assert all(r.startswith("there is no ") for r in impossible), "it asks for the impossible only when a toy fell off"
    assert met_in(episodes) <= set(kinds) and len(met_in(episodes)) >= 4
    assert fooled_in(episodes) and set(fooled_in(episodes)) <= lies, "the robot thought that it succeeded"


def fork(env, calls):
    """Hashes of everything that the calls lead to."""
    return [digest(list(map(digest, env.step(env.encode(call))))) for call in calls]


@pytest.mark.parametrize("env_id", ["embodied/BoardSortCorners-v0", "embodied/KitchenVerb-v0"])
def test_forks_meet_the_same_perturbations(env_id):
    env = gymnasium.make(env_id, perturbations=1.0, **SMALL).unwrapped
    env.reset(seed=7)
    plan = env.expert_plan()
    fork(env, plan[:1])
    moment = env.snapshot()
    first = fork(env, plan[1:4])
    env.restore(moment)
    fork(env, plan[:1])
    env.restore(moment)
    assert fork(env, plan[1:4]) == first
    env.close()


@pytest.fixture(scope="module")
def board():
    env = gymnasium.make("embodied/Board-v0", **SMALL).unwrapped
    yield env
    env.close()


def place(env, name, xy):
    (_, _, z), turn = env.world.pose(name)
    env.world.move(name, np.array([*xy, z]), turn)


def lined_up(env, calm=(0.40, 0.0)):
    """Two names on a board whose blocks stand clear: the first in the middle unless told, the second above it."""
    env.reset(seed=1)
    names = env.world.names()
    spots = [calm, (0.60, 0.0), (0.2, 0.3), (0.3, 0.3), (0.4, 0.3), (0.5, 0.3), (0.2, -0.3), (0.3, -0.3)]
    for name, xy in zip(names, spots, strict=True):
        place(env, name, xy)
    return names[:2]


@pytest.mark.parametrize(("words", "xy", "is_met"), [
    ("push the {a} 10 cm to the left", (0.40, 0.10), True), ("push the {a} 10 cm to the left", (0.40, 0.02), False),
    ("push the {a} 10 cm to the left", (0.40, -0.10), False), ("push the {a} 3 cm up", (0.40, 0.0), False),
    ("push the {a} to the {b}", (0.54, 0.0), True), ("push the {a} to the {b}", (0.50, 0.0), False),
    ("push the {a} to the left of the {b}", (0.60, 0.10), True),
    ("push the {a} to the left of the {b}", (0.60, -0.10), False),
    ("push the {a} away from the {b}", (0.40, 0.0), True), ("push the {a} away from the {b}", (0.50, 0.0), False),
    ("push the {a} to the bottom right corner", (0.19, -0.19), False),
    ("push the {a} to the bottom right corner", (0.16, -0.24), True), ("move to the {a}", (0.13, 0.0), True),
    ("move to the {a}", (0.40, 0.0), False)])
def test_a_push_is_judged_by_what_its_words_mean(board, words, xy, is_met):
    a, b = lined_up(board)
    words = words.format(a=a, b=b)
    judge, before = board.domain.judge, board._view()
    assert judge.why_not(before, "push", words) is None
    place(board, a, xy)
    reason = judge.shortfall(before, board._view(), "push", words)
    assert (reason is None) == is_met and (is_met or "cm short" in reason)


def test_a_subgoal_that_is_only_partly_done_is_not_reached_yet(board):
    a, _ = lined_up(board, calm=(0.62, -0.30))
    call = SkillCall("push", (f"push the {a} to the bottom left corner",))
    *_, info = board.step(board.encode(call))
    assert info["outcome"]["status"] == "timeout" and "cm short" in info["labels"]["last"][1]
    *_, info = board.step(board.encode(call))
    assert info["labels"]["last"] == (call.named, None)


@pytest.mark.parametrize("way_cm", [1, 2, 3])
def test_a_short_way_is_a_way(board, way_cm):
    """A tolerance wider than the way let the peg stay, report success, and be believed."""
    a, _ = lined_up(board)
    board._observe()
    judge, before, (x, *_) = board.domain.judge, board._view(), board.world.pose(a)[0]
    words = f"push the {a} {way_cm} cm up"
    assert judge.shortfall(before, before, "push", words), "nothing has happened yet"
    *_, info = board.step(board.encode(SkillCall("push", (words,))))
    assert info["outcome"]["status"] == "done" and info["labels"]["last"][1] is None
    assert abs(board.world.pose(a)[0][0] - x - way_cm / 100) < 0.8 * way_cm / 100


@pytest.mark.parametrize(("words", "reason"), [
    ("sing a song", "do not understand"), ("push the {a} to the {a}", "names one block twice"),
    ("push the {absent} to the center", "there is no {absent}"),
    ("push the {color} block up", "there are 2 {color} blocks"),
    ("push the {a} 50 cm up", "the board ends"), ("push the {a} up and down", "contradicts")])
def test_what_cannot_be_pushed_is_said_with_a_reason(board, words, reason):
    a, _ = lined_up(board)
    color, there = a.split(" ")[0], board.world.names()
    absent = next(n for n in board.domain.entity_names if n not in there)
    found = board.why_not(SkillCall("push", (words.format(a=a, color=color, absent=absent),)))
    assert found is not None and reason.format(color=color, absent=absent) in found
    *_, info = board.step(board.encode(SkillCall("push", (words.format(a=a, color=color, absent=absent),))))
    assert info["labels"]["last"][1] == found


def test_people_at_the_board_put_blocks_where_there_is_room(board):
    a, _ = lined_up(board)
    rng, world = np.random.default_rng(0), board.world
    assert push_back(world, a, np.array([0.30, 0.0]), rng)
    x, y = world.pose(a)[0][:2]
    assert 0.30 <= x <= 0.36 + 1e-9 and abs(y) < 1e-9
    assert not push_back(world, a, np.array([x, y]), rng), "it has not come far enough to be pushed back"
    assert put_before(world, a, rng)
    gaps = sorted(np.linalg.norm(world.pose(n)[0][:2] - world.pose(a)[0][:2]) for n in world.names() if n != a)
    assert 0.075 <= gaps[0] <= 0.11, "right in its way"


def test_friction_goes_back_to_what_a_body_was_made_with(board):
    a, _ = lined_up(board)
    world = board.world
    made = world.client.getDynamicsInfo(world._bodies[a], -1)[1]
    world.set_friction(a, 0.05)
    world.set_friction(a, 0.01)
    world.set_friction(a, None)
    assert world.client.getDynamicsInfo(world._bodies[a], -1)[1] == made == 0.6


def test_the_kitchen_looks_like_a_good_laboratory_from_moving_cameras():
    dials = yaml.safe_load(MILD.read_text())["realism"]
    plain, real = (gymnasium.make("embodied/KitchenVerb-v0", image_size=64, realism=realism).unwrapped
                   for realism in (None, dials))
    for env in (plain, real):
        env.reset(seed=7)
    assert plain.instruction == real.instruction
    for _ in range(4):
        call = real.expert_plan()[0]
        observation, *_, info = real.step(real.encode(call))
        true = plain.step(plain.encode(call))[0]
        assert info["outcome"]["status"] == "done"
        assert not np.array_equal(observation["rgb"]["head"], true["rgb"]["head"])
        is_seen = observation["depth"]["head"] > 0
        assert 0.7 < is_seen.sum() / (true["depth"]["head"] > 0).sum() < 0.99, "there are holes, most of them at edges"
        off_m = np.abs(observation["depth"]["head"] - true["depth"]["head"])[is_seen]
        assert 0 < np.median(off_m) < 0.02, "a centimetre or two where the motors missed, no more"
    plain.close()
    real.close()


def test_a_block_that_fell_off_the_board_is_not_swapped_back_in():
    env = gymnasium.make("embodied/Board-v0", image_size=32, max_objects=4).unwrapped
    for seed in range(8):
        env.reset(seed=seed)
        fallen = env.world.names()[0]
        env.world.move(fallen, np.array([3.0, 3.0, -0.5]), np.array([0.0, 0.0, 0.0, 1.0]))
        perturber = board_perturbations.BoardPerturber(1.0, np.random.default_rng(seed), env.scene)
        for _ in range(12):
            perturber.before(env.world, None)
        assert set(board_families.present(env.world)) == set(env.world.names()) - {fallen}
    env.close()
