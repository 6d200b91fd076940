"""Figures of the structure, read from syntax trees: sizes, import cycles, arrows between rooms, files of a change.

    python -m scripts.structure [--json] [--against COMMIT] [--change [NAME=]RANGE ...] [--write docs/structure.md]

--against: the same of another commit beside it. --change: which files a branch or range of commits touches, such as
`main..topic`; of a branch alone, what it adds to the present commit. Branches are thrown away, so a page that is
written again without --change keeps those that it lists. A room is a package or module right below `embodied` or
`envs`. Lines of a function are those of its body without the docstring, as tests/laws counts them. Imports in functions
count, those for type checkers do not.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
HOUSES = ("embodied", "envs")
CODE = (*HOUSES, "configs")
_COMMITS = 50
_MOST = 12  # names in a list


@dataclass(frozen=True)
class Module:
    """One file. imports: (module or package, name taken from it or "")."""

    name: str
    lines: int
    functions: tuple[int, ...]
    imports: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Tree:
    """The modules of both houses by name."""

    modules: Mapping[str, Module]

    @cached_property
    def arrows(self) -> dict[str, set[str]]:
        """Module -> those of ours that it imports."""
        return {m.name: {at for at in (self._target(*pair) for pair in m.imports) if at and at != m.name}
                for m in self.modules.values()}

    @cached_property
    def room_arrows(self) -> dict[str, set[str]]:
        """Room -> other rooms that it imports."""
        return self._between_rooms(self.modules)

    @cached_property
    def room_ways(self) -> dict[str, set[str]]:
        """The same but for modules that import nothing of ours: they lead nowhere, so no circle goes through them."""
        return self._between_rooms({name for name, targets in self.arrows.items() if targets})

    def _between_rooms(self, reached: Collection[str]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {room_of(name): set() for name in sorted(self.modules)}
        for source, targets in self.arrows.items():
            found[room_of(source)] |= {room_of(target) for target in targets if target in reached} - {room_of(source)}
        return found

    def _target(self, module: str, name: str) -> str | None:
        """The module that an import reaches; None for a library."""
        whole = f"{module}.{name}"
        return whole if name and whole in self.modules else module if module in self.modules else None


def read_tree(root: Path) -> Tree:
    """The houses below a folder."""
    paths = sorted(path for house in HOUSES for path in (root / house).rglob("*.py"))
    return Tree({module.name: module for module in (_read(path, root) for path in paths)})


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _read(path: Path, root: Path) -> Module:
    parts = path.relative_to(root).with_suffix("").parts
    text = path.read_text()
    syntax = ast.parse(text)
    functions = [n for n in ast.walk(syntax) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return Module(".".join(parts[:-1] if parts[-1] == "__init__" else parts), len(text.splitlines()),
                  tuple(map(body_lines, functions)), frozenset(_imports(syntax)))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def _imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        return
    if isinstance(node, ast.Import):
        yield from ((alias.name, "") for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield from ((node.module, alias.name) for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


def cycles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of places each of which reaches every other of its group, by name; [] where nothing leads back."""
    reach = {place: _reached(place, arrows) for place in arrows}
    groups = {frozenset({other for other in reach[place] if place in reach.get(other, ())})
              for place in arrows if place in reach[place]}
    return sorted(sorted(group) for group in groups)


def _reached(start: str, arrows: Mapping[str, set[str]]) -> set[str]:
    """All that arrows lead to from a place, itself only by way of others."""
    found, left = set(), [start]
    while left:
        new = arrows.get(left.pop(), set()) - found
        found |= new
        left += new
    return found


def spread(values: Iterable[int]) -> dict[str, int]:
    """Median, 90th percentile and most of whole numbers, each one that occurs; zeros for none."""
    values = sorted(values) or [0]
    p50, p90 = (int(np.quantile(values, share, method="higher")) for share in (0.5, 0.9))
    return {"p50": p50, "p90": p90, "max": values[-1]}


def figures(tree: Tree) -> dict[str, Any]:
    """Plain values of everything that is measured of one tree."""
    modules = tree.modules.values()
    importers = Counter(target for targets in tree.arrows.values() for target in targets)
    names = Counter(f"{module}.{name}" for m in modules for module, name in m.imports
                    if name and module in tree.modules and f"{module}.{name}" not in tree.modules)
    rooms = Counter(room_of(name) for name in tree.modules)
    lines = Counter()
    for module in modules:
        lines[room_of(module.name)] += module.lines
    return {
        "files": len(tree.modules), "lines": sum(lines.values()), "functions": sum(len(m.functions) for m in modules),
        "lines_per_file": spread(m.lines for m in modules),
        "lines_per_function": spread(n for m in modules for n in m.functions),
        "module_arrows": sum(map(len, tree.arrows.values())), "module_cycles": cycles(tree.arrows),
        "room_arrows": sum(map(len, tree.room_arrows.values())), "room_cycles": cycles(tree.room_ways),
        "rooms": {room: {"files": rooms[room], "lines": lines[room], "imports": sorted(tree.room_arrows[room])}
                  for room in sorted(rooms)},
        "most_imported_modules": dict(_first(importers)), "most_imported_names": dict(_first(names))}


def _first(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST]


def git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout


def tree_at(commit: str) -> Tree:
    """The houses as they were at a commit."""
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", commit, *HOUSES], capture_output=True, check=True)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # since 3.11.4
        return read_tree(Path(folder))


