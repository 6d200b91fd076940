"""Goals, things and troubles in plain English, for people to read."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from envs.goals.answers import Answer
from envs.goals.language import TABLE, Cannot, Description, Do, Exists, Fact, Goal, If, Keep, More, Not, Tell, Things
from envs.goals.outcome import Refusal, Told
from envs.goals.references import find
from envs.goals.table import Table, part_of

_NUMBERS = {"2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven", "8": "eight", "9": "nine"}
_RELATIONS = {"in": "in", "on": "on", "beside": "beside", "left_of": "to the left of", "right_of": "to the right of"}
_WHERE = {"in": "in", "on": "on", "under": "under", "holding": "with {} in it", "beside": "beside",
          "left of": "to the left of", "right of": "to the right of", "nearest": "nearest to", "farthest":
          "farthest from", "on table": "right on the table", "alone": "standing alone", "empty": "that is empty",
          "same color": "of the same color"}


# Goals ---------------------------------------------------------------------------------------------------------------

def tell(goal: Goal) -> str:
    """A goal as a short sentence: "put the red block in the blue bowl"."""
    if isinstance(goal, Do):
        return ", then ".join(" and ".join(_clause(c) for c in step) for step in goal.steps)
    if isinstance(goal, If):
        otherwise = f", otherwise {tell(goal.otherwise)}" if goal.otherwise else ""
        return f"if {_test(goal.test)}, {tell(goal.then)}{otherwise}"
    if isinstance(goal, Tell):
        return f"tell you {_asked(goal)}"
    return f"{goal.verb} something" if isinstance(goal, Cannot) else "do nothing"


def _asked(goal: Tell) -> str:
    if goal.about == "whether":
        return f"whether {_test(goal.what)}"
    things = tell_things(goal.what)
    return {"count": f"how many there are: {things}", "where": f"where {things} is", "color": f"the color of {things}",
            "what": f"what {things} is"}[goal.about]


def _clause(clause: Fact | Not | Keep) -> str:
    if isinstance(clause, Keep):
        return f"leave {tell_things(clause.things)} where it is"
    if isinstance(clause, Not):
        return f"see to it that not {_test(clause.test)}"
    things = tell_things(clause.things)
    if clause.relation == "held":
        return f"hold {things}"
    return f"put {things} {_place(clause)}"


def _place(fact: Fact) -> str:
    if fact.relation == "at":
        return "in the middle of the table" if fact.place == "middle" else f"on the {fact.place} of the table"
    return f"{_RELATIONS[fact.relation]} {'the table' if fact.place == TABLE else tell_things(fact.place)}"


def _test(test: Fact | Not | Exists | More, verb: str = "is") -> str:
    if isinstance(test, Not):
        return f"not {_test(test.test)}"
    if isinstance(test, Exists):
        return f"there is {tell_things(test.things)}"
    if isinstance(test, More):
        return f"there are more of {tell_things(test.these)} than of {tell_things(test.those)}"
    things = tell_things(test.things)
    is_many = test.things.quantifier in ("all", "both") or test.things.quantifier in _NUMBERS
    verb = verb.replace("is", "are") if is_many else verb
    return f"{things} {verb} {'in my hand' if test.relation == 'held' else _place(test)}"


def tell_things(things: Things) -> str:
    """A reference: "both red blocks", "the bowl nearest to the red block"."""
    quantifier = _NUMBERS.get(things.quantifier, things.quantifier) or "the"
    is_many = quantifier in ("all", "both") or things.quantifier in _NUMBERS
    return f"{quantifier} {tell_description(things.description, is_many=is_many)}"


def tell_description(told: Description, *, is_many: bool = False) -> str:
    """A description: "small red block in the blue bowl"."""
    words = [word.strip('"') for word in (told.superlative, told.size, told.color, told.kind) if word]
    if is_many:
        words[-1] += "s"
    for where in told.where:
        phrase, things = _WHERE[where.relation], where.things and tell_things(where.things)
        words.append(phrase.format(things) if "{}" in phrase else " ".join(filter(None, [phrase, things])))
    return " ".join([*words, *(["but the", tell_description(told.but)] if told.but else [])])


# What speaks against them --------------------------------------------------------------------------------------------

def why_not(refusal: Refusal) -> str:
    """The reason of a refusal, a clause in the first person."""
    about = next(iter(refusal.about), "that").replace('"', "")
    return _REASONS[refusal.reason](bare(about))


_ONLY = "I can only pick up blocks and put them down"
_REASONS: dict[str, Callable[[str], str]] = {
    "missing": lambda about: f"I see no {about}",
    "too_few": lambda about: f"I see fewer {about}s than that",
    "cannot_move": lambda about: f"I cannot move bowls, and the {about} is one",
    "no_container": lambda about: f"I can put things only into bowls, and the {about} is none",
    "no_base": lambda about: f"I can put things onto blocks and the table, not onto the {about}",
    "conflict": lambda about: f"that contradicts itself about the {about}",
    "cannot_do": lambda about: f"you want me to {about}, and {_ONLY}" if about.isascii() else _ONLY,
    "unclear": lambda about: "I did not understand that",
    "nothing": lambda about: "I heard nothing to do in that",
}


def bare(words: str) -> str:
    """Words without brackets' marks and a number that tells names apart."""
    plain = words.replace("[", "that is ").replace("]", "") if "[" in words else words
    return plain.rstrip("0123456789 ") or plain


