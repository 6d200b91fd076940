"""The planning rule over symbols: every plan is doable and reaches its goal, from any table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.experts.affordances import shortfall, simulate, why_not
from envs.experts.oracle import plan
from envs.goals.language import TABLE
from envs.goals.table import Table
from envs.goals.wanted import Target
from envs.tasks.meaning import goal_of
from tests.envs.tables import GONE, table_of

COLORS = ["red", "green", "blue", "yellow", "white"]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Any: each block on the table, gone, in a bowl, or on an earlier block; perhaps a clear block or bowl held."""
    blocks = [f"{c} block" for c in draw(st.permutations(COLORS))]
    bowls = [f"{c} bowl" for c in draw(st.lists(st.sampled_from(COLORS), max_size=3, unique=True))]
    under: dict[str, str] = {}
    for i, block in enumerate(blocks):
        free = [b for b in blocks[:i] if b not in under.values() and under[b] != GONE]
        under[block] = draw(st.sampled_from([TABLE, TABLE, *bowls, *free, GONE]))
    clear = [b for b in blocks if b not in under.values() and under[b] != GONE]
    held = draw(st.sampled_from([None, *clear, *bowls]))
    askew = draw(st.lists(st.sampled_from(blocks), max_size=1))
    kept = {b: c for b, c in under.items() if b != held}
    return table_of(kept, bowls, held, [b for b in askew if kept.get(b) in blocks])


@st.composite
def goals(draw: st.DrawFn, table: Table) -> tuple[Target, ...]:
    blocks = [f"{c} block" for c in COLORS]
    a, b, c = draw(st.permutations(blocks))[:3]
    options: list[tuple[Target, ...]] = [(Target(a, "on", b),), (Target(b, "on", c), Target(a, "on", b))]
    if table.bowls:
        options += [(Target(a, "in", draw(st.sampled_from(sorted(table.bowls)))),)]
    pairs = goal_of("sort", {}, (*blocks, *table.bowls))
    return draw(st.sampled_from(options + ([pairs] if pairs else [])))


@given(st.data())
def test_every_plan_is_doable_and_reaches_its_goal(data: st.DataObject):
    before = data.draw(tables())
    goal = data.draw(goals(before))
    calls = plan(before, goal)
    after = simulate(before, calls)
    is_alone = set(before.things) <= {before.held, *before.above(before.held)}
    assert after.held is None or is_alone
    possible = [t for t in goal if {t.thing, t.place} <= set(before.things)]
    assert is_alone or all(target.is_met(after) for target in possible)
    assert plan(after, goal) == []
    assert len(calls) <= 20


@given(st.data())
def test_planning_again_on_the_way_gives_the_rest_of_the_plan(data: st.DataObject):
    before = data.draw(tables())
    goal = data.draw(goals(before))
    calls = plan(before, goal)
    done = data.draw(st.integers(0, len(calls)))
    assert plan(simulate(before, calls[:done]), goal) == calls[done:]


R, G, B, Y = (f"{c} block" for c in COLORS[:4])
FLAT = dict.fromkeys((R, G, B, Y), TABLE)


@pytest.mark.parametrize(("under", "held", "goal", "expected"), [
    (FLAT, None, (Target(R, "on", G),), [("pick", R), ("place_on", G)]),
    ({**FLAT, B: R}, None, (Target(R, "in", "blue bowl"),),
     [("pick", B), ("put_down_beside", R), ("pick", R), ("place_in", "blue bowl")]),
    ({**FLAT, B: G}, None, (Target(R, "on", G),), [("pick", B), ("put_down_beside", R), ("pick", R), ("place_on", G)]),
    ({**FLAT, G: R}, None, (Target(R, "on", G),), [("pick", G), ("put_down_beside", R), ("pick", R), ("place_on", G)]),
    ({**FLAT, R: G}, None, (Target(G, "on", B), Target(R, "on", G)),
     [("pick", R), ("put_down_beside", G), ("pick", G), ("place_on", B), ("pick", R), ("place_on", G)]),
    ({**FLAT, R: "red bowl"}, None, (Target(R, "in", "blue bowl"),), [("pick", R), ("place_in", "blue bowl")]),
    ({**FLAT, R: B, B: "blue bowl"}, None, (Target(R, "in", "red bowl"), Target(B, "in", "blue bowl")),
     [("pick", R), ("place_in", "red bowl")]),
    ({G: TABLE, B: TABLE, Y: TABLE}, R, (Target(R, "on", G),), [("place_on", G)]),
    ({G: TABLE, B: TABLE, Y: TABLE}, R, (Target(B, "on", G),), [("put_down_beside", B), ("pick", B), ("place_on", G)]),
    ({G: TABLE, B: TABLE, Y: TABLE}, R, (Target(G, "on", R),), [("put_down_beside", G), ("pick", G), ("place_on", R)]),
    ({**FLAT, R: "blue bowl"}, "blue bowl", (Target(R, "in", "blue bowl"),), [("put_down_beside", B)]),
    ({**FLAT, R: "blue bowl"}, "blue bowl", (Target(R, "in", "red bowl"),),
     [("put_down_beside", "red bowl"), ("pick", R), ("place_in", "red bowl")]),
    (FLAT, "blue bowl", (Target(R, "on", G),), [("put_down_beside", R), ("pick", R), ("place_on", G)]),
    ({R: "blue bowl", G: GONE}, "blue bowl", (Target(R, "in", "blue bowl"),), [("put_down_beside", "red bowl")]),
    ({R: GONE, G: GONE}, "red bowl", (Target(R, "on", G),), [("put_down_beside", "blue bowl")]),
    ({**FLAT, R: G}, None, (Target(R, "on", G),), []),
    ({**FLAT, R: GONE}, None, (Target(R, "on", G),), []),
])
def test_plans_of_known_tables(under: dict, held: str | None, goal: tuple, expected: list):
    assert plan(table_of(under, ["red bowl", "blue bowl"], held), goal) == expected


def test_a_block_that_stands_badly_is_set_down_again():
    askew = table_of({**FLAT, R: G}, [], askew=[R])
    assert plan(askew, (Target(R, "on", G),)) == [("pick", R), ("place_on", G)]


def test_a_bowl_in_the_hand_can_only_be_put_down():
    """A stop may leave one there, though it is nothing to pick."""
    before = table_of({**FLAT, R: "red bowl"}, ["red bowl", "blue bowl"], "red bowl")
    for call in (("place_on", G), ("place_in", "blue bowl"), ("put_down_beside", R), ("pick", G)):
        assert "red bowl" in why_not(before, *call)
    after = simulate(before, [("put_down_beside", G)])
    assert after.held is None and after.under == before.under and shortfall(before, after, "put_down_beside", G) is None
    assert "still holds the red bowl" in shortfall(before, before, "put_down_beside", G)


@pytest.mark.parametrize("call", [("pick", G), ("pick", "red bowl"), ("place_on", B), ("put_down_beside", R)])
def test_what_cannot_be_done_is_refused(call: tuple[str, str]):
    with pytest.raises(ValueError):
        simulate(table_of({**FLAT, R: G}, ["red bowl"]), [call])