def sort_files(paths: Iterable[str]) -> dict[str, list[str]]:
    """The paths by what they are: "code" (both houses and configs), "tests", "docs", "other"."""
    found: dict[str, list[str]] = {"code": [], "tests": [], "docs": [], "other": []}
    for path in sorted(paths):
        top = "docs" if path.endswith(".md") else path.split("/")[0]
        found["code" if top in CODE else top if top in found else "other"].append(path)
    return found


def files_of(change: str) -> dict[str, list[str]]:
    """`sort_files` of what a range of commits touches, or of what a branch adds to the present commit."""
    span = change if ".." in change else f"HEAD...{change}"
    return sort_files(git("diff", "--name-only", "--no-renames", span).split())


def files_per_commit(commit: str) -> dict[str, int]:
    """Spread of the number of code files over the last commits that touch any."""
    log = git("log", f"-{_COMMITS}", "--no-merges", "--format=%x00", "--name-only", commit, "--", *CODE)
    return spread(len(part.split()) for part in log.split("\0") if part.strip())


def measured(tree: Tree, commit: str) -> dict[str, Any]:
    return {**figures(tree), "files_per_commit": files_per_commit(commit)}


def rows_of(values: Mapping[str, Any]) -> dict[str, str]:
    """Figure -> how it is written in the table."""
    def of(key: str) -> str:
        return " / ".join(f"{values[key][share]:,}" for share in ("p50", "p90", "max"))

    return {
        "files": f"{values['files']:,}", "lines": f"{values['lines']:,}", "functions": f"{values['functions']:,}",
        "lines a file, p50 / p90 / max": of("lines_per_file"),
        "lines a function, p50 / p90 / max": of("lines_per_function"),
        "rooms": str(len(values["rooms"])), "arrows between rooms": str(values["room_arrows"]),
        "cycles between rooms, modules that import nothing aside": str(len(values["room_cycles"])),
        "arrows between modules": f"{values['module_arrows']:,}",
        "cycles between modules": str(len(values["module_cycles"])),
        f"code files a commit, last {_COMMITS}, p50 / p90 / max": of("files_per_commit")}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def compared(columns: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures of each column's tree side by side."""
    written = {name: rows_of(values) for name, values in columns.items()}
    return table(["figure", *written], [[row, *(column[row] for column in written.values())]
                                        for row in next(iter(written.values()))])


def rooms_compared(columns: Mapping[str, Mapping[str, Any]]) -> str:
    """Files and lines of each room side by side, and what it imports in the last column's tree."""
    trees = [values["rooms"] for values in columns.values()]
    rooms = sorted({room for tree in trees for room in tree})

    def size(room: str, tree: Mapping[str, Any]) -> str:
        return f"{tree[room]['files']} / {tree[room]['lines']:,}" if room in tree else "-"

    return table(["room", *(f"{name}: files / lines" for name in columns), "imports"],
                 [[f"`{room}`", *(size(room, tree) for tree in trees),
                   ", ".join(trees[-1].get(room, {}).get("imports", ())) or "-"] for room in rooms])


def changes_written(changes: Mapping[str, Mapping[str, list[str]]]) -> str:
    """Each change with its number of files and the names of those that are code."""
    return table(["change", "code", "tests", "docs", "other", "code files"],
                 [[name, *(str(len(files[kind])) for kind in ("code", "tests", "docs", "other")),
                   ", ".join(f"`{path}`" for path in files["code"]) or "-"] for name, files in changes.items()])


def page(columns: Mapping[str, Mapping[str, Any]], changes: Mapping[str, Mapping[str, list[str]]]) -> str:
    """The whole report in Markdown."""
    now = list(columns.values())[-1]
    loops = [" - ".join(group) for kind in ("room_cycles", "module_cycles") for group in now[kind]]
    parts = [compared(columns), "## Rooms\n", rooms_compared(columns),
             "## Cycles\n", ("\n".join(f"- {loop}" for loop in loops) or "None.") + "\n",
             "## Imported by most\n",
             table(["module", "by modules"], [[f"`{n}`", str(c)] for n, c in now["most_imported_modules"].items()]),
             table(["name", "by modules"], [[f"`{n}`", str(c)] for n, c in now["most_imported_names"].items()])]
    return "\n".join([*parts, *([CHANGES, changes_written(changes)] if changes else [])])


def kept_of(path: Path) -> str:
    """The section of changes that a page has already, "" where there is none."""
    _, found, rest = path.read_text().partition(CHANGES) if path.exists() else ("", "", "")
    return f"\n{found}{rest}" if found else ""


CHANGES = "## Files a change touches\n"
HEAD = """# Structure in figures

Written by

    {command}

from the syntax trees of `embodied` and `envs`; the lists are of the last column.

"""


def main() -> None:
    """Print the figures, or write them to a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="plain values instead of tables")
    parser.add_argument("--against", metavar="COMMIT", help="the same of another commit beside it")
    parser.add_argument("--change", metavar="[NAME=]RANGE", action="append", default=[], help="list the files of it")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there")
    asked = parser.parse_args()
    columns = {} if asked.against is None else {
        f"at {asked.against}": measured(tree_at(asked.against), asked.against)}
    columns["now"] = measured(read_tree(ROOT), "HEAD")
    named = [change.rpartition("=") for change in asked.change]
    changes = {name or span: files_of(span) for name, _, span in named}
    text = json.dumps({**columns, "changes": changes}, indent=1) if asked.json else page(columns, changes)
    if asked.write is None:
        print(text)
    else:
        flags = f" --against {asked.against}" * (asked.against is not None)
        command = f"python -m scripts.structure{flags} --write {asked.write}"
        kept = "" if changes else kept_of(asked.write)
        asked.write.write_text(text if asked.json else HEAD.format(command=command) + text + kept)


if __name__ == "__main__":
    main()
