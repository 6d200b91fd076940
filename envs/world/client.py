"""One PyBullet client that every call is bound to: a call without a client id would silently act on client 0."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from functools import cache, cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from envs.world.graphics import egl_plugin


@cache
def quiet_pybullet() -> ModuleType:
    """The module, imported without the build time that its C code prints to standard error."""
    saved, silence = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    try:
        import pybullet
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(silence)
    return pybullet


class Client:
    """Attribute access gives the PyBullet function of that name, bound to this private DIRECT client."""

    def __init__(self, renderer: str = "tiny") -> None:
        """renderer: of `graphics.RENDERERS`. Raises RuntimeError where that one cannot run."""
        plugin = egl_plugin() if renderer == "egl" else None
        self.renderer = renderer
        self._module = quiet_pybullet()
        self._id = self._module.connect(self._module.DIRECT)
        if self._id < 0:
            raise RuntimeError("PyBullet gave no client: expected an id >= 0; close worlds that are no longer used")

        if plugin is not None and self._module.loadPlugin(*plugin, physicsClientId=self._id) < 0:  # before any body
            self.close()
            raise RuntimeError(f"renderer 'egl': PyBullet could not load {plugin[0]}; choose renderer='tiny'")

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if callable(value):
            value = partial(value, physicsClientId=self._id)
        setattr(self, name, value)
        return value

    @cached_property
    def folder(self) -> Path:
        """Where files lie that PyBullet reads again for each new body; gone with the client."""
        folder = tempfile.mkdtemp(prefix="embodied-")
        self._remove_folder = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def close(self) -> None:
        if "folder" in vars(self):
            self._remove_folder()
        if self._id >= 0:
            self._module.disconnect(physicsClientId=self._id)
            self._id = -1
