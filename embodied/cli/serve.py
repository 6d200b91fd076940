"""embodied serve: the robot-control API and its console, on http://127.0.0.1:8420.

Prints the address of the console with its token. Ctrl-C stops the robots first. With backend=ray weights=shipped a
planner runs as a Ray Serve deployment (replicas=[1,4] scales it by load). docs/serving.md tells of every route.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from embodied.cli.errors import NOT_DONE, UsageError
from embodied.cli.run import RunContext
from embodied.cli.secret_settings import check_endpoint
from embodied.cli.settings import Backend
from embodied.typed import between, secret

if TYPE_CHECKING:
    from embodied.serving.inference_server import InferenceServer
    from embodied.serving.lazy_backend import LazyBackend

TOKEN_VARIABLE = "EMBODIED_TOKEN"
_LEAST_TOKEN = 16
_LOADING = threading.Lock()
_LOADING_ENDS_S = 4.0  # of a server that is ended before it is ready


@dataclass(frozen=True, slots=True)
class ChatSettings:
    base_url: str | None = None
    model: str | None = None
    key_variable: str | None = None
    memory: str | None = None

    def __post_init__(self) -> None:
        if (self.base_url is None) != (self.model is None):
            raise UsageError("chat: expected base_url and model together, got one of them")
        check_endpoint(self.base_url, self.key_variable)


@dataclass(frozen=True, slots=True)
class Settings:
    chat: ChatSettings
    host: str
    weights: str
    backend: Backend
    replicas: Any
    token: str | None = secret()
    viewer_token: str | None = secret()
    recordings: str | None = None
    planner: Literal["model", "chat", "oracle"] | None = None
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
            raise UsageError("viewer_token: expected another one than the operators', got the same")
        if not self.host.strip():
            raise UsageError("host: expected an address, got none, which would be every one; the default is 127.0.0.1")
        counts = self.replicas if isinstance(self.replicas, list) else [self.replicas, self.replicas]
        if len(counts) != 2 or not all(isinstance(n, int) and 1 <= n <= 64 for n in counts) or counts[0] > counts[1]:
            raise UsageError(f"replicas={self.replicas}: expected a number, or [fewest,most], from 1 to 64")

    @property
    def fewest_replicas(self) -> int:
        return self.replicas[0] if isinstance(self.replicas, list) else self.replicas


def _check_token(name: str, token: str | None) -> None:
    if token is not None and len(token) < _LEAST_TOKEN:
        raise UsageError(f"{name}: expected at least {_LEAST_TOKEN} characters, got {len(token)}; leave it out for a "
                         f"random one")


def _check_places(settings: Settings) -> None:
    """What is not there, or cannot be written, is said before anything is loaded."""
    from embodied.agents.minds import is_mind, mind_folder
    from embodied.cli.cluster import check_cluster
    from embodied.cli.weights import check_usable
    from embodied.distributed.cluster import refuse_joining

    if settings.backend == "ray":
        refuse_joining("embodied serve backend=ray")
    check_cluster(settings.backend, settings.fewest_replicas)
    check_usable(settings.weights)
    folder = mind_folder(settings.weights)
    if settings.backend == "ray" and is_mind(folder):
        raise UsageError(f"backend=ray: expected a planner's weights, weights=shipped for one, got the mind "
                         f"{folder.name}; minds run in the server itself, backend=local", NOT_DONE)
    if settings.recordings is not None:
        try:
            Path(settings.recordings).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"recordings={settings.recordings}: expected a folder that can be made, {error.strerror}; "
                             f"recordings=null keeps nothing", NOT_DONE) from None


@contextmanager
def enter(settings: Settings, folder: Path) -> Iterator[tuple[str | None, socket.socket]]:
    """The token that was given, and a socket that listens. Raises UsageError, ValueError and OSError for what cannot be
    served; what the folder holds is then as it was."""
    given = settings.token or os.environ.get(TOKEN_VARIABLE) or None
    _check_token(TOKEN_VARIABLE, given)
    _check_places(settings)
    with _listen(settings.host, settings.port) as door:
        yield given, door


def act(settings: Settings, run: RunContext) -> float:
    """1 when the server was ended in peace."""
    given, door = run.entered

    import asyncio

    from embodied.serving.lazy_backend import LazyBackend
    from embodied.serving.listening import Server, config
    from embodied.serving.loglines import written_aside
    from embodied.serving.server import make_app
    from embodied.serving.shutdown import end_in_time

    token = given or secrets.token_urlsafe(24)
    tokens = {token: "operator"} | ({settings.viewer_token: "viewer"} if settings.viewer_token else {})
    backend = LazyBackend(partial(_load, settings))
    inference = _inference(settings, backend)
    elsewhere = _elsewhere(settings)
    app = make_app(lambda: _manager(settings, inference, elsewhere), tokens=tokens)
    server = Server(config(app, settings.host, settings.port))
    if settings.backend != "ray":  # a cluster takes its time to end, and leaves processes behind where it has none
        end_in_time(lambda: server.should_exit)
    try:
        _join_cluster(settings)
        with written_aside():
            asyncio.run(_serve(server, door, settings, "" if given else token, backend))
    finally:
        door.close()
        for planner in (inference, *elsewhere.values()):
            planner.settle(_LOADING_ENDS_S)
        _shut_down(settings)
    return 1.0


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens there: who comes before anybody answers waits. Raises OSError."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise OSError(f"expected a free address, {host}:{port} could not be listened on ({error.strerror}); "
                      f"end what listens there, or choose another with port=") from None


async def _serve(server: Any, door: socket.socket, settings: Settings, told_token: str, backend: LazyBackend) -> None:
    """Until a signal comes. The address is printed once somebody answers there, and once more is true, so is that; the
    loop waits for no terminal. Raises what loading the planner raised."""
    import asyncio

    serving = asyncio.create_task(server.serve([door]))
    serving.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # a signal's: it is told elsewhere
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    if not server.started:
        await serving
        raise OSError("expected a server that starts, it ended; its log above says why")
    await asyncio.to_thread(_tell_address, door.getsockname()[1], settings, told_token)
    backend.start()
    loading = asyncio.create_task(backend.ready())
    await asyncio.wait({serving, loading}, return_when=asyncio.FIRST_COMPLETED)
    if not loading.done():
        loading.cancel()
    elif loading.exception() is None:
        await asyncio.to_thread(print, "ready: robots can be opened and plans asked for", flush=True)
    else:
        server.should_exit = True
    await serving
    if not loading.cancelled() and loading.done():
        loading.result()


def _tell_address(port: int, settings: Settings, told_token: str) -> None:
    from embodied.agents.minds import notice

    place = f"http://{settings.host}:{port}/"
    print(f"console: {place}" + (f"#token={told_token}" if told_token else " (token as given)"), flush=True)
    print(f"API: {place}v1/openapi.json; Ctrl-C stops robots and server; loading the planner ...", flush=True)
    if (lacks := notice(settings.weights)) is not None:
        print(lacks, flush=True)
    if settings.planner == "oracle":
        print("planner=oracle: the ORACLE, which reads the simulator's true state, plans where no planner is named",
              flush=True)


def _inference(settings: Settings, backend: LazyBackend) -> InferenceServer:
    from embodied.serving.inference_server import InferenceServer

    return InferenceServer(backend, max_batch=settings.batch, wait_s=settings.batch_wait_s, places=settings.queue,
                           askers=4 if settings.backend == "ray" else 1)


def _join_cluster(settings: Settings) -> None:
    """Start Ray where it is asked for: in the main thread and before the server, for it takes SIGTERM to
    itself, and whoever asks for it last has it."""
    if settings.backend == "ray":
        from embodied.distributed.cluster import connect

        connect(settings.fewest_replicas)


def _elsewhere(settings: Settings) -> dict[str, InferenceServer]:
    """World -> the planner in it, where that is another than the first: of a planner of several worlds itself, of the
    best mind, where that was asked for, the shipped one. None with backend=ray."""
    from embodied.agents.minds import MIND, mind_folder
    from embodied.agents.shipped import PLANNERS, shipped_names
    from embodied.cli.weights import worlds_of
    from embodied.serving.lazy_backend import LazyBackend

    if settings.backend == "ray":
        return {}
    shipped = {world: weights for world, weights in PLANNERS.items() if weights in shipped_names()}
    planned = shipped if settings.weights == MIND else dict.fromkeys(worlds_of(mind_folder(settings.weights))[1:])
    return {world: _inference(settings, LazyBackend(partial(_load, settings, weights, world)))
            for world, weights in planned.items()}


def _load(settings: Settings, weights: str | None = None, world: str | None = None) -> Any:
    """The planner's backend: of this process, or a deployment's. weights: others than those of the settings, for a
    world. One after the other: transformers holds what it builds a model by in one place for all threads."""
    with _LOADING:
        return _loaded(settings, weights, world)


def _loaded(settings: Settings, weights: str | None, world: str | None) -> Any:
    from embodied.agents.minds import is_mind, mind_folder

    folder = mind_folder(weights or settings.weights).resolve()
    if settings.backend == "ray":
        from embodied.serving.app import deploy

        return deploy(str(folder), settings.replicas, settings.batch, settings.batch_wait_s)
    import torch

    from embodied.agents.shipped import load_agent

    torch.set_num_threads(settings.threads)
    if is_mind(folder):
        from embodied.serving.minds import load_backend

        return load_backend(str(folder))
    return load_agent(folder, world=world).backend


def _chat(chat: ChatSettings) -> Any:
    """Makes a prompted planner that perceives with the model's segmenter; None where none was asked for."""
    if chat.base_url is None:
        return None
    from embodied.agents.chat_agent import chat_agents

    return chat_agents(chat.base_url, chat.model, key_variable=chat.key_variable, memory_file=chat.memory)


def _shut_down(settings: Settings) -> None:
    from embodied.distributed.cluster import disconnect, is_connected

    if settings.backend == "ray" and is_connected():
        from embodied.serving.app import shut_down

        shut_down()
        disconnect()


def _manager(settings: Settings, inference: InferenceServer, elsewhere: Mapping[str, InferenceServer]) -> Any:
    from embodied.serving.session_manager import Limits, SessionManager

    recordings = Path(settings.recordings) if settings.recordings else None
    limits = Limits(sessions=settings.max_sessions, idle_s=settings.idle_s, lease_ttl_s=settings.lease_s,
                    record_fps=settings.record_fps, recordings=recordings, plans=settings.plans,
                    planner=settings.planner)
    from embodied.agents.minds import mind_folder, notice
    from embodied.cli.weights import language_of

    folder = mind_folder(settings.weights)
    return SessionManager(inference, limits, make_chat=_chat(settings.chat), language=language_of(folder),
                          elsewhere=elsewhere, weights_name=folder.resolve().name,
                          notice=notice(settings.weights))
