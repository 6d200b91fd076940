"""Documents: texts found in folders, and what installed packages say of themselves."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

SUFFIXES = (".md", ".rst", ".txt")
INSTALLED = "installed"
"""The name that stands for the docs of installed packages where a folder would."""
LARGEST_BYTES = 4_000_000
"""Of a file: larger ones are tables and lists, no prose."""
_LEAST_DOCSTRING = 200  # characters


@dataclass(frozen=True, slots=True)
class Document:
    """source: where it was found, for a person."""

    source: str
    text: str


def find_documents(folders: Sequence[str]) -> Iterator[Document]:
    """Documents of folders, by name, and of INSTALLED. ValueError for a folder that is not there."""
    check_folders(folders)
    for folder in folders:
        yield from _installed() if folder == INSTALLED else _written(Path(folder), Path(folder))


def check_folders(folders: Sequence[str]) -> None:
    """Raise ValueError for a folder that is not there."""
    missing = [folder for folder in folders if folder != INSTALLED and not Path(folder).is_dir()]
    if missing:
        raise ValueError(f"text: expected folders with {', '.join(SUFFIXES)} files, or {INSTALLED!r}, got "
                         f"{', '.join(missing)}, which are no folders")


def _written(folder: Path, root: Path) -> Iterator[Document]:
    """Files that hold text, in the order of their names."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file() and path.stat().st_size <= LARGEST_BYTES:
            yield Document(str(path.relative_to(root)), path.read_text("utf-8", "replace"))


def _installed() -> Iterator[Document]:
    """What the packages of this Python describe themselves as, their text files, and their docstrings, a document for
    each module."""
    named = [(one.metadata["Name"], one) for one in metadata.distributions()]
    for name, distribution in sorted((pair for pair in named if pair[0]), key=lambda pair: pair[0].lower()):
        if described := distribution.metadata.get_payload():
            yield Document(f"{name}: description", str(described))
        for file in sorted(distribution.files or (), key=str):
            path = Path(str(distribution.locate_file(file)))
            if path.suffix in (".py", *SUFFIXES) and path.is_file() and path.stat().st_size <= LARGEST_BYTES:
                yield from _of_file(f"{name}: {file}", path)


def _of_file(source: str, path: Path) -> Iterator[Document]:
    text = path.read_text("utf-8", "replace")
    if path.suffix != ".py":
        yield Document(source, text)
    elif said := "\n\n".join(_docstrings(text)):
        yield Document(source, said)


def _docstrings(source: str) -> Iterator[str]:
    """Docstrings that say more than a line. None of a file that this Python cannot read."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in _statements(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            said = ast.get_docstring(node)
            if said is not None and len(said) >= _LEAST_DOCSTRING:
                yield said


_NESTED = ("body", "handlers", "cases", "orelse", "finalbody")
"""Fields of a node that hold statements, in their order."""


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes of `ast.walk`, in its order, without expressions: those are most of a file, and hold no docstring."""
    waiting: deque[ast.AST] = deque([tree])
    while waiting:
        node = waiting.popleft()
        yield node
        for name in _NESTED:
            waiting.extend(getattr(node, name, ()))