def together(names: Sequence[str]) -> str:
    """Several things in words, those that look alike together: "both red blocks and the green block"."""
    counts: dict[str, int] = {}
    for name in dict.fromkeys(names):
        counts[bare(name)] = counts.get(bare(name), 0) + 1
    said = [f"the {kind}" if count == 1 else f"{'both' if count == 2 else f'{count}'} {kind}s"
            for kind, count in counts.items()]
    return ", ".join([*said[:-2], " and ".join(said[-2:])])


def which(about: str, options: Sequence[str], table: Table) -> str:
    """The question that tells several things apart: "which red block, the one in the blue bowl or the left one?"."""
    kind = table.things[options[0]].kind
    told = [f"the {part}" for part in tell_apart(options, table)]
    colors = {table.things[name].color for name in options}
    noun = f"{colors.pop()} {kind}" if len(colors) == 1 else kind
    return f"Which {noun} do you mean, {', '.join(told[:-1])} or {told[-1]}?"


def tell_apart(names: Sequence[str], table: Table) -> list[str]:
    """For each of several things what singles it out among them, without an article: "one in the blue bowl", "left
    one"."""
    told: dict[str, str] = {}
    for way in (_by_color, _by_carrier, _by_size, _by_row, _by_depth):
        left = [name for name in names if name not in told]
        words = {name: way(name, left, table) for name in left}
        told |= {n: w for n, w in words.items() if w and list(words.values()).count(w) == 1}
    return [told.get(name, f"one {_spot(name, table)}") for name in names]


def _by_color(name: str, names: Sequence[str], table: Table) -> str:
    return f"{table.things[name].color} one"


def _by_carrier(name: str, names: Sequence[str], table: Table) -> str:
    carrier = table.under.get(name, TABLE)
    if name == table.held:
        return "one in my hand"
    above = [n for n, base in table.under.items() if base == name]
    if carrier == TABLE:
        return f"one with the {bare(above[0])} on it" if above and table.things[name].kind == "block" else ""
    return f"one {'in' if table.things[carrier].kind == 'bowl' else 'on'} the {bare(carrier)}"


def _by_size(name: str, names: Sequence[str], table: Table) -> str:
    sides = sorted(table.things[n].side_m for n in names)
    if len(names) != 2 or sides[-1] - sides[0] < 0.006:
        return ""
    return "bigger one" if table.things[name].side_m == sides[-1] else "smaller one"


def _by_row(name: str, names: Sequence[str], table: Table) -> str:
    """Left, middle, right as the robot sees them, of two or three."""
    row = sorted(names, key=lambda n: -table.things[n].y)
    gaps = [table.things[a].y - table.things[b].y for a, b in itertools.pairwise(row)]
    if len(row) not in (2, 3) or min(gaps, default=0) < 0.03:
        return ""
    return {2: ("left one", "right one"), 3: ("left one", "middle one", "right one")}[len(row)][row.index(name)]


def _by_depth(name: str, names: Sequence[str], table: Table) -> str:
    row = sorted(names, key=lambda n: table.things[n].x)
    is_apart = len(row) > 1 and table.things[row[-1]].x - table.things[row[0]].x > 0.03
    if is_apart and name in (row[0], row[-1]):
        return "one near to me" if name == row[0] else "one far from me"
    return ""


def _spot(name: str, table: Table) -> str:
    thing = table.things[name]
    return f"at x {thing.x:.2f}, y {thing.y:+.2f}"


# Answers -------------------------------------------------------------------------------------------------------------

def say(told: Told, table: Table) -> str:
    """An answer as a sentence."""
    found: Answer = told.answer
    if isinstance(found, bool):
        return _yes_or_no(told.asked.what, is_so=found)
    if isinstance(found, int):
        words = tell_description(told.asked.what.description, is_many=found != 1)
        return f"I see {found} {words}."
    if isinstance(found, str):
        return f"It is {found}."
    if isinstance(found, tuple):
        return f"I see {together(found)}." if found else "I see nothing there."
    return _where_it_is(found, told, table)


def _yes_or_no(test: Fact | Not | Exists | More, *, is_so: bool) -> str:
    if isinstance(test, Not):
        return _yes_or_no(test.test, is_so=not is_so)
    start = "Yes, " if is_so else "No, "
    if isinstance(test, Exists):
        told = tell_things(test.things)
        return f"{start}I see {told if is_so else f'no {tell_description(test.things.description)}'}."
    if isinstance(test, More):
        return f"{start}there are {'' if is_so else 'not '}more of {tell_things(test.these)}."
    return f"{start}{_test(test, 'is' if is_so else 'is not')}."


def _where_it_is(found: dict[str, str], told: Told, table: Table) -> str:
    [(relation, place)] = found.items()
    thing = tell_things(told.asked.what)
    if relation == "held":
        return f"I hold {thing}."
    if place == TABLE:
        names = find(told.asked.what.description, table)
        part = f", {_part(table.things[names[0]].y)}" if len(names) == 1 else ""
        return f"{thing.capitalize()} stands on the table{part}."
    return f"{thing.capitalize()} is {relation} the {bare(place)}."


def _part(y: float) -> str:
    part = part_of(y)
    return "in the middle" if part == "middle" else f"on the {part}"
