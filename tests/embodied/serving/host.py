"""A server of the tests in a process of its own: `python -m tests.embodied.serving.host SETTINGS`, a JSON object.

Prints {"url", "pid", "folder"} once it answers (folder: where the blackboards lie), and ends when its stdin is closed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import uvicorn

from embodied.serving import listening
from embodied.serving.brain import Brain
from embodied.serving.hub import Hub, Limits
from embodied.serving.limits import Bounds
from embodied.serving.server import make_app


class SlowBackend:
    """Sees nothing and takes its time: an overloaded planner."""

    seeing = "slots"

    def __init__(self, look_s: float) -> None:
        self.look_s = look_s

    def perceive(self, observation: Any) -> list[Any]:
        time.sleep(self.look_s)
        return []

    def unknown_words(self, text: str) -> list[str]:
        return []

    def known_words(self) -> frozenset[str]:
        return frozenset()


def _backend(settings: dict[str, Any]) -> Any:
    if (look_s := settings.get("look_s")) is not None:
        return SlowBackend(look_s)
    import torch

    from embodied.agents.shipped import load_agent

    torch.set_num_threads(1)
    return load_agent("tabletop-tiny").backend


def _chat(settings: dict[str, Any]) -> Any:
    """What makes the prompted planner of a hub; None where no endpoint is given."""
    if (url := settings.get("chat_url")) is None:
        return None
    from embodied.agents.chat_agent import chat_agents

    return chat_agents(url, "attacker", retries=1, examples=0, budget={"plan_s": 20.0})


def main(settings: dict[str, Any]) -> None:
    """Serves until stdin is closed."""
    listening.HEAD_S = settings.get("head_s", listening.HEAD_S)
    listening.MAX_CONNECTIONS = settings.get("connections", listening.MAX_CONNECTIONS)
    limits = dict(settings.get("limits", {}))
    if "recordings" in limits:
        limits["recordings"] = Path(limits["recordings"])
    brain = Brain(_backend(settings), **settings.get("brain", {}))
    app = make_app(lambda: Hub(brain, Limits(**limits), make_chat=_chat(settings)), tokens=settings["tokens"],
                   bounds=Bounds(**settings.get("bounds", {})))
    server = uvicorn.Server(listening.config(app, "127.0.0.1", 0))
    asyncio.run(_serve(server, app))


async def _serve(server: uvicorn.Server, app: Any) -> None:
    def until_closed() -> None:
        sys.stdin.read()
        server.should_exit = True

    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    threading.Thread(target=until_closed, daemon=True).start()
    print(json.dumps({"url": f"http://127.0.0.1:{port}", "pid": os.getpid(),
                      "folder": str(app.state.hub.folder)}), flush=True)
    await serving


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
