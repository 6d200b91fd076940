"""Run-time checks of array shapes and kinds: `tests/conftest.py` turns them on for the modules of CHECKED.

The code writes shapes as jaxtyping annotations, imported for type checkers only: in production they are text that
nothing reads. Here every function of CHECKED with such an annotation is wrapped as its module is compiled: letters
agree within one call, arguments and result. Other annotations are left alone.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import re
import sys
import typing
from collections.abc import Callable, Iterable
from types import CodeType, ModuleType
from typing import Any

import jaxtyping
from beartype import beartype

CHECKED = ("embodied.models", "embodied.training", "embodied.agents.backends", "embodied.agents.confidence",
           "envs.interface")
"""Modules and packages with what is below them."""

KINDS = ("Bool", "Complex", "Float", "Float32", "Float64", "Int", "Int16", "Int64", "Real", "Shaped", "UInt8")
"""What annotations may use of jaxtyping."""

wrapped: set[str] = set()
"""Full names of the functions that are checked so far; of a record, its `__init__`."""

_FUNCTION, _RECORD = "_checked_shapes", "_checked_fields"
_SHAPE = re.compile(rf"\b({'|'.join(KINDS)})\[")


def install() -> None:
    """Have the modules of CHECKED checked that are imported from here on. RuntimeError where one is loaded already."""
    loaded = sorted(name for name in sys.modules if _is_checked(name))
    if loaded:
        raise RuntimeError(f"shape checks: expected to be turned on before {loaded[0]} is imported; import it later")
    sys.meta_path.insert(0, _Finder())


def _is_checked(name: str) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in CHECKED)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if not _is_checked(fullname):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles a module with the checks; its bytecode is not kept, lest anybody else reads it."""

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(importlib.util.decode_source(self.get_data(self.path)), self.path)
        return compile(with_checks(tree), self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        kinds = {name: getattr(jaxtyping, name) for name in KINDS}
        vars(module).update({**kinds, _FUNCTION: checked, _RECORD: checked_record})
        super().exec_module(module)


def with_checks(tree: ast.Module) -> ast.Module:
    """The same with a decorator on each function and dataclass that has shapes in its annotations."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(map(_SHAPE.search, _hints(node))):
            node.decorator_list.append(ast.copy_location(ast.Name(_FUNCTION, ast.Load()), node))  # innermost
        elif isinstance(node, ast.ClassDef) and any(map(_SHAPE.search, _fields(node))):
            node.decorator_list.insert(0, ast.copy_location(ast.Name(_RECORD, ast.Load()), node))  # after `dataclass`
    return tree


def _fields(node: ast.ClassDef) -> list[str]:
    """Annotations of a class's fields as text."""
    return [ast.unparse(field.annotation) for field in node.body if isinstance(field, ast.AnnAssign)]


def _hints(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Annotations of a function as text."""
    args = node.args
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, [args.vararg, args.kwarg])]
    return [ast.unparse(hint) for hint in (*(arg.annotation for arg in every), node.returns) if hint is not None]


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which raises jaxtyping.TypeCheckError for arguments or a result of another shape or kind.

    NameError for an annotation with a shape that names what the module does not have when it is imported.
    """
    written = function.__annotations__
    shaped = {name: hint for name, hint in written.items() if hint and _SHAPE.search(hint)}
    function.__annotations__ = shaped
    function.__annotations__ = typing.get_type_hints(function, localns=_names_in(shaped.values()), include_extras=True)
    strict = jaxtyping.jaxtyped(function, typechecker=beartype)
    function.__annotations__ = strict.__annotations__ = written
    wrapped.add(f"{function.__module__}.{function.__qualname__}")
    return strict


def _names_in(hints: Iterable[str]) -> dict[str, Any]:
    """What a module that loads torch when it is needed imports for type checkers only."""
    if not any("[Tensor," in hint for hint in hints):
        return {}
    from torch import Tensor

    return {"Tensor": Tensor}


def checked_record(record: type) -> type:
    """The dataclass, which checks its fields in the same way when one is made."""
    record.__init__ = checked(record.__init__)
    return record
