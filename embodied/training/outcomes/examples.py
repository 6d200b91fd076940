"""From the episodes of a scene to what is learned from them: every decision with its advantage, pairs of answers at one
moment, or what succeeded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, pairwise
from statistics import fmean

from embodied.agents.rollouts import Decision, Rollout
from embodied.prompt import Sample
from embodied.training.advantages import Advantage, Change, Context, Group, ScoredDecision, Trajectory
from embodied.training.objectives.preferences import rejection_selection


@dataclass(frozen=True, slots=True)
class Row:
    """One answer to learn from. advantage: of pairs, 1 for the better and -1 for the worse."""

    name: str
    sample: Sample
    advantage: float
    returns: float | None = None  # that a critic is to expect of its moment; None: nobody knows


CALL_END = ";"
"""Of a call in a plan's text."""

Example = tuple[Row, ...]
"""Rows that belong together: one, or a pair, the better one first."""
MakeExamples = Callable[[Sequence[Rollout]], Sequence[Example]]
"""Episodes of one scene, judged all of them -> what is learned from them."""


def by_advantage(advantage: Advantage, context: Context, *, is_success_alone: bool, counts_vetoes: bool = False
                 ) -> MakeExamples:
    """Every decision, with its advantage. is_success_alone: the reward is 1 for success at the end, and 0 for all else;
    False: it is progress, decision by decision. counts_vetoes: each answer that was turned down is learned from, too,
    as an episode that ended with it."""
    return partial(_judged, advantage=advantage, context=context, is_success_alone=is_success_alone,
                   counts_vetoes=counts_vetoes)


def _judged(group: Sequence[Rollout], *, advantage: Advantage, context: Context, is_success_alone: bool,
            counts_vetoes: bool) -> list[Example]:
    """None where the group is too small for the advantage: episodes may have broken."""
    decided = [rollout for rollout in group if rollout.decisions]
    if len(decided) < advantage.least:
        return []
    told = [(trajectory(rollout, is_success_alone), [(name, sample) for name, _, sample in _made(rollout)])
            for rollout in decided]
    vetoed = [ended for (known, _), rollout in zip(told, decided, strict=True) for ended in _vetoed(rollout, known)
              ] if counts_vetoes else []
    numbers = advantage(Group(tuple(known for known, _ in (*told, *vetoed))), context)
    return [(Row(name, sample, number, one.value and number + one.value.before),)
            for (known, made), row in zip((*told, *vetoed), numbers, strict=True)
            for (name, sample), number, one in zip(made, row, known.decisions, strict=True) if sample is not None]


def _vetoed(rollout: Rollout, known: Trajectory) -> Iterator[tuple[Trajectory, list[tuple[str, Sample | None]]]]:
    """Of each answer that was turned down for another: the episode as if it had ended there, and that answer at its
    end. known: what the episode was."""
    for place, decision in enumerate(rollout.decisions):
        before = known.decisions[place]
        last = replace(before, reward=0.0, **{name: _stayed(getattr(before, name)) for name in ("progress",
                       "cost_to_go")}, fork_value=before.fork_value and Change(before.fork_value.before, 0.0),
                       value=before.value and Change(before.value.before, 0.0))
        for number, sample in enumerate(decision.samples[1:], start=1):
            if sample.token_ids:
                yield (Trajectory((*known.decisions[:place], last)),
                       [*[("", None)] * place, (f"{rollout.seed}.{rollout.draw}.{place}.{number}", sample)])


def _stayed(change: Change | None) -> Change | None:
    return None if change is None else Change(change.before, change.before)


def successes(group: Sequence[Rollout], *, call_weight: float = 0.0) -> list[Example]:
    """Each different answer of the episodes that succeeded, once at each moment (rejection fine-tuning, see
    `objectives.preferences.rejection_selection`), as the answer to what was asked first: one that stood after others
    were turned down is to come before them. call_weight: of each different beginning of an answer that was turned
    down, up to the call that it fell by, as much of it as stood."""
    at = _by_moment(group)
    whole = [(Row(told[i].name, replace(told[i].sample, grammar=told[i].grammar), 1.0),)
             for told in at.values() for i in rejection_selection(
        [float(one.is_success) for one in told], [one.sample.token_ids for one in told], least_reward=1.0)]
    return [*whole, *((row,) for row in _beginnings(group, call_weight))] if call_weight else whole


def _beginnings(group: Sequence[Rollout], weight: float) -> Iterator[Row]:
    """Of answers that were turned down, the calls that stood; once of each at a moment."""
    seen = set()
    for rollout in group:
        for place, decision in enumerate(rollout.decisions):
            for number, sample in enumerate(decision.samples):
                begun = first_calls(sample, sample.stood or 0)
                if begun.token_ids and (decision.state, begun.token_ids) not in seen:
                    seen.add((decision.state, begun.token_ids))
                    yield Row(f"{rollout.seed}.{rollout.draw}.{place}.{number}", begun, weight)


