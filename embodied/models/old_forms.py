"""Configurations as earlier versions wrote them, made new: the one door through which old checkpoints enter.

Version 0.x wrote `seeing` ("slots" or "image") where there is now `scene_encoder`, the size of the geometry, which the
encoder has now, and a sha256 of the plan language, `grammar_fingerprint`, where its declaration stands now
(`embodied.planning.declaration` reads both); `vocabulary` was called `lexicon`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OLD_KEYS = frozenset(("seeing", "geometry_size", "grammar_fingerprint", "lexicon"))
"""Keys of config.json and processor_config.json that no version writes any more."""


def renewed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of config.json or processor_config.json in the present form; those of that form as they are."""
    new = {key: value for key, value in values.items() if key not in OLD_KEYS}
    if "seeing" in values:
        new.setdefault("scene_encoder", values["seeing"])
    if "grammar_fingerprint" in values:
        new.setdefault("plan_language", values["grammar_fingerprint"])
    if "lexicon" in values:
        new.setdefault("vocabulary", values["lexicon"])
    return new
