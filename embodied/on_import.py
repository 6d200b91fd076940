"""Work that waits until a library is imported, so that `import embodied` itself stays light.

A finder at the head of `sys.meta_path` watches for a few modules by name and wraps their loaders for one import; every
other import passes it by. The module that comes out is the library's own, with its own loader.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

Work = Callable[[], object]


def before_import(name: str, work: Work) -> None:
    """Do `work` right before module `name` is run; never where that has happened already."""
    if name not in sys.modules:
        _watch.waiting[name] = (work, _nothing)


def after_import(name: str, work: Work) -> None:
    """Do `work` once module `name` has been run: now, where that has happened already."""
    if name in sys.modules:
        work()
    else:
        _watch.waiting[name] = (_nothing, work)


def _nothing() -> None:
    pass


class _Watch(MetaPathFinder):
    """Finds the modules that work waits for by asking everybody else."""

    def __init__(self) -> None:
        self.waiting: dict[str, tuple[Work, Work]] = {}
        self._asking: set[str] = set()

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in self.waiting or name in self._asking:
            return None
        self._asking.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._asking.discard(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Once(spec.loader, name)
        return spec


class _Once(Loader):
    """The loader of one module, which steps back before the module is run."""

    def __init__(self, loader: Loader, name: str) -> None:
        self._loader, self._name = loader, name

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = module.__spec__.loader = self._loader
        before, after = _watch.waiting.get(self._name, (_nothing, _nothing))
        before()
        self._loader.exec_module(module)
        _watch.waiting.pop(self._name, None)
        after()


_watch = _Watch()
sys.meta_path.insert(0, _watch)
