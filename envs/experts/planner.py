"""One rule that plans every family: what to do next, from symbols alone.

The rule has no memory, so the plan made after some of its calls is the rest of the plan made before them.
"""

from __future__ import annotations

from collections.abc import Sequence

from envs.experts.symbols import State, simulate
from envs.interface import NamedCall
from envs.tasks.scene import In, Relation

_MOST_CALLS = 100  # far above any plan over ten things; a longer one is a fault of the rule


def plan(state: State, goal: Sequence[Relation]) -> list[NamedCall]:
    """Every call that is still needed, [] when the goal holds; instructions about what fell off the table are given
    up."""
    calls: list[NamedCall] = []
    while (call := next_call(state, goal)) is not None:
        calls.append(call)
        state = simulate(state, [call])
        assert len(calls) <= _MOST_CALLS, (state, goal)
    return calls


def next_call(state: State, goal: Sequence[Relation]) -> NamedCall | None:
    """The next call, None when there is nothing left to do."""
    goal = [r for r in _lowest_first(goal) if state.is_present(r.block) and state.is_present(r.destination)]
    open_relations = [r for r in goal if not _is_settled(state, r, goal)]
    if state.held:
        return _release(state, open_relations, goal)
    if open_relations:
        return "pick", _to_pick(state, open_relations[0], goal)
    return None


def _lowest_first(goal: Sequence[Relation]) -> list[Relation]:
    """The relations, each after the one that its destination is placed by; otherwise in their own order."""
    below = {r.block: r.destination for r in goal}

    def level(name: str) -> int:
        return 1 + level(below[name]) if name in below else 0

    return sorted(goal, key=lambda r: level(r.block))


def _is_settled(state: State, relation: Relation, goal: Sequence[Relation]) -> bool:
    """Whether it holds and nothing that it stands on has yet to be moved."""
    return state.holds(relation) and _is_founded(state, relation, goal)


def _is_founded(state: State, relation: Relation, goal: Sequence[Relation]) -> bool:
    """Whether the destination stays where it is: neither it nor any block below it has yet to be moved."""
    column = (relation.destination, *state.below(relation.destination))
    return all(_is_settled(state, r, goal) for r in goal if r.block in column)


def _release(state: State, open_relations: list[Relation], goal: Sequence[Relation]) -> NamedCall | None:
    """Puts the held block where it belongs, or out of the way while its place is not ready; None on an empty table."""
    for relation in open_relations:
        if relation.block == state.held and _is_ready(state, relation, goal):
            return ("place_in" if isinstance(relation, In) else "place_on"), relation.destination
    neighbour = _neighbour(state, [*open_relations, *goal])
    return ("put_down_beside", neighbour) if neighbour else None


def _is_ready(state: State, relation: Relation, goal: Sequence[Relation]) -> bool:
    if isinstance(relation, In):
        return True
    return relation.base != state.held and not state.above(relation.base) and _is_founded(state, relation, goal)


def _neighbour(state: State, relations: list[Relation]) -> str | None:
    """What to put the held thing down beside: the block of the first relation, or the bowl that holds it."""
    named = [name for r in relations for name in (r.block, r.destination)]
    others, away = (*named, *sorted(state.under), *sorted(state.bowls)), {state.held, *state.above(state.held)}
    name = next((name for name in others if name not in away and state.is_present(name)), None)
    return name and (state.bowl_of(name) or name)


def _to_pick(state: State, relation: Relation, goal: Sequence[Relation]) -> str:
    """The block of the relation, or what has to go first: what lies on it or on its base, or a base ill founded."""
    crowd = state.above(relation.block)
    if not crowd and not isinstance(relation, In):
        crowd = state.above(relation.base)
    if crowd:
        return next(name for name in crowd if not state.above(name))
    return relation.block if _is_founded(state, relation, goal) else relation.destination
