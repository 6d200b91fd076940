"""A search through the plans that a judge turns down: what of one stood is gone on from, and where nothing is left to
try after it, its last move is taken back.

    search = PlanSearch(language)
    while (veto := judge(plan := ask(search.without), ...)) and search.turn_down(plan, veto): ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from embodied.planning.grammar import Without
from embodied.planning.language import Plan, write
from embodied.planning.understanding import Veto
from envs.interface import SkillCall
from envs.skills.signatures import PlanLanguage

_DEEPEST = 10  # moves of a beginning that is gone on from

Move = tuple[SkillCall, ...]
"""Calls up to the one that empties the hand."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A beginning of a plan that stood, and what is not to follow it."""

    moves: tuple[Move, ...]
    without: Without


class PlanSearch:
    """What is asked for next, of one moment."""

    def __init__(self, language: PlanLanguage) -> None:
        self.language = language
        self._path = [_Node((), Without())]

    @property
    def without(self) -> Without:
        """What the next plan is to begin with, and to do without."""
        return self._path[-1].without

    def turn_down(self, plan: Plan, veto: Veto) -> bool:
        """Note why a plan was turned down; False where the same would be asked for again."""
        before, stood = self.without, self._moves(plan.calls[:veto.stood])
        is_half = veto.stood == len(plan.calls)
        if is_half and stood and len(stood) == len(self._path[-1].moves):
            return self._take_back()
        if len(stood) > _DEEPEST:
            return False
        for count in range(len(self._path[-1].moves) + 1, len(stood) + 1):
            self._path.append(self._begun(stood[:count]))
        if not (is_half and stood):
            self._bar(veto.without)
        return self.without != before

    def _moves(self, calls: Sequence[SkillCall]) -> tuple[Move, ...]:
        """The whole ones; what the hand holds at the end is of none."""
        ends = [place + 1 for place, call in enumerate(calls) if call.skill in self.language.releasing]
        return tuple(tuple(calls[begin:end]) for begin, end in zip([0, *ends], ends, strict=False))

    def _begun(self, moves: tuple[Move, ...]) -> _Node:
        """A beginning, after which no move of it comes again, and what was moved last, and what now carries something,
        is left where it is."""
        pairs = frozenset(map(self._pair, moves))
        still = {self._pair(moves[-1])[0], *(to for move, (_, to) in zip(moves, map(self._pair, moves), strict=True)
                                             if self.language.skills[move[-1].skill].relation != "beside")}
        last = frozenset((name, None) for name in still if name is not None)
        text = write(Plan(tuple(call for move in moves for call in move))).removesuffix("done()")
        return _Node(moves, Without(moves=pairs | last, steps=1, refusal=True, after=text))

    def _take_back(self) -> bool:
        """Do without the last move of the beginning, after which nothing is left, and, where that put a thing aside,
        without putting it aside anywhere; False where there is none."""
        if len(self._path) == 1:
            return False
        last = self._path.pop().moves[-1]
        moved, to = self._pair(last)
        relation = self.language.skills[last[-1].skill].relation
        self._bar(Without(skills=frozenset({(moved, last[-1].skill)})) if relation == "beside" else
                  Without(moves=frozenset({(moved, to)})))
        return True

    def _pair(self, move: Move) -> tuple[str | None, str | None]:
        """(what is moved, where to) by name; what was held before has none."""
        grasped = next((call for call in move if call.skill in self.language.grasping), None)
        to = move[-1].named[1:]
        return (None if grasped is None else str(grasped.named[1]), str(to[0]) if to else None)

    def _bar(self, without: Without) -> None:
        self._path[-1] = replace(self._path[-1], without=self._path[-1].without | without)
