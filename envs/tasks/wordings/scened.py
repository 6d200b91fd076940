"""Wordings with a scene of their own: what `embodied evaluate suite=language wordings=FILE.jsonl` plays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from envs.goals.sampling import draw
from envs.goals.spelling import write
from envs.tasks.wordings.lexicon import Split
from envs.tasks.wordings.saying import say

Combinations = Literal["train", "test"]
_STREAM = 0x5CE4E  # keeps these draws apart from those of lines without scenes


def scened(count: int, split: Split, seed: int, *, unseen: bool = False, combinations: Combinations | None = None,
           kinds: Sequence[str] = (), things: tuple[int, int] = (3, 7), language: str = "en"
           ) -> Iterator[dict[str, Any]]:
    """Drawn scenes and goals in words: {"id", "kind", "text", "scene", "goal"}, the same for the same arguments.

    split, unseen: of the words. combinations: of the constructs of goals, as `envs.goals.combinations` has them: those
    that training may have, those that each have one at least which it never has; both where None. kinds: of goals
    (`envs.goals.sampling.SHARES`), in turn; drawn by their shares where there are none.
    """
    rng = np.random.default_rng([seed, _STREAM])
    for number in range(1, count + 1):
        kind = kinds[number % len(kinds)] if kinds else None
        drawn = draw(rng, things=things, kind=kind, split=combinations)
        worded = say(drawn.goal, drawn.table, rng, split=split, unseen=unseen, language=language)
        yield {"id": f"{number:04d}", "kind": drawn.kind, "text": worded.text, "scene": drawn.scene,
               "goal": write(drawn.goal)}
