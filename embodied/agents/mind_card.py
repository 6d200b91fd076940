"""The card that makes a checkpoint folder a mind: whose eyes it sees by, and the base that it stands on."""

from __future__ import annotations

import json
from pathlib import Path

CARD = "mind.json"
EYES = "eyes"
"""The shipped segmenter that minds see by (`embodied.agents.eyes`)."""


def write_card(base: str | None) -> str:
    """What the file says of a mind that sees by the shipped eyes. base: its name, None for a model that has none."""
    return json.dumps({"eyes": EYES, **({} if base is None else {"base": base})}) + "\n"


def with_second(text: str, second: str | None) -> str:
    """The card's text with the second mind that it asks, a name or a folder; None for none."""
    kept = {key: value for key, value in json.loads(text).items() if key != "second"}
    return json.dumps({**kept, **({} if second is None else {"second": second})}) + "\n"


def card(folder: Path) -> dict[str, str]:
    """What `mind.json` says: eyes, the name of its base where it has one, the second mind that it asks where it asks
    one; {} for a planner."""
    path = folder / CARD
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def is_mind(folder: Path) -> bool:
    """Whether a folder's language model writes goals."""
    return (folder / CARD).is_file()
