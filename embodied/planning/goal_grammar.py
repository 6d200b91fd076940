"""The grammar of everything that a person may want, in the Lark form that llguidance reads: the language of
`envs.goals.spelling` and nothing else, things within things at any depth.

Words in quotes, which name what the table does not have and what the robot cannot do, must be words of the person.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache

from envs.goals.language import (
    KINDS,
    LONE_RELATIONS,
    NEAR_RELATIONS,
    NUMBERS,
    PLACES,
    QUANTIFIERS,
    SIZES,
    SUPERLATIVES,
    TABLE,
)
from envs.goals.spelling import COLORS

_ON_TABLE = f"on {TABLE}"


def _either(words: Iterable[str], after: str = "", before: str = "") -> str:
    return "(" + " | ".join(f'"{before}{word}{after}"' for word in words) + ")"


# No text stands at the beginning of another one where both may come: the reader of texts goes by the longest.
_RULES = f"""
start: goal
goal: "nothing" | "unclear" | "cannot " quoted | "tell " tell | "if " test ": " do (" else: " do)? | do
tell: "whether " test | {_either(("count", "where", "color", "what"), "(")} things ")"
do: step (" then " step)*
step: clause ("; " clause)*
clause: "not " fact | fact | "keep(" things ")"
test: "not " test | "there_is(" things ")" | "more(" things ", " things ")" | fact
fact: {_either(("in", "beside", "left_of", "right_of"), "(")} things ", " things ")"
    | "on(" things ", " (things | "{TABLE}") ")" | "at(" things ", " {_either(PLACES)} ")" | "held(" things ")"
things: {_either((*QUANTIFIERS, *NUMBERS), " ")}? told
told: {_either(SUPERLATIVES, " ")}? {_either(SIZES, " ")}? named (" [" where "]")* (" but " told)?
named: {_either(COLORS, " ")}? ({_either(KINDS)} | quoted) | quoted {_either(KINDS, before=" ")}
where: {_either(word for word in LONE_RELATIONS if word != _ON_TABLE)} | {_either(NEAR_RELATIONS, " ")} things
    | "on " "{TABLE}"
"""
_QUOTED = 'quoted: "\\"" words "\\""\nwords: %regex '


@lru_cache(maxsize=64)
def goal_grammar(words: str) -> str:
    """Lark text of every goal. words: the person's, in small letters, of which quotes are parts; without a quote where
    there are none."""
    speakable = words.replace('"', "") or " "
    return f"{_RULES}{_QUOTED}{json.dumps({'substring_chars': speakable})}\n"
