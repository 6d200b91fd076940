"""Each advantage against a slow reading of its equation, on drawn groups; the registry; what is refused."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied.training.advantages import (
    Change,
    Context,
    Group,
    ScoredDecision,
    Trajectory,
    advantage,
    advantage_named,
    advantage_names,
    cost_to_go,
    fork_values,
    forked_states,
    gae,
    group_relative,
    leave_one_out,
    registry,
)

NUMBER = st.floats(-8, 8)
CHANGE = st.builds(Change, NUMBER, NUMBER)
DECISION = st.builds(ScoredDecision, reward=NUMBER, state=st.integers(0, 2), progress=CHANGE, cost_to_go=CHANGE,
                     fork_value=CHANGE, value=CHANGE)
TRAJECTORY = st.lists(DECISION, min_size=1, max_size=4).map(lambda found: Trajectory(tuple(found)))
GROUP = st.lists(TRAJECTORY, min_size=2, max_size=4).map(lambda found: Group(tuple(found)))
CONTEXT = st.builds(Context, discount=st.floats(0, 1), gae_lambda=st.floats(0, 1), is_scaled=st.booleans(),
                    step_weight=st.floats(0, 2))


def deviations(value: float, among: list[float], context: Context) -> float:
    """How far a value is from the mean of those it is among."""
    apart = value - statistics.mean(among)
    if len(among) == 1 or not context.is_scaled:
        return apart
    return apart / (statistics.stdev(among) + 1e-4)


def slow_group_relative(group: Group, context: Context, i: int, t: int) -> float:
    rewards = [sum(d.reward for d in trajectory.decisions) for trajectory in group.trajectories]
    return deviations(rewards[i], rewards, context)


def slow_leave_one_out(group: Group, context: Context, i: int, t: int) -> float:
    rewards = [sum(d.reward for d in trajectory.decisions) for trajectory in group.trajectories]
    return rewards[i] - statistics.mean(rewards[:i] + rewards[i + 1:])


def return_of(group: Group, context: Context, i: int, t: int) -> float:
    later = group.trajectories[i].decisions[t:]
    return sum(context.discount ** k * later[k].reward for k in range(len(later)))


def slow_forked_states(group: Group, context: Context, i: int, t: int) -> float:
    state = group.trajectories[i].decisions[t].state
    same = [return_of(group, context, j, k) for j, trajectory in enumerate(group.trajectories)
            for k, decision in enumerate(trajectory.decisions) if decision.state == state]
    own = deviations(return_of(group, context, i, t), same, context)
    return slow_group_relative(group, context, i, t) + context.step_weight * own


def slow_gae(group: Group, context: Context, i: int, t: int) -> float:
    """Equation 16 as it stands: a sum over all later surprises."""
    later = group.trajectories[i].decisions[t:]
    surprises = [d.reward + context.discount * d.value.after - d.value.before for d in later]
    return sum((context.discount * context.gae_lambda) ** k * surprise for k, surprise in enumerate(surprises))


def slow_fork_values(group: Group, context: Context, i: int, t: int) -> float:
    decision = group.trajectories[i].decisions[t]
    return decision.reward + context.discount * decision.fork_value.after - decision.fork_value.before


def slow_cost_to_go(group: Group, context: Context, i: int, t: int) -> float:
    nearer = {(j, k): decision.cost_to_go.before - decision.cost_to_go.after
              for j, trajectory in enumerate(group.trajectories) for k, decision in enumerate(trajectory.decisions)}
    own = deviations(nearer[i, t], list(nearer.values()), context)
    return slow_group_relative(group, context, i, t) + context.step_weight * own


SLOW = {"group_relative": slow_group_relative, "leave_one_out": slow_leave_one_out,
        "forked_states": slow_forked_states, "gae": slow_gae, "fork_values": slow_fork_values,
        "cost_to_go": slow_cost_to_go}


def test_every_advantage_has_a_slow_one():
    assert set(advantage_names()) == set(SLOW)


@pytest.mark.parametrize("name", SLOW)
@settings(max_examples=15, deadline=None)
@given(group=GROUP, context=CONTEXT)
def test_advantages_are_as_their_equations_say(name: str, group: Group, context: Context):
    got = advantage_named(name)(group, context)
    for i, trajectory in enumerate(group.trajectories):
        slow = [SLOW[name](group, context, i, t) for t in range(len(trajectory.decisions))]
        assert got[i] == pytest.approx(slow, rel=1e-6, abs=1e-6)


def of_rewards(*rows: list[float], **known: list) -> Group:
    """A group of trajectories with these rewards. known: fields of all decisions in order."""
    values = {name: iter(column) for name, column in known.items()}
    return Group(tuple(Trajectory(tuple(ScoredDecision(reward=r, **{n: next(v) for n, v in values.items()})
                                        for r in row)) for row in rows))


def test_comparisons_by_hand():
    group = of_rewards([1.0, 2.0], [0.0], [0.0])
    assert leave_one_out(group) == ((3.0, 3.0), (-1.5,), (-1.5,))
    assert group_relative(group, Context(is_scaled=False)) == ((2.0, 2.0), (-1.0,), (-1.0,))
    [first, second, _] = group_relative(group)
    assert first == pytest.approx([2 / math.sqrt(3)] * 2, rel=1e-3) and second == pytest.approx([-1 / math.sqrt(3)],
                                                                                                 rel=1e-3)


def test_equal_rewards_teach_nothing():
    assert group_relative(of_rewards([1.0], [1.0])) == ((0.0,), (0.0,))


def test_a_fork_is_compared_where_it_was_forked():
    """Both began at "a"; the moment "b" was gone on from three times, "c" once."""
    group = of_rewards([0.0, 1.0], [0.0, 0.0, 0.5], state=["a", "b", "a", "b", "b"])
    got = forked_states(group, Context(is_scaled=False, step_weight=2.0))
    assert got[0] == pytest.approx([0.25 + 2 * 0.25, 0.25 + 2 * (1 - 2 / 3)])
    assert got[1] == pytest.approx([-0.25 - 2 * 0.25, -0.25 + 2 * (0.5 - 2 / 3), -0.25 + 2 * (0.5 - 2 / 3)])
    alone = of_rewards([1.0], [0.0], state=["c", "d"])
    assert forked_states(alone, Context(is_scaled=False)) == ((0.5,), (-0.5,))


def test_differences_by_hand():
    value = [Change(0.5, 0.8), Change(0.8, 0.0), Change(0.5, 0.0)]
    group = of_rewards([0.0, 1.0], [0.0], value=value, fork_value=value)
    told = Context(discount=0.5, gae_lambda=0.5)
    assert gae(group, told)[0] == pytest.approx([-0.1 + 0.25 * 0.2, 0.2])
    assert fork_values(group, told)[1] == (-0.5,)
    steps = of_rewards([0.0, 1.0], [0.0], cost_to_go=[Change(2, 1), Change(1, 0), Change(2, 3)])
    [[early, late], [astray]] = cost_to_go(steps, Context(is_scaled=False))
    assert (early, late, astray) == pytest.approx((0.5 + 1 - 1 / 3, 0.5 + 1 - 1 / 3, -0.5 - 1 - 1 / 3))


def test_what_was_cut_off_is_worth_what_would_have_followed():
    ended, cut = of_rewards([0.0], value=[Change(0.5, 0.0)]), of_rewards([0.0], value=[Change(0.5, 0.9)])
    assert gae(ended) == ((-0.5,),)
    assert gae(cut) == (pytest.approx((0.4,)),)


@pytest.fixture
def own(monkeypatch):
    """A registry that forgets what a test puts into it."""
    monkeypatch.setattr(registry, "_KNOWN", dict(registry._KNOWN))


def test_ones_own_is_registered_by_a_decorator(own):
    @advantage("gains", needs=("progress",))
    def gains(group: Group, context: Context) -> list[list[float]]:
        return [[d.progress.gain for d in t.decisions] for t in group.trajectories]

    assert advantage_named("gains") is gains and gains.needs == ("progress",)
    assert gains(of_rewards([0.0, 0.0], progress=[Change(0.0, 0.5), Change(0.5, 0.25)])) == ((0.5, -0.25),)
    with pytest.raises(ValueError, match="advantage 'gains': expected a new name"):
        advantage("gains")


@pytest.mark.parametrize("numbers", [[[1.0]], [[1.0], [2.0]], [[1.0, math.nan]], [[1.0, 2.0, 3.0]]])
def test_a_number_for_each_decision(own, numbers):
    wrong = advantage("wrong")(lambda group, context: numbers)
    with pytest.raises(ValueError, match=r"advantage wrong: expected a finite number for each decision, \[2\] of them"):
        wrong(of_rewards([0.0, 0.0]))


def test_what_is_needed_is_asked_for_by_name():
    group = of_rewards([0.0], [0.0, 1.0], value=[Change(0, 0), Change(0, 0), None])
    with pytest.raises(ValueError, match="advantage gae: expected value of every decision, got None for decision 1 of "
                                         "trajectory 1; measure it, or choose"):
        gae(group)
    with pytest.raises(ValueError, match="advantage leave_one_out: expected a group of at least 2 trajectories, got 1"):
        leave_one_out(of_rewards([1.0]))


@pytest.mark.parametrize(("make", "complaint"), [
    (lambda: advantage_named("gea"), "advantage: expected one of .*, got 'gea'; did you mean 'gae'?"),
    (lambda: advantage("own", needs=("costs_to_go",)), "needs of advantage 'own': .* did you mean 'cost_to_go'?"),
    (lambda: Trajectory(()), "decisions: expected at least one, got none"),
    (lambda: Group(()), "trajectories: expected at least one, got none"),
    (lambda: Change(0.0, math.inf), "after: expected a finite number, got inf"),
    (lambda: ScoredDecision(reward=math.nan), "reward: expected a finite number, got nan"),
    (lambda: Context(discount=1.5), "discount: expected a factor between 0 and 1, got 1.5"),
    (lambda: Context(gae_lambda=-0.5), "gae_lambda: expected a factor between 0 and 1, got -0.5")])
def test_bad_input_is_refused(make, complaint):
    with pytest.raises(ValueError, match=complaint):
        make()
