"""The card of the data sets: which words and syntaxes each split has, and what its lines are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from types import ModuleType

from envs.tasks.wordings import (
    answering,
    asking,
    brackets,
    chatter,
    chinese_shapes,
    chinese_words,
    clauses,
    conditions,
    continuing,
    counting,
    denials,
    depending,
    excluding,
    fragments,
    idle,
    lexicon,
    mentioning,
    moods,
    nouns,
    repairs,
    rethinking,
    sequences,
    stepping,
    talk,
    towers,
    turns,
    verbs,
    wondering,
)
from envs.tasks.wordings.lines import SHARES, Line
from envs.tasks.wordings.noise import known
from envs.tasks.wordings.writing import lines, written

_MODULES: tuple[ModuleType, ...] = (
    answering, asking, brackets, chatter, chinese_shapes, chinese_words, clauses, conditions, continuing, counting,
    denials, depending, excluding, fragments, idle, mentioning, moods, nouns, repairs, rethinking, sequences,
    stepping, talk, towers, turns, verbs, wondering,
)
SPLITS: tuple[lexicon.Split, ...] = ("train", "validation", "test")


def word_rows() -> Iterator[tuple[str, str]]:
    """Every row of words, by a name of its own."""
    for table, rows in (lexicon.TABLES | chinese_words.TABLES).items():
        yield from ((f"{table}.{key}", row) for key, row in rows.items())
    yield from ((f"verbs.{key}.{number}", verbs_of) for key, frames in verbs.FRAMES.items()
                for number, (verbs_of, _) in enumerate(frames))
    yield from (("cannot", idle.VERBS), ("cannot alone", idle.BARE_VERBS))


def syntaxes() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every row of patterns of which splits have their own, by a name of its own; none twice."""
    seen: set[int] = set()
    for module in _MODULES:
        for name, value in vars(module).items():
            if name.isupper() and not name.startswith("_") and id(value) not in seen:
                seen.add(id(value))
                yield from ((f"{module.__name__.rsplit('.', 1)[-1]}.{name}{key}", row) for key, row in _rows(value))


def _rows(value: object) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(value, tuple) and value and all(isinstance(text, str) for text in value):
        yield "", value
    elif isinstance(value, Mapping):
        yield from (
            (f".{key}", row)
            for key, row in value.items()
            if isinstance(row, tuple) and all(isinstance(text, str) for text in row)
        )


def counted_words(split: lexicon.Split) -> int:
    """How many words a split has of its own, beside the common ones."""
    return sum(len(lexicon.shared_out(lexicon.rows(row)[1])[split]) for _, row in word_rows())


def counted_syntaxes(split: lexicon.Split) -> int:
    """How many patterns a split has of its own, beside the four commonest of each row."""
    return sum(len(lexicon.shared_out(row[4:])[split]) for _, row in syntaxes())


def overlap() -> int:
    """Words and patterns that two splits share as their own, row by row."""
    rows = [lexicon.rows(row)[1] for _, row in word_rows()] + [row[4:] for _, row in syntaxes()]
    shared = 0
    for row in rows:
        parts = [set(part) for part in lexicon.shared_out(tuple(row)).values()]
        shared += sum(len(a & b) for i, a in enumerate(parts) for b in parts[i + 1:])
    return shared


def shape(text: str) -> str:
    """A text without its case, stops, and the words of the lexicon: what is left is how it is put together."""
    words = re.findall(r"[a-z']+|[^\x00-\x7f]+", text.lower())
    return " ".join("_" if word in known() else word for word in words)


def _measured(made: list[Line]) -> dict[str, str]:
    texts = {line.text.lower() for line in made}
    return {
        "lines": f"{len(made):,}",
        "texts of their own": f"{len(texts):,}",
        "shapes": f"{len({shape(t) for t in texts}):,}",
        "words": f"{len({w for t in texts for w in t.split()}):,}",
        "goals": f"{len({line.goal for line in made}):,}",
        "characters, mean": f"{sum(len(line.text) for line in made) / len(made):.0f}",
        "after other turns": f"{sum(bool(line.before) for line in made) / len(made):.1%}",
        "Mandarin": f"{sum(map(_is_mandarin, made)) / len(made):.1%}",
    }


