"""From folders to texts to learn from: found, judged, scrubbed, without copies; what is left out is counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from embodied.data.files import replaced_folder, write_json
from embodied.data.text.documents import Document, check_folders, find_documents
from embodied.data.text.duplicates import Seen, fingerprint, marks_of
from embodied.data.text.privacy import scrub
from embodied.data.text.quality import why_poor
from embodied.typed import between

LEARNED, HELD_OUT = "learned.jsonl", "held_out.jsonl"
CARD = "card.json"
_TOLD_EVERY = 5_000_000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """What is done on the way; each step may be left out, to see what it is good for."""

    folders: tuple[str, ...]  # with .md, .rst and .txt files; installed = the docs of installed packages
    is_filtered: bool = True
    is_deduplicated: bool = True
    is_scrubbed: bool = True
    likeness: float = between(0.5, 1.0, default=0.8)  # share of five words in a row from which a text is a copy
    names: str | None = None  # a file of people's names, a line each, that are taken out
    most_characters: int | None = between(1000, default=None)  # of what is found, in the order of the folders
    held_out_percent: int = between(1, 50, default=2)  # of the documents, by the hash of their text


def check(road: Road) -> None:
    """Raise ValueError where a folder, or the file of names, is not there."""
    check_folders(road.folders)
    if road.names is not None and not Path(road.names).is_file():
        raise ValueError(f"text.names={road.names}: expected a file of names, a line each, got none there")


def prepare(road: Road, folder: Path) -> dict[str, Any]:
    """The card of the texts in a folder, which are made where they are not there: documents and characters after each
    step, and what was left out by reason. ValueError for folders that hold no text, or a card of another road."""
    if (folder / CARD).exists():
        card = json.loads((folder / CARD).read_text("utf-8"))
        if card["road"] != json.loads(json.dumps(asdict(road))):
            raise ValueError(f"{folder}: expected texts of this road, got some of another; choose another folder")
        return card
    with replaced_folder(folder) as draft:
        return _fill(road, draft)


def _fill(road: Road, folder: Path) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    kept = list(_kept(road, _names(road.names), counts))
    learned = [document for document, is_held_out in kept if not is_held_out]
    held_out = _apart([document for document, is_held_out in kept if is_held_out], learned, counts)
    if not learned:
        raise ValueError(f"text: expected documents to learn from, got none of {counts['found']} that were found in "
                         f"{', '.join(road.folders)}; left out: {_listed(counts) or 'none'}")
    for name, documents in ((LEARNED, learned), (HELD_OUT, held_out)):
        lines = [json.dumps(asdict(document), ensure_ascii=False) + "\n" for document in documents]
        (folder / name).write_text("".join(lines), "utf-8", errors="replace")
    counts.update({"learned": len(learned), "held out": len(held_out)})
    card = {"road": json.loads(json.dumps(asdict(road))), "counts": dict(sorted(counts.items()))}
    write_json(folder / CARD, card)
    return card


def _kept(road: Road, names: Sequence[str], counts: Counter[str]) -> Iterator[tuple[Document, bool]]:
    """Documents that nothing speaks against, and whether each is held out: by its text as it was found, so that this
    hangs on nothing else that is done."""
    seen, told = Seen(road.likeness), 0
    for document in _up_to(find_documents(road.folders), road.most_characters):
        counts["found"] += 1
        counts["found, characters"] += len(document.text)
        if counts["found, characters"] // _TOLD_EVERY > told:
            told = counts["found, characters"] // _TOLD_EVERY
            print(f"texts: {counts['found, characters'] / 1e6:.0f} million characters read"
                  f"{'' if road.most_characters is None else f' of at most {road.most_characters / 1e6:.0f}'}, "
                  f"{counts['kept, characters'] / 1e6:.0f} kept", flush=True)
        if road.is_filtered and (reason := why_poor(document.text)):
            counts[f"poor: {reason}"] += 1
            continue
        if road.is_deduplicated and (copied := seen.copy_of(counts["found"], document.text)):
            counts[f"copies: {copied[0]}"] += 1
            continue
        text = document.text
        if road.is_scrubbed:
            text, marks = scrub(text, names)
            counts.update({f"scrubbed: {mark}": count for mark, count in marks.items()})
        counts["kept, characters"] += len(text)
        yield Document(document.source, text), int(fingerprint(document.text)[:8], 16) % 100 < road.held_out_percent


MOST_KNOWN = 0.5
"""Of a held-out text: the share of its five words in a row that may stand in what is learned from."""


def _apart(held_out: Sequence[Document], learned: Sequence[Document], counts: Counter[str]) -> list[Document]:
    """Those that are not for the most part in what is learned from, whole or in pieces."""
    known = np.unique(np.concatenate([marks_of(document.text) for document in learned] or [np.empty(0, np.uint64)]))
    apart = [one for one in held_out if np.isin(marks_of(one.text), known).mean() <= MOST_KNOWN]
    counts["held out, but for the most part in what is learned from"] += len(held_out) - len(apart)
    return apart


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()) if name.startswith(("poor", "copies")))


def _up_to(documents: Iterable[Document], most: int | None) -> Iterator[Document]:
    """Documents up to so many characters; the last one is cut."""
    left = most
    for document in documents:
        if left is not None and len(document.text) >= left:
            yield Document(document.source, document.text[:left])
            return
        left = None if left is None else left - len(document.text)
        yield document


def _names(file: str | None) -> tuple[str, ...]:
    if file is None:
        return ()
    return tuple(line.strip() for line in Path(file).read_text("utf-8").splitlines() if line.strip())


def read_texts(folder: Path, name: str) -> list[str]:
    """The texts of LEARNED or HELD_OUT."""
    with (folder / name).open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]
