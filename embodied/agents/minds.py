"""Minds by name: who understands people's words, with the eyes that it sees by, from weights that come with the package
or a folder of your own.

A folder with `mind.json` is a mind: its language model writes goals, and {"eyes": name} says what segmenter it sees
by (`embodied.agents.eyes`). Any other folder is a planner, which writes plans.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from embodied.agents.eyes import Seeing, load_eyes
from embodied.agents.language_agent import LanguageAgent
from embodied.agents.mind_agent import MindAgent
from embodied.agents.mind_card import card, is_mind
from embodied.agents.scene_state import Perceive
from embodied.agents.shipped import PLANNERS, load_agent, shipped_names, weights_folder
from embodied.bases.cache import MANIFEST, place_of
from embodied.planning.closed_loop import Planner
from envs.skills.signatures import TABLETOP_GOALS, PlanLanguage

MIND = "mind"
"""What `weights=mind` means: the best of `SHIPPED` that can be used here."""
SHIPPED = ("mind-small", "mind-tiny")
BASE_MISSING = ("The mind on a language model needs its base: `embodied bases fetch small` fetches it once (93 MB). "
                "Until then the tiny mind works, which understands less of what people say.")


def mind_folder(weights: str | Path) -> Path:
    """The folder of weights by name or path; of "mind" the best shipped mind that can be used here."""
    if str(weights) != MIND:
        return weights_folder(weights)
    usable = [name for name in SHIPPED if name in shipped_names() and why_not(weights_folder(name)) is None]
    return weights_folder(usable[0] if usable else SHIPPED[-1])


def weights_for(weights: str, world: str) -> str:
    """The weights that a name means in a world: of "mind", where no mind knows the world, its shipped planner."""
    return PLANNERS.get(world, weights) if weights == MIND else weights


def why_not(folder: Path) -> str | None:
    """Why a mind cannot be used on this machine, None where it can: its base is not here."""
    base = card(folder).get("base")
    return BASE_MISSING if base is not None and not (place_of(base) / MANIFEST).is_file() else None


def notice(weights: str | Path) -> str | None:
    """What the mind that is used lacks, for people; None where it is the best one."""
    is_second = str(weights) == MIND and SHIPPED[0] in shipped_names() and mind_folder(MIND).name != SHIPPED[0]
    return BASE_MISSING if is_second else None


MakePlanner = Callable[[Perceive], Planner]
"""Makes a fresh planner that sees by what it is given."""


@lru_cache(maxsize=2)
def planner_makers(weights: str, language: PlanLanguage = TABLETOP_GOALS) -> tuple[MakePlanner, Perceive]:
    """What makes fresh planners from weights that are loaded once, and the eyes that they see by."""
    folder = mind_folder(weights)
    if not is_mind(folder):
        backend = load_agent(folder).backend
        return (lambda perceive: LanguageAgent(Seeing(backend, perceive))), backend.perceive
    from embodied.agents.understanding import load_with_second

    understander = load_with_second(folder)
    return (lambda perceive: MindAgent(understander, perceive, language=language)), load_eyes(card(folder)["eyes"])


def load_mind(weights: str = MIND, language: PlanLanguage = TABLETOP_GOALS) -> Planner:
    """A ready planner from a mind, or a planner, by name or folder."""
    make, perceive = planner_makers(str(weights), language)
    return make(perceive)