def card(count: int, seed: int) -> str:
    """The page, by so many lines of each split."""
    made = {split: list(lines(count, split, seed)) for split in SPLITS}
    kinds = {split: Counter(line.kind for line in made[split]) for split in SPLITS}
    common = sum(len(lexicon.rows(row)[0]) for _, row in word_rows())
    usual = sum(min(4, len(row)) for _, row in syntaxes())
    rows = [
        ("words in every split", *[f"{common:,}"] * 3),
        ("words of its own", *[f"{counted_words(s):,}" for s in SPLITS]),
        ("patterns in every split", *[f"{usual:,}"] * 3),
        ("patterns of its own", *[f"{counted_syntaxes(s):,}" for s in SPLITS]),
    ]
    measured = {split: _measured(made[split]) for split in SPLITS}
    rows += [(name, *(measured[split][name] for split in SPLITS)) for name in measured["train"]]
    rows += [(f"kind: {kind}", *(f"{kinds[split][kind]:,}" for split in SPLITS)) for kind in SHARES]
    return _PAGE.format(count=count, seed=seed, overlap=overlap(), table=_table(rows), written=_written(made["train"]))


def _table(rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _written(generated: list[Line]) -> str:
    """The rows of what a language model wrote, beside as many generated lines as are counted."""
    learned, held = list(written("train", 0)), list(written("validation", 0))
    parts = ([line for line in learned if not _is_mandarin(line)], list(filter(_is_mandarin, learned)), held)
    known_words = {word for line in generated for word in _words(line)}
    measured = [_measured(part) for part in parts]
    rows = [(name, *(part[name] for part in measured)) for name in measured[0] if name != "Mandarin"]
    unknown = [f"{len({w for line in part for w in _words(line)} - known_words):,}" for part in parts]
    kinds = [Counter(line.kind for line in part) for part in parts]
    rows += [("words that none of the generated lines above has", *unknown)]
    rows += [(f"kind: {kind}", *(f"{of[kind]:,}" for of in kinds)) for kind in SHARES]
    return _table(rows)


def _words(line: Line) -> set[str]:
    return set(re.findall(r"[a-z']+|[^\x00-\x7f]", line.text.lower()))


def _is_mandarin(line: Line) -> bool:
    return any(ord(mark) > 0x4E00 for mark in line.text)


_PAGE = """# Goals in words

What a decoder learns to read people from: goals of the goal language with what people may say who want them, made by
`envs.tasks.wordings`. The counts are of {count:,} lines of each split:

    python -m scripts.goal_wordings --card docs/goal_wordings.md --lines {count} --seed {seed}

A data set is written by

    python -m scripts.goal_wordings FILE.jsonl --count 200000 --split train --seed 0

as lines of `text`, `before` (earlier turns, where there are such), `goal` in its normal form, and `kind`. The same
arguments give the same file. A fifth of the lines that could stand alone come after other turns, with which they have
nothing to do. Nobody's texts are in it: they are composed of words and patterns, clause by clause.
Which goals and shapes of words they lack was looked for with the development set of `suite=language` at hand (the test
sets were not read): what drawn goals seldom were is drawn by `envs.tasks.wordings.shapes`. No sentence of the set is a
pattern; all the same, a figure on the development set says less about these words than one on the test set.

**Splits.** The commonest words of a row and the four commonest patterns are in every split. Of the others eight tenths
are for training alone, one tenth each for validation and for test (at least one of three or more). Words and
patterns that two splits have as their own: {overlap}. `--unseen` draws test's words wherever there are such.
Combinations of `envs.goals.combinations` that are kept out of training are in no line unless
`--all-combinations` is said.

**Meaning.** A text says its goal and no more; the reader sees no table, so that "the small block" is
`the small block`, however many there are. Typing errors make no other word of the lexicon and spare words that
a goal copies.

| | train | validation | test |
|---|--:|--:|--:|
{table}

**Written lines.** Composed words have the generator's ways of putting things, however many lines there are. So a
language model wrote a text of its own for each of 20,502 goals drawn from `train`, by several writers who had no set of
`suite=language` at hand: what they were told is in `envs/tasks/wordings/written/BRIEF.md`, what they wrote beside it.
Left out were 405 texts with a word that only validation or test have, 101 that a second reader did not take for the
goal, and 4 repeats. No text of more than five words is in a set of `suite=language`. The writer of `validation` wrote
nothing else. The sets that judge were written by a language model, too: minds that learned these lines may be nearer to
those sets than to people.

    python -m scripts.goal_wordings FILE.jsonl --written --split train --seed 0

writes them in a drawn order, some after other turns.

| | train, English | train, Mandarin | validation |
|---|--:|--:|--:|
{written}
"""
