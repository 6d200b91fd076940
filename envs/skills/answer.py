"""answer: say something; nothing moves."""

from __future__ import annotations

from envs.skills.situation import Motion, Situation, ended

_MOST_CHARACTERS = 400


def answer(situation: Situation, text: str) -> Motion:
    """Outcome "done" after one control period at rest; "refused" for silence or a speech."""
    if not text.strip() or len(text) > _MOST_CHARACTERS:
        return ended("refused", f"an answer is 1 to {_MOST_CHARACTERS} characters long")
    yield situation.robot.setpoint.copy()
    situation.hand.said = text
    return ended("done", "the answer was given")
