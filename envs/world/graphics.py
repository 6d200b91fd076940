"""How a world is drawn: by which renderer, and with the maker's looks or light ones. Nothing of its physics."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from importlib.util import find_spec

RENDERERS = ("tiny", "egl")
"""TinyRenderer on the CPU; EGL on a GPU, or by Mesa on the CPU, where it pays from about 640 x 480 pixels on."""
LOOKS = ("light", "stock")
"""Collision shapes and plain boxes drawn; or the makers' visual meshes, the table and the plane of pybullet_data."""

_EGL_PLUGIN, _EGL_ENTRY, _EGL_LIBRARY = "eglRenderer", "_eglRendererPlugin", "libEGL.so.1"


@dataclass(frozen=True, slots=True)
class Graphics:
    """has_shadows: in every picture, at twice the cost; spectators' pictures have them anyway. Raises ValueError for a
    name that is none of `RENDERERS` or `LOOKS`."""

    renderer: str = "tiny"
    looks: str = "light"
    has_shadows: bool = False

    def __post_init__(self) -> None:
        for what, known in (("renderer", RENDERERS), ("looks", LOOKS)):
            if getattr(self, what) not in known:
                raise ValueError(f"{what}: expected one of {list(known)}, got {getattr(self, what)!r}")


def egl_plugin() -> tuple[str, str]:
    """File and entry point of PyBullet's EGL plugin. Raises RuntimeError where it cannot run: Bullet would exit."""
    plugin = find_spec(_EGL_PLUGIN)
    if plugin is None or plugin.origin is None:
        raise RuntimeError("renderer 'egl': expected the plugin eglRenderer beside pybullet, found none; reinstall "
                           "pybullet from a wheel, or choose renderer='tiny'")
    try:
        ctypes.CDLL(_EGL_LIBRARY)
    except OSError as error:
        raise RuntimeError(f"renderer 'egl': expected the library {_EGL_LIBRARY}, got {error}; install it (Debian: "
                           f"libegl1 and a driver such as libgl1-mesa-dri), or choose renderer='tiny'") from error
    return plugin.origin, _EGL_ENTRY
