"""Trained agents by name: weights that come with the package, or a folder of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from embodied.agents.backends.local import LocalBackend
from embodied.agents.language_agent import LanguageAgent

WEIGHTS = Path(__file__).parent.parent / "weights"


def shipped_names() -> list[str]:
    """Names of the weights that came with this installation."""
    return sorted(path.parent.name for path in WEIGHTS.glob("*/config.json"))


def weights_path(name: str) -> Path:
    """Folder of weights that came with the package; raises ValueError that lists what there is."""
    if name not in shipped_names():
        raise ValueError(f"weights: expected one of {shipped_names() or 'nothing (this copy ships no weights)'} or a "
                         f"folder with config.json, got {name!r}; train one, or install a release that ships it")
    return WEIGHTS / name


def load_agent(name: str | Path = "tabletop-tiny", *, device: str = "cpu", temperature: float = 0.0,
               **settings: Any) -> LanguageAgent:
    """A ready agent from shipped weights or a checkpoint folder; settings as of `LanguageAgent`."""
    from embodied.models.loading import load

    folder = Path(name) if (Path(name) / "config.json").is_file() else weights_path(str(name))
    model, processor = load(folder, device)
    return LanguageAgent(LocalBackend(model, processor, temperature=temperature), **settings)
