"""What words mean in a scene: which things a mention is of, which moves the words allow, and whether a goal holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from embodied.planning.looks import ANY_KIND, DARK, Scene
from embodied.planning.wording import PLACES, Goal, Mention, ParsedInstruction
from envs.skills.signatures import Relation


def find(mention: Mention, scene: Scene) -> list[int]:
    """The places of the things that a mention may mean."""
    return [place for place, (color, kind) in enumerate(scene.looks)
            if (mention.colors is None or color == DARK or color in mention.colors)
            and (mention.kind is None or kind in (mention.kind, ANY_KIND))]


def which(parsed: ParsedInstruction, scene: Scene) -> str | None:
    """The kind of "the block" of an instruction, where there are several; None where it is clear which."""
    meant = [m for goal in parsed.goals for m in (goal.moved, goal.destination)]
    return next((m.kind for m in meant
                 if m.is_definite and m.count and not m.colors and len(find(m, scene)) > m.count), None)


# What the words allow ------------------------------------------------------------------------------------------------

def may_pick(place: int, parsed: ParsedInstruction, scene: Scene) -> bool:
    """Whether a thing shall go somewhere where it is not yet, or rests on one that the words are about."""
    named = {p for m in parsed.mentions if not m.is_negated for p in find(m, scene) if scene.looks[p][1] != "bowl"}
    return _may_move(place, parsed, scene) or any(below in named for below in scene.below(place))


def _may_move(place: int, parsed: ParsedInstruction, scene: Scene) -> bool:
    if _is_forbidden(place, parsed, scene):
        return False
    if parsed.is_clear:
        return any(moved == place and not any(_is_at(moved, p, goal, scene) for p in places)
                   for goal in parsed.goals for moved, places in wanted(goal, scene))
    movers = [m for m in parsed.mentions if m.role not in PLACES and not m.is_negated]
    return parsed.is_vague or not movers or any(place in find(m, scene) for m in movers)


def may_place(relation: Relation | None, place: int, parsed: ParsedInstruction, scene: Scene) -> bool:
    """Whether the words let what is held go there. relation: in which it comes to the thing at that place."""
    if _is_forbidden(place, parsed, scene):
        return False
    if parsed.is_clear:
        return any(_is_right(relation, place, goal, scene) for goal in parsed.goals)
    places = [m for m in parsed.mentions if m.role != "moved" and not m.is_negated]
    return parsed.is_vague or not places or any(
        place in find(m, scene) and (m.role, relation) not in (("in", "on"), ("on", "in")) for m in places)


def _is_right(relation: Relation | None, place: int, goal: Goal, scene: Scene) -> bool:
    """Whether a goal lets what is held go there."""
    held = scene.held
    is_relation = goal.role in ("to", relation)
    is_able = scene.looks[place][1] != {"in": "block", "on": "bowl"}.get(relation)
    if held is None or held not in _movable(goal.moved, scene) or place not in find(goal.destination, scene):
        return False
    return is_relation and is_able and (not goal.is_matched or _is_alike(held, place, scene))


def _is_forbidden(place: int, parsed: ParsedInstruction, scene: Scene) -> bool:
    """Whether the last word that says no to a thing, or yes by its colour, is a no."""
    said = [m.is_negated for m in parsed.mentions if (m.is_negated or m.colors) and place in find(m, scene)]
    return bool(said) and said[-1]


# Whether it is done --------------------------------------------------------------------------------------------------

def is_done(parsed: ParsedInstruction, scenes: Sequence[Scene]) -> bool:
    """Whether all that one way wants holds in the last scene; what a later goal undoes may hold before."""
    return any(all(_holds(goal, scenes) or _is_undone(goal, way[n + 1:], scenes) for n, goal in enumerate(way))
               for way in parsed.ways)


def _is_undone(goal: Goal, later: Sequence[Goal], scenes: Sequence[Scene]) -> bool:
    has_held = scenes[0].is_begun or any(_holds(goal, [scene]) for scene in scenes)
    return has_held and goal.moved in (g.moved for g in later)


def _holds(goal: Goal, scenes: Sequence[Scene]) -> bool:
    """Whether a goal holds in the last scene: of all things meant, or of as many as the words say and no more."""
    pairs = list(wanted(goal, scenes[-1]))
    before, right = (sum(any(_is_at(m, p, goal, scene) for p in places) for m, places in pairs)
                     for scene in (scenes[0], scenes[-1]))
    count = goal.moved.count
    return bool(pairs) and (right == len(pairs) if count is None else count <= right <= max(count, before))


def wanted(goal: Goal, scene: Scene) -> Iterator[tuple[int, list[int]]]:
    """Each thing that may be meant, with the places that it may go to; of matched ones those that have a partner."""
    for moved in _movable(goal.moved, scene):
        places = [p for p in find(goal.destination, scene)
                  if p != moved and (not goal.is_matched or _is_alike(moved, p, scene))]
        if places:
            yield moved, places


def _movable(mention: Mention, scene: Scene) -> list[int]:
    """The places of the things that a mention may mean, where they shall be moved: "the red one" is no bowl then."""
    return [p for p in find(mention, scene) if mention.kind is not None or scene.looks[p][1] != "bowl"]


def _is_at(thing: int, place: int, goal: Goal, scene: Scene) -> bool:
    """Whether a thing is where a goal wants it: right on it, or in it, perhaps on others."""
    return scene.under[thing] == place if goal.role == "on" else place in scene.below(thing)


def _is_alike(one: int, other: int, scene: Scene) -> bool:
    """Whether two things are of one colour, as far as it can be told."""
    return len({scene.looks[one][0], scene.looks[other][0]} - {DARK}) < 2
