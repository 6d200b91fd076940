"""Faults of a perceived table: none of the true one, and each kind where it is made."""

from __future__ import annotations

from dataclasses import replace

from embodied.evaluation.seeing import Fault, faults
from envs.goals.table import Table, Thing

BOWL = Thing("blue bowl", "bowl", "blue", 0.132, 0.54, 0.13, 0.02)
LEFT = Thing("red block", "block", "red", 0.042, 0.42, 0.26, 0.021)
UPON = Thing("green block", "block", "green", 0.042, 0.42, 0.26, 0.063)
UNDER = {"red block": "table", "green block": "red block"}


def table(*things: Thing, held: str | None = None, **under: str) -> Table:
    names = {thing.name for thing in things}
    return Table.of(things, {n: on for n, on in {**UNDER, **under}.items() if n in names and n != held}, held)


def test_the_true_table_has_none_whatever_its_things_are_called() -> None:
    true = table(BOWL, LEFT, UPON)
    called = Table.of([BOWL, replace(LEFT, name="red block 2"), UPON],
                      {"red block 2": "table", "green block": "red block 2"})

    assert faults(true, true) == faults(true, called) == []


def test_each_kind_is_told() -> None:
    true = table(BOWL, LEFT, UPON)
    wrong = Table.of([replace(BOWL, color="cyan"), replace(LEFT, side_m=0.05), UPON,
                      replace(LEFT, name="red block 2", y=0.0)], {"red block": "table", "green block": "table"})

    assert faults(true, wrong) == [Fault("extra", "red block 2"), Fault("color", "blue bowl", "blue", "cyan"),
                                   Fault("size", "red block", "0.042", "0.050"),
                                   Fault("carrier", "green block", "red block", "table")]
    assert faults(true, table(BOWL, LEFT)) == [Fault("missed", "green block")]


def test_what_is_held_is_known_by_who_holds_it() -> None:
    true = table(BOWL, LEFT, UPON, held="green block")

    assert faults(true, true) == []
    assert Fault("held", "green block", "green block", "None") in faults(true, table(BOWL, LEFT, UPON))