def first_calls(sample: Sample, count: int) -> Sample:
    """An answer up to the end of its first `count` calls."""
    end = sum(call < count for call in call_places(sample))
    return replace(sample, is_cut=sample.is_cut or end < len(sample.token_ids), **{
        name: getattr(sample, name)[:end] for name in ("token_ids", "log_probs", "masked_log_probs", "pieces")})


def call_places(sample: Sample) -> list[int]:
    """Of each token the call that it is of, 0 for the first; what a plan ends with is the last."""
    ended = accumulate((piece.count(CALL_END) for piece in sample.pieces), initial=0)
    return [call for call, _ in zip(ended, sample.token_ids, strict=False)]


def pairs(group: Sequence[Rollout], *, is_flip: bool) -> list[Example]:
    """Of each moment that several decisions were made at, the answer that more followed from, on the mean, and the one
    that least did, where that differs. is_flip: only where the one always ended in success, and the other never."""
    found = []
    for told in _by_moment(group).values():
        answers: dict[tuple[int, ...], list[_Told]] = defaultdict(list)
        for one in told:
            answers[one.sample.token_ids].append(one)
        ranked = sorted(answers.values(), key=lambda same: (fmean(one.reward for one in same), same[0].name))
        worst, best = ranked[0], ranked[-1]
        gap = fmean(one.reward for one in best) - fmean(one.reward for one in worst)
        is_flipped = all(one.is_success for one in best) and not any(one.is_success for one in worst)
        if gap > 0 and (is_flipped or not is_flip):
            found.append((Row(best[0].name, best[0].sample, 1.0), Row(worst[0].name, worst[0].sample, -1.0)))
    return found


def neutral(group: Sequence[Rollout], width: int) -> list[Example]:
    """Examples of `width` rows each that say nothing: advantage 0, or an answer beside itself."""
    return [(Row(name, sample, 0.0),) * width for rollout in group for name, _, sample in _made(rollout)
            if sample is not None]


@dataclass(frozen=True, slots=True)
class _Told:
    """An answer, and what followed it in its episode."""

    name: str
    sample: Sample
    grammar: str | None  # of what was asked first at that moment
    reward: float  # from this decision on
    is_success: bool


def _by_moment(group: Sequence[Rollout]) -> dict[str, list[_Told]]:
    """The answers that were given at each moment, in the order of the episodes."""
    at: dict[str, list[_Told]] = defaultdict(list)
    for rollout in group:
        if rollout.decisions:
            returns = trajectory(rollout).returns(1.0)
            for (name, decision, sample), reward in zip(_made(rollout), returns, strict=True):
                if sample is not None:
                    first = decision.samples[:2][-1]  # which was turned down where there are two
                    at[decision.state].append(_Told(name, sample, first.grammar, reward, bool(rollout.is_success)))
    return at


def _made(rollout: Rollout) -> Iterator[tuple[str, Decision, Sample | None]]:
    """Name and decision, and its answer that stood, or else the likeliest of those that were turned down; None where no
    model gave one."""
    for place, decision in enumerate(rollout.decisions):
        has_told = bool(decision.samples) and bool(decision.samples[0].token_ids)
        yield f"{rollout.seed}.{rollout.draw}.{place}", decision, decision.samples[0] if has_told else None


def trajectory(rollout: Rollout, is_success_alone: bool = False) -> Trajectory:
    """An episode's decisions, each with what was known before it and after. ValueError for one without decisions."""
    made = rollout.decisions
    rewards = [decision.reward for decision in made]
    if is_success_alone:
        rewards = [0.0] * (len(made) - 1) + [float(bool(rollout.is_success))]
    progress = _changes([*(decision.progress for decision in made), rollout.progress])
    costs = _changes([*(decision.cost_to_go for decision in made), rollout.cost_to_go])
    forks, values = (_changes([*(getattr(decision, name) for decision in made), 0.0])  # after the end nothing follows
                     for name in ("fork_value", "value"))
    return Trajectory(tuple(
        ScoredDecision(reward=reward, state=decision.state, progress=p, cost_to_go=c, fork_value=f, value=v)
        for decision, reward, p, c, f, v in zip(made, rewards, progress, costs, forks, values, strict=True)))


def _changes(numbers: Sequence[float | None]) -> list[Change | None]:
    """From each to the next; None where either is not known."""
    return [None if before is None or after is None else Change(before, after) for before, after in pairwise(numbers)]
