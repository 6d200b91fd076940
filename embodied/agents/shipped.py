"""Trained agents by name: weights that come with the package, or a folder of your own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from embodied.agents.backends.local import LocalBackend
from embodied.agents.language_agent import LanguageAgent
from embodied.agents.mind_card import is_mind
from embodied.models.folder import WEIGHTS, check_folder

if TYPE_CHECKING:
    from embodied.models import PalmEForConditionalGeneration, PalmEProcessor

SHIPPED = "tabletop-tiny"
"""The weights that `weights=shipped` means."""
PLANNERS = {"tamp": "tamp-tiny", "board": "board-tiny", "kitchen": "kitchen-tiny"}
"""World that no mind knows -> the shipped planner that learned it."""


def shipped_names() -> list[str]:
    """Names of the weights that came with this installation."""
    return sorted(path.parent.name for path in WEIGHTS.glob("*/config.json"))


def weights_path(name: str) -> Path:
    """Folder of weights that came with the package; raises ValueError that lists what there is."""
    if name not in shipped_names():
        raise ValueError(f"weights: expected one of {shipped_names() or 'nothing (this copy ships no weights)'} or a "
                         f"folder with config.json, got {name!r}; train one, or install a release that ships it")
    return WEIGHTS / name


def weights_folder(weights: str | Path) -> Path:
    """The checkpoint folder of "shipped", of a shipped name, or of a path. A folder that is there comes before a name
    where it has a config.json; one without is taken where no weights have its name, so that its fault can be said."""
    path, name = Path(weights), SHIPPED if str(weights) == "shipped" else str(weights)
    if (path / "config.json").is_file() or "/" in str(weights) or (path.is_dir() and name not in shipped_names()):
        return path
    return weights_path(name)


def load_agent(name: str | Path = "shipped", *, world: str | None = None, device: str = "cpu",
               temperature: float = 0.0, takes_weights: bool = False, **settings: Any) -> LanguageAgent:
    """A ready agent from shipped weights or a checkpoint folder, see `weights_folder`; settings as of
    `LanguageAgent`. world: of a planner that learned several the one that it is to plan in, a name of
    `envs.skills.signatures.LANGUAGES`; None for its first one; of others nothing hangs on it. takes_weights: it will be
    given other weights, so that a base and its adapters stay apart; else they are made one, which plans faster. Raises
    ValueError for a mind's weights, and for a world that was not learned."""
    folder = weights_folder(name)
    if is_mind(folder):
        raise ValueError(f"weights={name}: expected a planner's, which writes plans, got a mind's, which writes goals; "
                         f"choose weights=shipped, or load it with embodied.agents.minds.load_mind")
    check_folder(folder)
    from embodied.models.loading import load  # torch comes along, and a wrong folder has been refused
    from embodied.models.on_base import merge_adapters

    model, processor = load(folder, device)
    if world is not None and processor.worlds:
        processor = processor.in_world(world)
    if not takes_weights:
        merge_adapters(model.language)
    return make_agent(model, processor, temperature=temperature, **settings)


def make_agent(model: PalmEForConditionalGeneration, processor: PalmEProcessor, *, temperature: float = 0.0,
               **settings: Any) -> LanguageAgent:
    """A ready agent from a model and a processor, such as transformers' Auto classes give; settings as of
    `LanguageAgent`."""
    return LanguageAgent(LocalBackend(model, processor, temperature=temperature), **settings)
