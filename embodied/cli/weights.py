"""Weights named on the command line: found, checked to the last byte before any episode is played, and their hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from embodied.agents import minds
from embodied.agents.backends.local import learned_language
from embodied.agents.eyes import check_eyes
from embodied.models.checkpoint_checks import read_json
from embodied.models.folder import check_folder
from embodied.models.old_forms import renewed
from embodied.models.scene_encoders import PRIVILEGED, REMEMBERING
from envs.skills.signatures import TABLETOP_GOALS, PlanLanguage

PLAYED_BY_NAMES = ("model", "unconstrained", "blind", "shuffled", "majority", "oracle")
"""Policies that a planner which remembers what it saw, and points at nothing, can play."""


def language_of(folder: Path, world: str | None = None) -> PlanLanguage:
    """The language that the weights of a checked folder plan in, in a world: of a planner that did not learn it, in its
    first one. LanguageError where one of its skills is no longer what it was."""
    if minds.is_mind(folder):
        return TABLETOP_GOALS
    return learned_language(_facts_in(folder, world).get("plan_language"))


def worlds_of(folder: Path) -> list[str]:
    """The worlds that the planner of a checked folder learned, that of `language_of` first; [] of one alone, and of a
    mind."""
    values = {} if minds.is_mind(folder) else json.loads((folder / "processor_config.json").read_text())
    worlds = values.get("worlds") or {}
    return sorted(worlds, key=lambda name: worlds[name].get("plan_language") != values.get("plan_language"))


def _facts_in(folder: Path, world: str | None) -> Mapping[str, Any]:
    """What a planner's processor_config.json says of a world; of one that it does not name, what it says of all."""
    values = renewed(json.loads((folder / "processor_config.json").read_text()))
    return (values.get("worlds") or {}).get(world, values)


def is_privileged(folder: Path) -> bool:
    """Whether the weights of a checked folder are a planner's that is shown the simulator's own masks, in any world."""
    if minds.is_mind(folder):
        return False
    said = [read_json(folder / "config.json"), *(_facts_in(folder, world) for world in (None, *worlds_of(folder)))]
    return any(renewed(values).get("scene_encoder") in PRIVILEGED for values in said)


def check_policies(folder: Path, policies: Sequence[str], world: str | None = None) -> None:
    """Raises ValueError for policies that point at things, where the plans of the weights of a checked folder, in a
    world, point at none, and for the plan of the majority where they point at some."""
    if "majority" in policies and (pointing := _pointing(language_of(folder, world))):
        raise ValueError("policy=majority: expected a world whose plans are words alone, such as task=kitchen or "
                         f"task=board, got one in which {pointing[0]} points at a thing, which is another one in each "
                         "scene; policy=random plays there")
    encoder = None if minds.is_mind(folder) else _facts_in(folder, world).get("scene_encoder")
    if encoder not in REMEMBERING:
        return
    strange = [policy for policy in policies if policy not in PLAYED_BY_NAMES]
    if strange:
        raise ValueError(f"policy={strange[0]}: expected one of {', '.join(PLAYED_BY_NAMES)} for the weights "
                         f"{folder.name}, whose planner points at nothing")


def _pointing(language: PlanLanguage) -> list[str]:
    """The skills of a language that are told a thing."""
    return [skill.name for skill in language.signatures if any(p.kind == "object" for p in skill.parameters)]


def check_usable(weights: str, *, has_masks: bool = False) -> None:
    """Raises ValueError for weights that cannot be loaded: of a planner, or of a mind, whose base and eyes are needed,
    too. has_masks: whether who asks can show a planner the simulator's masks, as suite=palm_e alone can."""
    folder = minds.mind_folder(weights)
    check_folder(folder)
    if not has_masks and is_privileged(folder):
        raise ValueError(f"weights={weights}: expected a planner that finds objects by itself, got one that is shown "
                         "the simulator's own masks; ask it by embodied evaluate suite=palm_e, or train another: "
                         "model=state")
    if (lacks := minds.why_not(folder)) is not None:
        raise ValueError(f"weights={weights}: {lacks}")
    if (eyes := minds.card(folder).get("eyes")) is not None:
        check_eyes(eyes)


def tell_lacks(weights: str) -> None:
    """Say what the mind lacks that will be used; nothing where it is the best one, or a planner's weights."""
    if (lacks := minds.notice(weights)) is not None:
        print(lacks, flush=True)


def checked(weights: str, *, has_masks: bool = False) -> tuple[Path, str]:
    """The folder, and the SHA-256 over its weights. Raises ValueError as of `check_usable`."""
    check_usable(weights, has_masks=has_masks)
    folder = minds.mind_folder(weights).resolve()
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(path.read_bytes())
    return folder, digest.hexdigest()
