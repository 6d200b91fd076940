"""Goals that the grammar allows, drawn without a thought of any table."""

from __future__ import annotations

import numpy as np

from envs.goals.chance import pick
from envs.goals.language import (
    COLORS,
    KINDS,
    LONE_RELATIONS,
    NEAR_RELATIONS,
    PLACES,
    QUANTIFIERS,
    SIZES,
    SUPERLATIVES,
    TABLE,
    Cannot,
    Description,
    Do,
    Exists,
    Fact,
    Goal,
    If,
    Keep,
    More,
    Not,
    Nothing,
    Tell,
    Test,
    Things,
    Unclear,
    Where,
)


def wild_goal(rng: np.random.Generator) -> Goal:
    form = rng.random()
    if form < 0.6:
        return _do(rng)
    if form < 0.8:
        return If(_test(rng), _do(rng), _do(rng) if rng.random() < 0.5 else None)
    if form < 0.95:
        about = pick(rng, ("count", "whether", "where", "color", "what"))
        return Tell(about, _test(rng) if about == "whether" else _things(rng))
    return pick(rng, (Cannot("wash"), Nothing(), Unclear()))


def _do(rng) -> Do:
    steps = 1 + int(rng.random() * 3)
    return Do(tuple(tuple(_clause(rng) for _ in range(1 + int(rng.random() * 2))) for _ in range(steps)))


def _clause(rng):
    if rng.random() < 0.1:
        return Keep(_things(rng))
    return Not(_fact(rng)) if rng.random() < 0.2 else _fact(rng)


def _test(rng, depth: int = 0) -> Test:
    form = rng.random()
    if form < 0.2 and depth < 3:
        return Not(_test(rng, depth + 1))
    if form < 0.4:
        return Exists(_things(rng))
    return More(_things(rng), _things(rng)) if form < 0.5 else _fact(rng)


def _fact(rng) -> Fact:
    relation = pick(rng, ("in", "on", "beside", "left_of", "right_of", "at", "held"))
    if relation == "held":
        return Fact("held", _things(rng))
    if relation == "at":
        return Fact("at", _things(rng), pick(rng, PLACES))
    is_table = relation == "on" and rng.random() < 0.3
    return Fact(relation, _things(rng), TABLE if is_table else _things(rng))


def _things(rng, depth: int = 0) -> Things:
    return Things(pick(rng, ("", "2", "3", "the", "the", "the", *QUANTIFIERS)), _description(rng, depth))


def _description(rng, depth: int) -> Description:
    where = tuple(_where(rng, depth) for _ in range(int(rng.random() * 1.5)))
    but = _description(rng, depth + 2) if depth < 2 and rng.random() < 0.1 else None
    kind = '"banana"' if rng.random() < 0.03 else pick(rng, KINDS)
    return Description(kind, pick(rng, COLORS) if rng.random() < 0.4 else "",
                       pick(rng, SIZES) if rng.random() < 0.1 else "",
                       pick(rng, SUPERLATIVES) if rng.random() < 0.3 else "", where, but)


def _where(rng, depth: int) -> Where:
    if depth >= 2 or rng.random() < 0.2:
        return Where(pick(rng, LONE_RELATIONS))
    return Where(pick(rng, NEAR_RELATIONS), _things(rng, depth + 1))
