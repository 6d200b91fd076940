"""Other words for the same: what was collected in few wordings is taught in more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

KEPT = 0.5
"""Chance that words which could be put otherwise are left as they are."""


class Rewording:
    """Wordings that mean the same as the ones of a dataset."""

    def __init__(self, templates: Mapping[str, Sequence[str]]):
        """templates: a wording -> others for it, each with the same "{a}", "{b}" ..., which stand for one to three
        words. Raises ValueError for another wording with other slots."""
        self._templates = {_pattern(template): tuple(others) for template, others in templates.items() if others}
        for template, others in templates.items():
            for other in others:
                if _slots(other) != _slots(template):
                    raise ValueError(f"rewording: expected the slots of {template!r}, got {other!r}")

    @property
    def texts(self) -> list[str]:
        """Every other wording, with nothing in its slots."""
        return [re.sub(r"\{\w+\}", "", other) for others in self._templates.values() for other in others]

    def draw(self, text: str, rng: np.random.Generator) -> str:
        """The text in other words for the same; as it is half of the time, and where nobody knows any."""
        if not self._templates or rng.random() < KEPT:
            return text
        for pattern, others in self._templates.items():
            if (match := pattern.fullmatch(text)) is not None:
                return others[int(rng.integers(len(others)))].format(**match.groupdict())
        return text


def _slots(template: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", template))


def _pattern(template: str) -> re.Pattern[str]:
    """Matches the template with one to three words in each slot, the same ones wherever it stands."""
    first, *rest = re.split(r"\{(\w+)\}", template)
    text, seen = re.escape(first), set[str]()
    for slot, after in zip(rest[::2], rest[1::2], strict=True):
        text += (f"(?P={slot})" if slot in seen else rf"(?P<{slot}>\w+(?: \w+){{0,2}})") + re.escape(after)
        seen.add(slot)
    return re.compile(text)
