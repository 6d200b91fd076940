"""open_drawer: pull the drawer open by its knob."""

from __future__ import annotations

from envs.skills.situation import Motion, Situation
from envs.skills.sliding import slide


def open_drawer(situation: Situation) -> Motion:
    """Outcome "done" when depth shows the drawer open."""
    return (yield from slide(situation, is_opening=True))
