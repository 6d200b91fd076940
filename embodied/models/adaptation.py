"""How a planner learns on a base: what of the published language model moves, and what of it a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["whole", "lora", "frozen", "last", "full", "random"]

KINDS: dict[str, str] = {
    "whole": "all of it moves, its embeddings are widened for new tokens; the checkpoint holds everything",
    "lora": "low-rank adapters on it move; the checkpoint names the base, and holds adapters and the rest",
    "frozen": "nothing of it moves; the checkpoint names the base",
    "last": "its last layers move; the checkpoint names the base, and holds those layers",
    "full": "all of it moves; the checkpoint holds everything",
    "random": "its architecture and tokenizer, with weights drawn anew; the checkpoint holds everything",
}
"""Kind -> what it means. All but "whole" keep the base's embeddings as they are, with a table of new tokens beside."""

BORROWING = ("lora", "frozen", "last")
"""Kinds whose checkpoints leave the base where it is, and name it."""


@dataclass(frozen=True, slots=True)
class Adaptation:
    """Values of a planner on a base. rank, alpha (factor of what adapters say, over the rank), dropout, targets (names
    of linear layers, or `all-linear` for each but the head) and dora (directions and lengths apart, arXiv 2402.09353):
    of lora, arXiv 2106.09685. layers: how many move, of last."""

    kind: Kind = "lora"
    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    targets: tuple[str, ...] = ("all-linear",)
    dora: bool = False
    layers: int = 4

    @property
    def borrows(self) -> bool:
        """Whether a checkpoint names the base instead of holding it."""
        return self.kind in BORROWING

    def values(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "targets": list(self.targets)}


def read_adaptation(values: Mapping[str, Any] | None) -> Adaptation:
    """Of the JSON values of a checked configuration; None is "whole"."""
    if values is None:
        return Adaptation(kind="whole")
    return Adaptation(**{**values, "targets": tuple(values.get("targets", ("all-linear",)))})
