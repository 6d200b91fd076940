"""An observation that was seen is not looked at again, unless a pixel of it or the segmenter is another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from embodied.agents.backends.looks import MOST_KEPT, Looks
from tests.embodied.planning.scenes import observation, slot


def test_only_what_is_new_is_looked_at():
    looks, asked, seen = Looks(), [], observation()
    slots = [slot(0.4)]

    def perceive():
        asked.append(0)
        return slots

    assert looks.of(seen, 1, perceive) == slots == looks.of(replace(seen), 1, perceive) and len(asked) == 1
    name = next(iter(seen.rgb))
    other = np.array(seen.rgb[name])
    other[0, 0, 0] ^= 1
    looks.of(replace(seen, rgb={**seen.rgb, name: other}), 1, perceive)
    looks.of(replace(seen, depth={**seen.depth, name: seen.depth[name] + 1}), 1, perceive)
    looks.of(seen, 2, perceive)
    assert len(asked) == 4
    looks.of(seen, None, perceive)
    looks.of(seen, None, perceive)
    assert len(asked) == 6
    for version in range(3, 3 + MOST_KEPT):
        looks.of(seen, version, perceive)
    assert len(looks._kept) == MOST_KEPT
    looks.of(seen, 1, perceive)
    assert len(asked) == 7 + MOST_KEPT
