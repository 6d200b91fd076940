"""One PyBullet client that every call is bound to: a call without a client id would silently act on client 0."""

from __future__ import annotations

from functools import partial
from typing import Any


class Client:
    """Attribute access gives the PyBullet function of that name, bound to this private DIRECT client."""

    def __init__(self) -> None:
        import pybullet

        self._module = pybullet
        self._id = pybullet.connect(pybullet.DIRECT)
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
