"""What a reset, or another instruction, can be told: read and checked before anything is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from envs.domains.domain import Domain
from envs.goals.spelling import MOST_CHARACTERS, read
from envs.names import unknown
from envs.spaces import MAX_INSTRUCTION_CHARACTERS

OPTIONS = ("instruction", "require", "scene", "goal")


@dataclass(frozen=True, slots=True)
class Options:
    """instruction: text in place of the scene's own. require: names of entities that must be there. scene: a told
    scene as the domain's `told` read it. goal: text of a goal. None where nobody says."""

    instruction: str | None = None
    require: tuple[str, ...] = ()
    scene: Any = None
    goal: str | None = None

    @property
    def says_what_to_do(self) -> bool:
        """Whether the scene's own instruction gives way, which a told scene has none of."""
        return self.instruction is not None or self.goal is not None or self.scene is not None


def read_options(options: Mapping[str, Any] | None, domain: Domain) -> Options:
    """The options of a reset in a domain. Raises ValueError, and KeyError never: what was expected, what came."""
    options = {key: value for key, value in dict(options or {}).items() if value is not None}
    for key in options:
        if key not in OPTIONS:
            raise ValueError(unknown(key, OPTIONS, what="options"))
    for key in ("scene", "goal"):
        if key in options and domain.told is None:
            raise ValueError(f"{key}: expected none in {domain.name!r}, where scenes and goals are drawn, got one; "
                             f"tell it in 'tabletop'")
    if "scene" in options and options.get("require"):
        raise ValueError(f"require: expected none beside a told scene, got {options['require']}; put it into the scene")
    scene = domain.told.read_scene(options["scene"]) if "scene" in options else None
    return Options(_text(options.get("instruction")), tuple(options.get("require") or ()), scene,
                   _goal(options.get("goal")))


def _text(text: Any) -> str | None:
    if text is not None and (not isinstance(text, str) or len(text) > MAX_INSTRUCTION_CHARACTERS):
        raise ValueError(f"instruction: expected text of at most {MAX_INSTRUCTION_CHARACTERS} characters, got "
                         f"{type(text).__name__} of {len(text) if isinstance(text, str) else '?'}; shorten it")
    return text


def _goal(goal: Any) -> str | None:
    """A goal's text, once it has been read: GoalError, a ValueError, for what is none."""
    if goal is not None and not isinstance(goal, str):
        raise ValueError(f"goal: expected the text of a goal, at most {MOST_CHARACTERS} characters, got "
                         f"{type(goal).__name__}")
    if goal is not None:
        read(goal)
    return goal
