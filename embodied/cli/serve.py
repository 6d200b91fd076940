"""embodied serve: the robot-control API and its console, on http://127.0.0.1:8420.

Prints the address of the console with its token. Ctrl-C stops the robots first. With backend=ray the planner runs as a
Ray Serve deployment (replicas=[1,4] scales it by load). docs/serving.md tells of every route.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embodied.cli.complaint import NOT_DONE, Complaint
from embodied.cli.run import Run
from embodied.cli.settings import Backend
from embodied.cli.typed import between

if TYPE_CHECKING:
    from embodied.serving.brain import Brain

TOKEN_VARIABLE = "EMBODIED_TOKEN"
_LEAST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class ChatSettings:
    base_url: str | None = None
    model: str | None = None
    key_variable: str | None = None
    memory: str | None = None

    def __post_init__(self) -> None:
        if (self.base_url is None) != (self.model is None):
            raise Complaint("chat: expected base_url and model together, got one of them")


@dataclass(frozen=True, slots=True)
class Settings:
    chat: ChatSettings
    host: str
    weights: str
    backend: Backend
    replicas: Any
    token: str | None = None
    viewer_token: str | None = None
    recordings: str | None = None
    port: int = between(0, 65_535, default=8420)
    threads: int = between(1, 256, default=1)
    record_fps: int = between(1, 20, default=5)
    max_sessions: int = between(1, 256, default=24)
    lease_s: float = between(1, 600, default=10.0)
    idle_s: float = between(10, 86_400, default=1800.0)
    batch: int = between(1, 64, default=8)
    batch_wait_s: float = between(0, 1, default=0.002)
    queue: int = between(1, 10_000, default=64)
    plans: int = between(1, 256, default=32)

    def __post_init__(self) -> None:
        for name in ("token", "viewer_token"):
            _check_token(name, getattr(self, name))
        if self.token is not None and self.token == self.viewer_token:
            raise Complaint("viewer_token: expected another one than the operators', got the same")
        if not self.host.strip():
            raise Complaint("host: expected an address, got none, which would be every one; the default is 127.0.0.1")
        counts = self.replicas if isinstance(self.replicas, list) else [self.replicas, self.replicas]
        if len(counts) != 2 or not all(isinstance(n, int) and 1 <= n <= 64 for n in counts) or counts[0] > counts[1]:
            raise Complaint(f"replicas={self.replicas}: expected a number, or [fewest,most], from 1 to 64")

    @property
    def fewest_replicas(self) -> int:
        return self.replicas[0] if isinstance(self.replicas, list) else self.replicas


def _check_token(name: str, token: str | None) -> None:
    if token is not None and len(token) < _LEAST_TOKEN:
        raise Complaint(f"{name}: expected at least {_LEAST_TOKEN} characters, got {len(token)}; leave it out for a "
                        f"random one")


def _check_places(settings: Settings) -> None:
    """What is not there, or cannot be written, is said before anything is loaded."""
    from embodied.evaluation.contestants import weights_folder

    weights_folder(settings.weights)
    if settings.recordings is not None:
        try:
            Path(settings.recordings).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Complaint(f"recordings={settings.recordings}: expected a folder that can be made, {error.strerror}; "
                            f"recordings=null keeps nothing", NOT_DONE) from None


def act(settings: Settings, run: Run) -> float:
    """1 when the server was ended in peace."""
    given = settings.token or os.environ.get(TOKEN_VARIABLE) or None
    _check_token(TOKEN_VARIABLE, given)
    _check_places(settings)

    import asyncio

    import torch

    from embodied.serving.ending import end_in_time
    from embodied.serving.listening import Server, config
    from embodied.serving.server import make_app

    torch.set_num_threads(settings.threads)
    token = given or secrets.token_urlsafe(24)
    tokens = {token: "operator"} | ({settings.viewer_token: "viewer"} if settings.viewer_token else {})
    brain = _brain(settings)
    app = make_app(lambda: _hub(settings, brain), tokens=tokens)
    server = Server(config(app, settings.host, settings.port))
    if settings.backend != "ray":  # a cluster takes its time to end, and leaves processes behind where it has none
        end_in_time(lambda: server.should_exit)
    try:
        asyncio.run(_serve(server, settings, "" if given else token))
    finally:
        _shut_down(settings)
    return 1.0


async def _serve(server: Any, settings: Settings, told_token: str) -> None:
    """Until a signal comes. The address is printed once somebody answers there."""
    import asyncio

    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    if server.started:
        port = server.servers[0].sockets[0].getsockname()[1]
        place = f"http://{settings.host}:{port}/"
        print(f"console: {place}" + (f"#token={told_token}" if told_token else " (token as given)"), flush=True)
        print(f"API: {place}v1/openapi.json; Ctrl-C stops robots and server", flush=True)
    await serving
    if not server.started:
        raise OSError(f"expected a free address, {settings.host}:{settings.port} could not be listened on")


def _brain(settings: Settings) -> Brain:
    from embodied.cli.weights import checked
    from embodied.serving.brain import Brain

    folder, _ = checked(settings.weights)
    size = {"max_batch": settings.batch, "wait_s": settings.batch_wait_s, "places": settings.queue}
    if settings.backend == "ray":
        from embodied.distributed.cluster import connect
        from embodied.serving.app import deploy

        connect(settings.fewest_replicas)
        return Brain(deploy(str(folder), settings.replicas, settings.batch, settings.batch_wait_s), **size, askers=4)
    from embodied.agents.shipped import load_agent

    return Brain(load_agent(folder).backend, **size)


def _chat(chat: ChatSettings) -> Any:
    """Makes a prompted planner that sees with the model's eyes; None where none was asked for."""
    if chat.base_url is None:
        return None
    from embodied.agents.chat_agent import chat_agents

    return chat_agents(chat.base_url, chat.model, key_variable=chat.key_variable, memory_file=chat.memory)


def _shut_down(settings: Settings) -> None:
    if settings.backend == "ray":
        from embodied.distributed.cluster import disconnect
        from embodied.serving.app import shut_down

        shut_down()
        disconnect()


def _hub(settings: Settings, brain: Brain) -> Any:
    from embodied.serving.hub import Hub, Limits

    recordings = Path(settings.recordings) if settings.recordings else None
    limits = Limits(sessions=settings.max_sessions, idle_s=settings.idle_s, lease_ttl_s=settings.lease_s,
                    record_fps=settings.record_fps, recordings=recordings, plans=settings.plans)
    return Hub(brain, limits, make_chat=_chat(settings.chat))
