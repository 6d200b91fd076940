"""One PyBullet client that every call is bound to: a call without a client id would silently act on client 0."""

from __future__ import annotations

import os
from functools import cache, partial
from types import ModuleType
from typing import Any


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

    def __init__(self) -> None:
        self._module = quiet_pybullet()
        self._id = self._module.connect(self._module.DIRECT)
        if self._id < 0:
            raise RuntimeError("PyBullet gave no client: expected an id >= 0; close worlds that are no longer used")

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if callable(value):
            value = partial(value, physicsClientId=self._id)
        setattr(self, name, value)
        return value

    def close(self) -> None:
        if self._id >= 0:
            self._module.disconnect(physicsClientId=self._id)
            self._id = -1
