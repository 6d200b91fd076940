"""Self-corrections: something else first, and then what is meant."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import TABLE, Description, Do, Fact, Goal, Things
from envs.tasks.wordings.nouns import Noun
from envs.tasks.wordings.talk import Talk

COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "cyan", "white")
NO = (
    "no wait", "wait, no", "no", "i mean", "sorry", "no, sorry", "i meant", "er, no", "uh, i mean", "wait",
    "oops, i mean", "or rather", "no no", "sorry, i mean", "actually", "hm, no", "correction", "make that",
    "scratch that", "excuse me, i mean", "um, no", "that is to say", "oh no, i mean", "ah no", "hold on, i mean",
    "no hang on", "my bad", "well, actually", "i mean to say", "eh, no"
)
INLINE = (
    "<w>, <no>, <x>", "<w>... <no>, <x>", "<w> - <no>, <x>", "<w> <no> <x>", "<w>, <no> <x>", "<w> (<no> <x>)",
    "<w> -- <no> -- <x>",
)
WHOLE = (
    "<w>. <no>, <do>", "<w>, <no>, <do>", "<w>... <no>, <do>", "<w> - <no>, <do>", "<w>. scratch that, <do>",
    "<w>. no, forget that, <do>", "<w>? no, <do>", "<w>. on second thought, <do>", "<w>, actually no, <do>",
    "<w>. change of plan: <do>", "<w>. sorry, wrong, <do>", "<w>. no no no. <do>", "<w>, or no, better <do>",
    "<w>. wait, that's not what i want. <do>", "<w>. hmm, better <do>", "<w>. i changed my mind, <do> instead",
    "<w>... no, <do> instead", "forget <wing>, <do> instead", "<w>. cancel that. <do>",
    "i wanted you to <w>, but now i want you to <do>", "i said <w> but i meant <do>", "don't <w>, <do> instead",
    "instead of <wing>, <do>", "<do>, don't <w>", "rather than <wing>, <do>", "not <wing>. <do>",
    "<w>. ignore that and <do>", "<w>. strike that, <do>", "i first wanted to <w> but no, <do>"
)
LAST = (
    "<do>. i mean <x>", "<do>, i mean <x>", "<do>. no wait, <x>", "<do> - sorry, <x>", "<do>... <no>, <x>",
    "<do>. <no>, <x>", "<do>, <no>, <x>", "<do> - <no> <x>", "<do>. oh, and i meant <x>", "<do>. oops, i meant <x>",
    "<do>, not that one, <x>", "<do> (i meant <x>)", "<do>. when i said <o> i meant <x>", "<do>. not <o>, <x>",
    "<do>, no, not <o>, <x>", "<do>. correction: <x>, not <o>", "<do>. i said <o> but i meant <x>", "<do>. <x>, i mean",
    "<do>. sorry, <x>, not <o>", "<do>. make it <x> instead", "<do> - make that <x>", "<do>. better <x>",
    "<do>. hm, rather <x>", "<do>. no, make it <x>"
)


def repaired(talk: Talk, goal: Goal) -> str:
    """A goal in words with a slip that is put right."""
    fact = goal.steps[0][0]
    if len(goal.steps) > 1 or not isinstance(fact, Fact):
        return talk.say(goal)
    if len(goal.steps[0]) > 1:
        return _one_of_several(talk, goal)
    way = talk.voice.draws.random()
    if way < 0.42:
        return _inline(talk, fact)
    if way < 0.72:
        return _whole(talk, fact)
    return _last(talk, fact)


def other_than(talk: Talk, things: Things) -> Things:
    """Other things of the same make: of another colour, mostly."""
    told, draws = things.description, talk.voice.draws
    if told.size and draws.chance(0.6):
        return replace(things, description=replace(told, size="big" if told.size == "small" else "small"))
    if told.superlative in OPPOSITE and draws.chance(0.6):
        return replace(things, description=replace(told, superlative=OPPOSITE[told.superlative]))
    color = draws.pick([c for c in COLORS if c != told.color])
    if told.where or told.but:
        return replace(things, description=Description(told.kind if not told.kind.startswith('"') else "block", color))
    return replace(
        things, description=replace(told, color=color, kind=told.kind if not told.kind.startswith('"') else "block")
    )


OPPOSITE = {
    "leftmost": "rightmost",
    "rightmost": "leftmost",
    "nearest": "farthest",
    "farthest": "nearest",
    "biggest": "smallest",
    "smallest": "biggest",
    "highest": "lowest",
    "lowest": "highest",
}


def _slots(talk: Talk) -> dict:
    return {"no": lambda: talk.voice.form(NO)}


def _said(talk: Talk, things: Things, *, short: bool) -> str:
    """A reference; short: as people say it the second time."""
    told = things.description
    is_colored = told == Description(told.kind, told.color) and told.color and things.quantifier == "the"
    if short and is_colored and talk.voice.chance(0.4):
        return talk.voice.fill("(the <c> one*4|<c>*2|the <c>)", {"c": talk.nouns.color(told.color)})
    return talk.nouns.say(things, one=0.7 if short and told.kind == "block" else 0.1).text


def _inline(talk: Talk, fact: Fact) -> str:
    """ "put the red, no wait, the blue block into the bowl"."""
    is_place = isinstance(fact.place, Things) and talk.voice.chance(0.5)
    meant = fact.place if is_place else fact.things
    wrong = _said(talk, other_than(talk, meant), short=False)
    if (
        not is_place
        and talk.voice.chance(0.3)
        and meant.description.color
        and meant.description == Description(meant.description.kind, meant.description.color)
        and meant.quantifier == "the"
    ):
        wrong = f"the {talk.nouns.color(talk.voice.pick([c for c in COLORS if c != meant.description.color]))}"
    right = talk.nouns.say(meant, one=0.15 if meant.description.kind == "block" else 0).text
    if (
        is_place
        and meant.description == Description(meant.description.kind, meant.description.color)
        and meant.description.color
        and meant.quantifier == "the"
        and talk.voice.chance(0.4)
    ):
        right = f"the {talk.nouns.color(meant.description.color)} one"
    text = Noun(talk.voice.form(INLINE, {**_slots(talk), "w": wrong, "x": right}), False)
    return (
        talk.order(
            talk.clauses.framed(fact, *talk.clauses.both(fact, None if is_place else text, text if is_place else None))
        )
        if fact.relation != "held"
        else (talk.order(talk.clauses.command(fact, text)))
    )


def _whole(talk: Talk, fact: Fact) -> str:
    """One command, and then another one."""
    wrong = (
        replace(fact, things=other_than(talk, fact.things))
        if talk.voice.chance(0.5) or not isinstance(fact.place, Things)
        else (
            replace(fact, place=other_than(talk, fact.place))
            if talk.voice.chance(0.6)
            else talk.voice.pick(
                (
                    Fact("held", fact.things),
                    Fact("on", fact.things, TABLE),
                    replace(fact, things=other_than(talk, fact.things), place=other_than(talk, fact.place)),
                )
            )
        )
    )
    first, second = talk.clauses.command(wrong), talk.clauses.command(fact)
    return talk.voice.form(
        WHOLE, {**_slots(talk), "w": first.form, "wing": lambda: first.form("gerund"), "do": second.form}
    )


def _last(talk: Talk, fact: Fact) -> str:
    """A command with a slip, and the right word behind it."""
    is_place = (
        isinstance(fact.place, Things)
        and talk.voice.chance(0.55)
        and fact.place.description.kind != fact.things.description.kind
    )
    meant = fact.place if is_place else fact.things
    slip = other_than(talk, meant)
    wrong = replace(fact, place=slip) if is_place else replace(fact, things=slip)
    if isinstance(fact.place, Things) and fact.place.description.kind == fact.things.description.kind and not is_place:
        return _whole(talk, fact)
    command = (
        talk.clauses.framed(wrong, *talk.clauses.both(wrong))
        if wrong.relation != "held"
        else talk.clauses.command(wrong)
    )
    right = talk.nouns.say(meant, one=0.0).text if isinstance(fact.place, Things) else _said(talk, meant, short=True)
    return talk.voice.form(LAST, {**_slots(talk), "do": command.form, "x": right, "o": _said(talk, slip, short=False)})


def _one_of_several(talk: Talk, goal: Do) -> str:
    """Several clauses, one of which is first said wrong."""
    facts = goal.steps[0]
    parts = [talk.plain_clause(fact) if i else _inline(talk, fact) for i, fact in enumerate(facts)]
    return " and ".join(part.rstrip("?") for part in parts)
