"""Who speaks: a style, the words that he knows, and what he has said so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from envs.tasks.wordings.chinese_words import TABLES as CHINESE
from envs.tasks.wordings.draws import Draws
from envs.tasks.wordings.grammar import Slots, expand
from envs.tasks.wordings.lexicon import TABLES, Split, Words, rows, shared_out


@dataclass(frozen=True, slots=True)
class Style:
    """Shares of what is said in some way, of all that could be. rare: words that textbooks would not use. typos, case,
    polite, chat, fragment, repair: of lines. foreign: of lines without articles, or with a child's grammar."""

    rare: float = 0.3
    typos: float = 0.06
    case: float = 0.3
    polite: float = 0.3
    chat: float = 0.15
    fragment: float = 0.08
    repair: float = 0.02
    foreign: float = 0.04


@cache
def vocabulary(split: Split) -> dict[str, Words]:
    """The words of a split, table by table."""
    return {name: Words(table, split) for name, table in (TABLES | CHINESE).items()}


@cache
def options(row: str, split: Split) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The common texts of a row, and the others of a split."""
    common, rest = rows(row)
    return common, shared_out(rest)[split] or common


@cache
def forms(patterns: tuple[str, ...], split: Split) -> tuple[str, ...]:
    """The patterns of a split: the first four and eight tenths of the others for training; for validation and test
    their own tenth and the first one. The commoner, the earlier."""
    own = shared_out(patterns[4:])[split]
    return (*patterns[:4], *own) if split == "train" else ((patterns[0], *own) if own else patterns[:4])


@dataclass(slots=True)
class Voice:
    """One speaker at one time. unseen: he uses words that training does not have wherever he can. said: kinds of
    which he has spoken."""

    draws: Draws
    style: Style = field(default_factory=Style)
    split: Split = "train"
    unseen: bool = False
    is_foreign: bool = False
    is_terse: bool = False
    constructs: set[str] = field(default_factory=set)

    def chance(self, share: float) -> bool:
        return self.draws.random() < share

    def pick(self, options):
        return options[int(self.draws.random() * len(options))]

    def word(self, table: str, key: str) -> str:
        """A word of a row, a rare one in the style's share."""
        words = vocabulary(self._words())[table]
        if self.unseen or self.chance(self.style.rare):
            self.constructs.add(f"{table}")
            return self.pick(words.rest[key])
        common = words.common[key]
        return common[0] if len(common) == 1 or self.chance(0.4) else self.pick(common)

    def of(self, row: str) -> str:
        """A text of a row "common, ones | others, ..."."""
        common, rest = options(row, self._words())
        if self.unseen or self.chance(self.style.rare):
            return self.pick(rest)
        return common[0] if self.chance(0.3) else self.pick(common)

    def form(self, patterns: tuple[str, ...], slots: Slots | None = None, *, many: bool = False) -> str:
        """One of several patterns of the split, filled."""
        return expand(self.pick(forms(patterns, self.split)), self.draws, slots, many=many)

    def fill(self, pattern: str, slots: Slots | None = None, *, many: bool = False) -> str:
        """One text of a pattern."""
        return expand(pattern, self.draws, slots, many=many)

    def _words(self) -> Split:
        return "test" if self.unseen else self.split
