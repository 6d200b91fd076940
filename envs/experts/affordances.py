"""What each skill can do on a table, and whether it has: labels from symbols."""

from __future__ import annotations

from collections.abc import Iterable

from envs.goals import planner
from envs.goals.language import PLACES, TABLE
from envs.goals.table import Table
from envs.interface import NamedCall

_ASIDE = ("put_down_beside", "put_down_left_of", "put_down_right_of", "put_down_at")
"""What sets things down right on the table."""
_MOVING = ("pick", "place_in", "place_on", *_ASIDE)


def why_not(table: Table, skill: str, *arguments: str | float) -> str | None:
    """Why a call is not possible now, as a clause; None when it is, and of a skill that moves nothing: its
    affordance."""
    if skill not in _MOVING:
        return None
    [name] = arguments
    if skill == "pick":
        return _why_not_pick(table, name)
    if table.held is None:
        return "the gripper holds nothing"
    if skill == "put_down_at":
        return None if name in PLACES else f"there is no place {name} on the table"
    if name == table.held or name not in table.things:
        return f"the {name} is in the gripper" if name == table.held else f"there is no {name}"
    if table.held in table.bowls and (skill not in _ASIDE or name in table.above(table.held)):
        return f"the {table.held} is in the gripper, which can only be put down beside what is not in it"
    if skill == "place_in" and name not in table.bowls:
        return f"the {name} is no container"
    if skill == "place_on" and (name in table.bowls or table.above(name)):
        return f"the {name} is no base" if name in table.bowls else f"the {table.above(name)[0]} is on the {name}"
    return None


def _why_not_pick(table: Table, name: str) -> str | None:
    if table.held:
        return f"the gripper holds the {table.held}"
    if name in table.bowls:
        return "only blocks can be picked"
    if name not in table.things:
        return f"there is no {name}"
    return f"the {table.above(name)[0]} is on the {name}" if table.above(name) else None


def shortfall(before: Table, after: Table, skill: str, *arguments: str | float) -> str | None:
    """Why a call did not do what it means, as a clause; None when it did, whatever it reported."""
    if reason := why_not(before, skill, *arguments):
        return reason
    if skill not in _MOVING:
        return None
    [name] = arguments
    if skill == "pick":
        other = f"the gripper holds the {after.held}" if after.held else "the gripper holds nothing"
        return None if after.held == name else other
    if after.held == before.held:
        return f"the gripper still holds the {before.held}"
    return _misplaced(skill, name, before.held, after)


def _misplaced(skill: str, name: str, block: str, after: Table) -> str | None:
    """Why a block that was let go is not where it should be."""
    if block not in after.things:
        return f"the {block} fell off the table"
    carrier = after.under.get(block, TABLE)
    wanted = TABLE if skill in _ASIDE else name
    found = after.bowl_of(block) if skill == "place_in" else carrier
    return None if found == wanted else f"the {block} is on the {carrier}, not {_where(skill)} the {wanted}"


def _where(skill: str) -> str:
    return "in" if skill == "place_in" else "on"


def simulate(before: Table, calls: Iterable[NamedCall]) -> Table:
    """The table after the calls. Raises ValueError when one of them cannot be done."""
    for skill, *arguments in calls:
        if reason := why_not(before, skill, *arguments):
            raise ValueError(f"{skill}({', '.join(map(str, arguments))}): expected a call that can be done, but "
                             f"{reason}; the table is {before}")
        before = planner.simulate(before, [(skill, *arguments)])
    return before
