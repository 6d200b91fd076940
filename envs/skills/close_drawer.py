"""close_drawer: push the drawer shut by its knob."""

from __future__ import annotations

from envs.skills.situation import Motion, Situation
from envs.skills.sliding import slide


def close_drawer(situation: Situation) -> Motion:
    """Outcome "done" when depth shows the drawer shut."""
    return (yield from slide(situation, is_opening=False))
