"""Who hears a model's tokens while it writes several rows at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embodied.models.processor import PalmEProcessor

OnToken = Callable[[int, str, float], bool]
"""(row, text of the token, its probability after the mask): whether to go on."""


class RowListener:
    """Hears the tokens of one row, and tells whoever listens the text that each of them added."""

    def __init__(self, processor: PalmEProcessor, row: int, on_token: OnToken) -> None:
        self._processor, self._row, self._on_token = processor, row, on_token
        self._told = ""

    def __call__(self, said: list[int], probability: float, is_last: bool) -> bool:
        """Whether the listener wants more. said: the tokens so far. probability: of the newest one, after the mask.
        is_last: whether the row ends with it."""
        text = settled(self._processor.decode(said), is_last)
        news, self._told = text[len(self._told):], text
        return self._on_token(self._row, news, probability)


def settled(text: str, is_last: bool) -> str:
    """What of a decoded text no further token will change: a letter's bytes may come one token at a time, and are
    replacement characters until the last of them is there."""
    return text if is_last else text.rstrip("\ufffd")
