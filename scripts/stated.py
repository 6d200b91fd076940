"""Which public functions and records say the shapes and units of what they take and give, room by room.

    python -m scripts.stated [ROOM ...] [--silent]

Counted: public functions, methods and classes with fields (no leading underscore, not nested) that have an array or a
`float` in their annotations. One is stated where each of these is: an array by a shape, in its annotation
(Float[Tensor, "B T"]), in the docstring (`float64[P, 3]`) or in the comment or text behind it; a float by a unit that
its name ends with (`timeout_s`), or by docstring or comment, which name the unit or say what kind of number it is (a
share, a factor, a probability ...). A docstring has to name the parameter first. One that says "See `other`" states
what that does. --silent: list those that are not.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.structure import HOUSES, ROOT, room_of, table

_ARRAY = re.compile(r"\b(ndarray|Tensor|NDArray)\b")
_FLOAT = re.compile(r"\bfloat\b")
_SHAPED = re.compile(r"""\b[A-Z]\w+\[[\w.]+, ['"]""")
_SHAPE = re.compile(r"\b(bool|u?int|float|complex)\d*\[|\b[Ss]calars?\b|\b(values|weights) of `[\w.]+`")
_ELSEWHERE = re.compile(r"\bSee `[\w.]+`")
_UNITS = ("m", "mm", "cm", "m2", "s", "ms", "us", "ns", "rad", "deg", "px", "hz", "kg", "nm", "mb", "gb", "kb",
          "bytes", "percent", "fps")
_SUFFIX = re.compile(rf"(^|_)({'|'.join(_UNITS)})(_per_\w+)?$|"
                     r"(^|_)(share|fraction|probability|factor|ratio|scale|reward)$")
_WORD = re.compile(
    rf"(?<![\w.'])({'|'.join((*_UNITS, 'N'))})(?![\w])|%|\b("
    r"metres?|millimetres?|centimetres?|seconds?|milliseconds?|minutes?|radians?|degrees?|pixels?|steps?|bytes|tokens?|"
    r"shares?|fractions?|probabilit(y|ies)|log-probabilit(y|ies)|log-probs?|logarithms?|factors?|ratios?|"
    r"rewards?|scores?|loss(es)?|rates?|mean|deviation|0 to 1|progress|temperature|metrics?|any number)\b|"
    r"\[[-0-9.]+, [-0-9.]+\]", re.I)


@dataclass(frozen=True)
class Place:
    """A public function or record. silent: the names in it of what is not stated; "" for what a function gives."""

    room: str
    name: str
    silent: tuple[str, ...]


def places(root: Path = ROOT) -> Iterator[Place]:
    """All that are counted of both houses below a folder."""
    for path in sorted(path for house in HOUSES for path in (root / house).rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        text = path.read_text()
        yield from _in_body(ast.parse(text), module, text.splitlines())


def _in_body(node: ast.Module | ast.ClassDef, within: str, lines: list[str]) -> Iterator[Place]:
    for child in node.body:
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or child.name.startswith("_"):
            continue
        name, is_class = f"{within}.{child.name}", isinstance(child, ast.ClassDef)
        items = list(_fields(child, lines) if is_class else _signature(child))
        if items:
            said = ast.get_docstring(child) or ""
            yield Place(room_of(within), name, tuple(item.name for item in items if not item.is_stated(said)))
        if is_class:
            yield from _in_body(child, name, lines)


@dataclass(frozen=True)
class _Item:
    """A parameter, a field or a result ("") with its annotation, the text beside it, and its function's name."""

    name: str
    hint: str
    beside: str = ""
    function: str = ""

    def is_stated(self, said: str) -> bool:
        if _ELSEWHERE.search(said):
            return True
        about = self._about(said) + self.beside
        if _ARRAY.search(self.hint):
            return bool(_SHAPED.search(self.hint) or _SHAPE.search(about))
        return bool(_SUFFIX.search(self.name or self.function) or _WORD.search(about))

    def _about(self, said: str) -> str:
        """What a docstring says of it: all of it of a result, of anything else from its name on."""
        if not self.name:
            return said
        found = re.search(rf"\b{re.escape(self.name)}\b", said)
        return said[found.end():] if found else ""


def _has_numbers(hint: str) -> bool:
    return bool(_ARRAY.search(hint) or _FLOAT.search(hint))


def _signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[_Item]:
    args = function.args
    for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs):
        hint = ast.unparse(arg.annotation) if arg.annotation else ""
        if _has_numbers(hint):
            yield _Item(arg.arg, hint)
    given = ast.unparse(function.returns) if function.returns else ""
    if _has_numbers(given):
        yield _Item("", given, function=function.name)


def _fields(record: ast.ClassDef, lines: list[str]) -> Iterator[_Item]:
    for node, following in zip(record.body, [*record.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            hint = ast.unparse(node.annotation)
            below = [following] if isinstance(following, ast.Expr) else []
            told = " ".join(map(_texts, (*below, *filter(None, [node.value]))))
            if _has_numbers(hint) and not node.target.id.startswith("_"):
                yield _Item(node.target.id, hint, lines[node.end_lineno - 1].partition("#")[2] + told)


def _texts(node: ast.AST) -> str:
    """The texts in an expression, such as a field's description."""
    constants = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return " ".join(value for value in constants if isinstance(value, str))


def shares(found: list[Place]) -> dict[str, tuple[int, int]]:
    """Room -> how many places state their numbers, of how many."""
    rooms = sorted({place.room for place in found})
    return {room: (sum(not p.silent for p in found if p.room == room), sum(p.room == room for p in found))
            for room in rooms}


def main() -> None:
    """Print the shares, or the places that are silent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help="such as embodied.training; all without one")
    parser.add_argument("--silent", action="store_true", help="list the places that do not say enough")
    asked = parser.parse_args()
    found = [place for place in places() if not asked.rooms or place.room in asked.rooms]
    if asked.silent:
        print("\n".join(f"{p.name}: {', '.join(name or 'result' for name in p.silent)}" for p in found if p.silent))
    else:
        print(table(["room", "stated", "of", "share"],
                    [[f"`{room}`", str(n), str(of), f"{n / of:.0%}"] for room, (n, of) in shares(found).items()]))


if __name__ == "__main__":
    main()
