"""What whoever has acted says of it: whether what was wanted holds now, and what is seen of it, in plain English.

Symbols alone: said of a perceived table, it is a claim; of the true one, it would be the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from envs.goals.judge import progress, stayed
from envs.goals.language import TABLE
from envs.goals.planner import standing
from envs.goals.table import Table
from envs.goals.telling import bare, together
from envs.goals.wanted import Target, Wanted

_RELATIONS = {"in": "in", "on": "on", "beside": "beside", "left_of": "to the left of", "right_of": "to the right of"}


@dataclass(frozen=True, slots=True)
class Report:
    """holds: whether all that was wanted holds, by what was seen. words: that as a sentence."""

    holds: bool
    words: str


def report(aim: Wanted, tables: Sequence[Table], unseen: Collection[str] = ()) -> Report:
    """What there is to say on the last of the tables, which are in the order of time, from when the goal was said.

    unseen: what is on that table by expectation alone; of that nothing is claimed.
    """
    way = max(aim.ways, key=lambda way: progress(Wanted((way,), aim.keep), tables))
    holds = progress(Wanted((way,), aim.keep), tables) >= 1.0
    targets = standing(way, len(way) - 1) if way else ()
    lost = [t.thing for t in targets if t.is_wanted and t.thing in unseen]
    if lost:
        return Report(False, f"I tried, but I no longer see {together(lost)}.")
    if holds:
        seen = _tell(targets, _seen)
        return Report(True, f"Done: {seen}." if seen else "Done: there was nothing to do.")
    missed = _tell([t for t in targets if not t.is_met(tables[-1])], _missed)
    return Report(False, f"I tried, but {missed or _moved(aim.keep, tables)}.")


def _moved(keep: frozenset[str], tables: Sequence[Table]) -> str:
    """What is amiss where every target holds: something was moved that should have stayed, or an order was missed."""
    names = [name for name in sorted(keep) if name not in tables[-1].things or not stayed(name, tables[0], tables[-1])]
    return f"{together(names)} did not stay in place" if names else "it did not come about in the order you wanted"


def _tell(targets: Sequence[Target], say: Callable[[str, Target], str]) -> str:
    """Targets as a clause, those of one place together: "I see both red blocks in the blue bowl"."""
    groups: dict[tuple[str, str | None, bool], list[Target]] = {}
    for target in targets:
        groups.setdefault((target.relation, target.place, target.is_wanted), []).append(target)
    said = [say(together([t.thing for t in group]), group[0]) for group in groups.values()]
    return " and ".join(said)


def _seen(words: str, target: Target) -> str:
    if not target.is_wanted:
        return f"{words} {_is(words)} {_not(target)}"
    return f"I hold {words}" if target.relation == "held" else f"I see {words} {_place(target)}"


def _missed(words: str, target: Target) -> str:
    if not target.is_wanted:
        return f"{words} {_is(words)} still {'in my hand' if target.relation == 'held' else _place(target)}"
    return f"I do not hold {words}" if target.relation == "held" else f"I do not see {words} {_place(target)}"


def _is(words: str) -> str:
    return "are" if " and " in words or words.endswith("s") else "is"


def _not(target: Target) -> str:
    return "not in my hand" if target.relation == "held" else f"not {_place(target)}"


def _place(target: Target) -> str:
    """Where a target wants its thing: "in the blue bowl"."""
    if target.relation == "at":
        return "in the middle of the table" if target.place == "middle" else f"on the {target.place} of the table"
    return f"{_RELATIONS[target.relation]} the {TABLE if target.place == TABLE else bare(target.place)}"
