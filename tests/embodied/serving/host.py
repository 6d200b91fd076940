"""A server of the tests in a process of its own: `python -m tests.embodied.serving.host SETTINGS`, a JSON object.

Prints {"url", "pid", "folder"} once it answers (folder: where the blackboards lie), and ends when its stdin is closed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from embodied.planning.scene import OBJECTS
from embodied.serving import listening
from embodied.serving.inference_server import InferenceServer
from embodied.serving.lazy_backend import LazyBackend
from embodied.serving.middleware import Bounds
from embodied.serving.server import make_app
from embodied.serving.session_manager import Limits, SessionManager
from embodied.serving.shutdown import END_S, end_in_time
from envs.skills.signatures import TABLETOP


class SlowBackend:
    """Sees nothing and takes its time: an overloaded planner. held_by: a file, as long as it is there."""

    scene, language, names_by_number = OBJECTS, TABLETOP, False

    def __init__(self, look_s: float, held_by: Path | None = None) -> None:
        self.look_s, self._held_by = look_s, held_by

    def perceive(self, observation: Any) -> list[Any]:
        time.sleep(self.look_s)
        while self._held_by is not None and self._held_by.exists():
            time.sleep(0.01)
        return []

    def unknown_words(self, text: str) -> list[str]:
        return []

    def known_words(self) -> frozenset[str]:
        return frozenset()


class Signed:
    """A backend whose pictures have a text in them, which a file holds; none when it is empty."""

    def __init__(self, backend: Any, sign: Path) -> None:
        self._backend, self._sign = backend, sign

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def perceive(self, observation: Any) -> list[Any]:
        text = self._sign.read_text()
        return self._backend.perceive(_with(observation, text) if text else observation)


class Mindful:
    """A backend that is a mind's: its understander knows the words that a dictionary has."""

    def __init__(self, backend: Any, meanings: dict[str, str]) -> None:
        from tests.embodied.agents.talking import Words

        self._backend, self.understander = backend, Words(meanings)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def _with(observation: Any, text: str) -> Any:
    from PIL import Image, ImageDraw

    signed = {}
    for camera, rgb in observation.rgb.items():
        image = Image.fromarray(rgb)
        for row, line in enumerate(textwrap.wrap(text, 24)):
            ImageDraw.Draw(image).text((8, 8 + 14 * row), line, "black", stroke_width=1, stroke_fill="white")
        signed[camera] = np.asarray(image)
    return replace(observation, rgb=signed)


def _backend(settings: dict[str, Any]) -> Any:
    if (gate := settings.pop("gate", None)) is not None:
        late = LazyBackend(lambda: _loaded_after(Path(gate), settings))
        late.start()
        return late
    if (look_s := settings.get("look_s")) is not None:
        return SlowBackend(look_s, Path(settings["held_by"]) if "held_by" in settings else None)
    import torch

    from embodied.agents.shipped import load_agent

    torch.set_num_threads(1)
    backend = load_agent("tabletop-tiny").backend
    if "meanings" in settings:
        return Mindful(backend, settings["meanings"])
    return Signed(backend, Path(settings["sign"])) if "sign" in settings else backend


def _loaded_after(gate: Path, settings: dict[str, Any]) -> Any:
    """A backend that is loaded once a file is there."""
    while not gate.exists():
        time.sleep(0.01)
    return _backend(settings)


def _chat(settings: dict[str, Any]) -> Any:
    """What makes the prompted planner of a session manager; None where no endpoint is given."""
    if (url := settings.get("chat_url")) is None:
        return None
    from embodied.agents.chat_agent import chat_agents

    return chat_agents(url, "attacker", retries=1, examples=0, budget={"plan_s": 20.0})


def main(settings: dict[str, Any]) -> None:
    """Serves until stdin is closed."""
    listening.HEAD_S = settings.get("head_s", listening.HEAD_S)
    listening.UNREAD_S = settings.get("unread_s", listening.UNREAD_S)
    listening.MAX_CONNECTIONS = settings.get("connections", listening.MAX_CONNECTIONS)
    limits = dict(settings.get("limits", {}))
    if "recordings" in limits:
        limits["recordings"] = Path(limits["recordings"])
    inference = InferenceServer(_backend(settings), **settings.get("inference", {}))
    app = make_app(lambda: SessionManager(inference, Limits(**limits), make_chat=_chat(settings),
                                          **settings.get("loaded", {})),
                   tokens=settings["tokens"],
                   bounds=Bounds(**settings.get("bounds", {})))
    server = listening.Server(listening.config(app, "127.0.0.1", 0))
    end_in_time(lambda: server.should_exit, settings.get("end_s", END_S))
    asyncio.run(_serve(server, app))


async def _serve(server: listening.Server, app: Any) -> None:
    def until_closed() -> None:
        sys.stdin.read()
        server.should_exit = True

    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    threading.Thread(target=until_closed, daemon=True).start()
    print(json.dumps({"url": f"http://127.0.0.1:{port}", "pid": os.getpid(),
                      "folder": str(app.state.manager.folder)}), flush=True)
    await serving


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
