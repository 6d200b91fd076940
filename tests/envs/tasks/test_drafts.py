"""What scenes are made of, before they have a place."""

from __future__ import annotations

import collections
from collections.abc import Callable

import numpy as np
import pytest

from envs.tasks import TASKS
from envs.tasks.drafts import USUAL_FEWEST, Draft, draw


def drafts(task: str, count: int = 300) -> list[Draft]:
    rng = np.random.default_rng(0)
    return [draw(task, rng, int(rng.integers(USUAL_FEWEST[task], 9)), ()) for _ in range(count)]


def share(task: str, is_so: Callable[[Draft], bool]) -> float:
    return float(np.mean([is_so(draft) for draft in drafts(task)]))


def wanted(draft: Draft) -> set[str]:
    """What the first relation needs to be clear."""
    first = draft.goal[0]
    return {first.thing} | ({first.place} if first.relation == "on" else set())


def chance(task: str, draft: Draft) -> float:
    """That blocks and bowls named at random, in a plan of the right form, are those of the goal."""
    blocks, bowls = len(draft.blocks), len(draft.bowls)
    if task == "sort":
        return 1 / (blocks * bowls)  # of its first pair alone
    if task == "tower":
        return 1 / (blocks * (blocks - 1) * (blocks - 2))
    return 1 / (blocks * (bowls if draft.goal[0].relation == "in" else blocks - 1))


@pytest.mark.parametrize("task", TASKS)
def test_guessing_by_shape_seldom_helps(task: str):
    assert np.mean([chance(task, draft) for draft in drafts(task)]) < 0.15


@pytest.mark.parametrize("task", TASKS)
def test_drafts_are_sound(task: str):
    for draft in drafts(task):
        names = (*draft.blocks, *draft.bowls)
        assert USUAL_FEWEST[task] <= len(names) <= 8 and len(set(names)) == len(names)
        assert all(upper in draft.blocks and lower in names for upper, lower in draft.under.items())
        carriers = [lower for lower in draft.under.values()]
        assert len(set(carriers)) == len(carriers)
        assert all(draft.under.get(t.thing) != t.place for t in draft.goal)
        assert all(t.thing in draft.blocks and t.place in names for t in draft.goal)


@pytest.mark.parametrize("task", sorted(set(TASKS) - {"unblock"}))
def test_stacks_stand_about_where_they_do_not_matter(task: str):
    assert 0.2 < share(task, lambda draft: bool(set(draft.under.values()) & set(draft.blocks))) < 0.5


@pytest.mark.parametrize("task", ["put_in_bowl", "stack", "sort", "unblock"])
def test_blocks_lie_in_bowls_that_do_not_matter(task: str):
    def is_in_the_way(draft: Draft) -> bool:
        return any(t.relation == "in" and t.place in draft.under.values() for t in draft.goal)

    assert share(task, is_in_the_way) == 0.0
    assert 0.05 < share(task, lambda draft: bool(set(draft.under.values()) & set(draft.bowls))) < 0.35


def test_the_way_is_barred_in_unblock_alone():
    def is_barred(draft: Draft) -> bool:
        return bool(wanted(draft) & set(draft.under.values()))

    assert share("unblock", is_barred) == 1.0
    assert share("put_in_bowl", is_barred) == share("stack", is_barred) == 0.0


def test_unblock_bars_the_block_and_the_base_and_has_idle_stacks():
    goals = collections.Counter(draft.goal[0].relation for draft in drafts("unblock"))
    assert min(goals["in"], goals["on"]) > 100
    on = [draft for draft in drafts("unblock") if draft.goal[0].relation == "on"]
    barred = collections.Counter(frozenset(n == d.goal[0].thing for n in wanted(d) & set(d.under.values())) for d in on)
    assert len(barred) == 3 and min(barred.values()) > 10
    assert share("unblock", lambda d: bool(set(d.under.values()) & set(d.blocks) - wanted(d))) > 0.5


def test_sort_has_pairs_and_something_unmatched():
    assert {len(draft.goal) for draft in drafts("sort")} == {2, 3}
    assert share("sort", lambda d: len(d.blocks) + len(d.bowls) > 2 * len(d.goal)) == 1.0
    assert 0.1 < share("sort", lambda d: len(d.blocks) < len(d.bowls)) < 0.7
