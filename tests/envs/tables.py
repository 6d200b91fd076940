"""Tables written by hand, as symbols alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from envs.goals.table import Table, Thing

GONE = "gone"
"""Where a block is that is not on the table any more."""


def table_of(under: Mapping[str, str], bowls: Iterable[str] = (), held: str | None = None, askew: Iterable[str] = ()
             ) -> Table:
    """under: block -> what carries it, or GONE. Where things are, in metres, is the same for all."""
    there = {block: carrier for block, carrier in under.items() if carrier != GONE}
    names = dict.fromkeys((*there, *bowls, *([held] if held else [])))
    things = (Thing(name, name.split(" ")[1], name.split(" ")[0], 0.04, 0.5, 0.0, 0.02) for name in names)
    return Table.of(things, there, held, askew)
