"""From folders to texts to learn from: found, judged, scrubbed, without copies; what is left out is counted."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from embodied.data.files import replaced_folder, write_json
from embodied.data.text.documents import Document, find_documents
from embodied.data.text.duplicates import Seen
from embodied.data.text.privacy import scrub
from embodied.data.text.quality import why_poor
from embodied.typed import between

LEARNED, HELD_OUT = "learned.jsonl", "held_out.jsonl"
CARD = "card.json"


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
    held_out_percent: int = between(0, 50, default=2)  # of the documents, by the hash of their text


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
    names = _names(road.names)
    with (folder / LEARNED).open("w", encoding="utf-8") as learned, (
            folder / HELD_OUT).open("w", encoding="utf-8") as held:
        for document in _kept(road, names, counts):
            out = held if _is_held_out(document.text, road.held_out_percent) else learned
            out.write(json.dumps({"source": document.source, "text": document.text}, ensure_ascii=False) + "\n")
            counts["held out" if out is held else "learned"] += 1
    if not counts["learned"]:
        raise ValueError(f"text: expected documents to learn from, got none of {counts['found']} that were found in "
                         f"{', '.join(road.folders)}")
    card = {"road": json.loads(json.dumps(asdict(road))), "counts": dict(sorted(counts.items()))}
    write_json(folder / CARD, card)
    return card


def _kept(road: Road, names: Sequence[str], counts: Counter[str]) -> Iterator[Document]:
    """Documents that nothing speaks against. Those that are held out are no copies of others either."""
    seen = Seen(road.likeness)
    for document in _up_to(find_documents(road.folders), road.most_characters):
        counts["found"] += 1
        counts["found, characters"] += len(document.text)
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
        yield Document(document.source, text)


def _up_to(documents: Iterable[Document], most: int | None) -> Iterator[Document]:
    total = 0
    for document in documents:
        total += len(document.text)
        if most is not None and total > most:
            return
        yield document


def _is_held_out(text: str, percent: int) -> bool:
    """The same whatever else is there: by a text's own hash."""
    return int(hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8], 16) % 100 < percent


def _names(file: str | None) -> tuple[str, ...]:
    if file is None:
        return ()
    return tuple(line.strip() for line in Path(file).read_text("utf-8").splitlines() if line.strip())


def read_texts(folder: Path, name: str) -> list[str]:
    """The texts of LEARNED or HELD_OUT."""
    with (folder / name).open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]
