"""All sessions of a server, the inference servers that plan for them, and the beat that keeps them alive."""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from embodied.agents.language_agent import LanguageAgent
from embodied.agents.mind_agent import MindAgent
from embodied.agents.oracle import OraclePlanner
from embodied.agents.shipped import SHIPPED
from embodied.planning.closed_loop import Planner
from embodied.planning.language import Plan
from embodied.serving.errors import ApiError, overloaded, unknown, unmakeable
from embodied.serving.events import Event
from embodied.serving.hosting import halted, make_hosted
from embodied.serving.inference_server import InferenceClient, InferenceServer, OnPiece
from embodied.serving.latch import Stop
from embodied.serving.memory import give_back
from embodied.serving.minds import make_mind
from embodied.serving.planners import PlannerKind, chosen, kinds_of
from embodied.serving.rate_limits import Places
from embodied.serving.recorder import Recorder
from embodied.serving.running import Run
from embodied.serving.safety.envelope import TABLE
from embodied.serving.safety.plans import CheckedPlanner
from embodied.serving.session import Session, recording_id_of
from embodied.serving.shared_state import Halt
from embodied.serving.worker import aside
from embodied.serving.world import Setup
from envs.interface import DOMAINS, ENV_IDS, Observation
from envs.skills.signatures import LANGUAGES, PlanLanguage

log = logging.getLogger(__name__)

DOMAIN_OF = {task: domain for domain, tasks in DOMAINS.items() for task in tasks}
AT_A_TABLE = ("tabletop", "tamp")
"""Domains whose plans must stay over the table."""

LOADING_S = 5.0
"""About what loading takes."""

_BEAT_S = 0.05
_SERVER_GRACE_S = 1.0  # a world whose server shows no sign of life for so long holds still

_PLAN_S = 60.0  # for the thread of a session that is closed, which a plan may hold, before its world is killed
_CLOSE_S = 1.0  # the same at the server's end
_SESSIONS_S = 1.5  # for all sessions, side by side
_PUBLISH_S = 1.5  # since the end began: for recordings; the rest are published at the next start
_INFERENCE_S = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server gives at most."""

    sessions: int = 24
    idle_s: float = 1800.0
    session_s: float = 6 * 3600.0
    lease_ttl_s: float = 10.0
    plans: int = 32  # asked for at once by those who have no session
    record_fps: int = 5
    recordings: Path | None = None  # where recordings go; None = nothing is kept
    planner: str | None = None  # who plans where a session names nobody; None = never a privileged one


ChatMaker = Callable[..., Any]
"""(perceive, language=): a planner that people talk to, in the language of a world."""


@dataclass
class SessionManager:
    """Sessions by name. Made inside the event loop's thread."""

    inference: InferenceServer
    limits: Limits
    make_chat: ChatMaker | None = None
    """Makes a prompted planner, where one was configured."""
    language: PlanLanguage | None = None
    """What the weights plan in, where that is known before they are loaded."""
    elsewhere: Mapping[str, InferenceServer] = field(default_factory=dict)
    """World that the loaded weights do not plan in -> the planner that plans there, loaded when first needed."""
    weights_name: str = SHIPPED
    """What clients ask for the loaded weights by."""
    notice: str | None = None
    """What the loaded weights lack, for people."""
    sessions: dict[str, Session] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.started_s = time.monotonic()
        self.folder = Path(tempfile.mkdtemp(prefix="embodied-serve-"))
        self.recorder = Recorder(self.limits.recordings, self.limits.record_fps)
        self._opening: set[Session] = set()
        self._closed, self._is_leaving, self._asking = threading.Event(), False, 0
        self.watchers = Places(200, 150, "watchers")
        self.downloads = Places(8, 6, "downloads at once")
        threading.Thread(target=self._beat, name="beat", daemon=True).start()

    @property
    def is_mind(self) -> bool:
        """Whether the loaded weights are a mind's; no while they are being loaded, when nobody plans."""
        return self.inference.is_ready and self.inference.understands

    async def language_known(self) -> None:
        """Wait until it is known what the weights plan in: `planners_of` then answers at once, and holds up no stop."""
        if self.language is None:
            await self.inference.ready()

    def planners_of(self, domain: str) -> list[PlannerKind]:
        """Who can plan there; to be asked once the `language_known`."""
        language = LANGUAGES[domain] if domain in self.elsewhere else self.language or self.inference.language
        return kinds_of(domain, language, has_chat=self.make_chat is not None)

    def inference_in(self, domain: str) -> InferenceServer:
        """What plans in a world."""
        return self.elsewhere.get(domain, self.inference)

    def perceives(self, domain: str) -> bool:
        """Whether somebody plans in that domain from what is seen, and can be asked what that is."""
        return self.inference_in(domain).is_ready and any(not kind.is_privileged for kind in self.planners_of(domain))

    def get(self, session_id: str) -> Session:
        """Raises ApiError 404."""
        if session_id not in self.sessions:
            raise unknown("session", session_id)
        return self.sessions[session_id]

    async def open(self, task: str, seed: int, planner: str | None, **settings: Any) -> Session:
        """A session whose world is ready. Raises ApiError."""
        domain = DOMAIN_OF[task]
        await self.language_known()
        name = chosen(planner, domain, self.planners_of(domain), self.limits.planner)
        if domain not in self.elsewhere:
            await self.inference.ready()
        elif name == "model":
            await self._loaded(domain)
        if len(self.sessions) + len(self._opening) >= self.limits.sessions:
            raise overloaded(f"expected fewer than {self.limits.sessions} open sessions", 5.0)
        setup = Setup(task, domain, seed, name, record_fps=self.limits.record_fps,
                      lease_ttl_s=self.limits.lease_ttl_s, **settings)
        session = Session(setup, self.folder, self._planner, self._record)
        self._opening.add(session)  # whoever stops all robots stops this one, too
        try:
            await self._make(session)
            self.sessions[session.session_id] = session
        except BaseException:
            await aside(partial(session.close, _PLAN_S))
            raise
        finally:
            self._opening.discard(session)
        return session

    async def _loaded(self, domain: str) -> None:
        """Waits until a world's own planner can plan, whoever loads it. Raises ApiError 503 where it cannot be
        loaded."""
        inference = self.elsewhere[domain]
        inference.begin()
        try:
            await inference.ready()
        except Exception as error:
            log.error("the planner of %s could not be loaded", domain, exc_info=error)
            raise ApiError(503, "overloaded", f"expected the planner of {domain} to load, it did not: the server's log "
                                              "says why; see embodied doctor, or open another world") from None
        gc.freeze()  # as of the first one, see `server`

    async def _make(self, session: Session) -> None:
        """Makes a session's world. Raises ApiError."""
        setup = session.setup
        spool = self.recorder.path(session.recording_id)
        make = partial(_make_env, setup, str(session.board.path), str(spool) if spool else None)
        try:
            await session.do("opening", lambda: session.jobs.open(make), changes=False)
        except (ValueError, TypeError) as error:
            raise unmakeable(error) from None
        if self._is_leaving:
            raise overloaded("expected a server that stays, it is shutting down", 5.0)
        facts = session.world.facts
        about = {"task": setup.task, "robot": facts["robot"], "seed": setup.seed, **setup.planning,
                 "created_unix_s": session.created_unix_s}
        await asyncio.to_thread(self.recorder.begin, session.recording_id, facts, about)

    def _record(self, event: Event) -> None:
        self.recorder.note(recording_id_of(event["session_id"]), event)

    async def close_session(self, session_id: str, patience_s: float = _PLAN_S) -> None:
        """Stops and forgets a session, see `Session.close`; its recording is finished in the background."""
        session = self.sessions.pop(session_id, None)
        if session is None:  # somebody else is at it
            return
        session.latch.close()  # at once: the stop of all robots reaches it no more
        await aside(partial(session.close, patience_s))
        self.recorder.finish(session.recording_id)
        del session
        await aside(give_back)

    def estop_all(self, reason: str) -> list[tuple[Session, Stop]]:
        """The robots that were stopped, each with its stop; those that are being opened among them."""
        return [(session, session.halt(Halt.ESTOP, reason)) for session in [*self.sessions.values(), *self._opening]]

    def why_full(self) -> ApiError | None:
        """Why `plan` can take nothing now; None when it can."""
        if not self.inference.is_ready:
            return overloaded("the planner is being loaded", LOADING_S)
        if self._asking < self.limits.plans:
            return None
        return overloaded(f"expected fewer than {self.limits.plans} plans at once", self.inference.retry_after_s())

    async def plan(self, instruction: str, seen: Observation, on_piece: OnPiece | None = None, *,
                   most_tokens: int | None = None) -> Plan:
        """What to do next about a moment that belongs to no session. most_tokens: of the answer, when fewer than the
        planner would take. Raises ApiError 503 when too many ask."""
        if (full := self.why_full()) is not None:
            raise full
        if most_tokens is not None and self.is_mind:
            raise ApiError(422, "invalid", "max_tokens, max_completion_tokens: expected null, for what a mind "
                                           "understands is not cut")
        self._asking += 1
        try:
            return await aside(partial(self._agent(on_piece, most_tokens).plan, instruction, seen))
        finally:
            self._asking -= 1

    def _agent(self, on_piece: OnPiece | None, most_tokens: int | None) -> LanguageAgent | MindAgent:
        """Who plans for a moment of nobody's session: nothing was said or seen before."""
        if self.inference.understands:
            return make_mind(self.inference)
        agent = LanguageAgent(self.inference if on_piece is None else InferenceClient(self.inference, on_piece))
        agent.max_new_tokens = min(agent.max_new_tokens, most_tokens or agent.max_new_tokens)
        return agent

    def _planner(self, session: Session, run: Run) -> Planner:
        """Who plans for a run. Its plans are checked before anything moves, whoever made them."""
        inference = self.inference_in(session.setup.domain)
        if session.setup.planner == "oracle":
            made: Planner = OraclePlanner(session.world)
        elif session.setup.planner == "chat":
            made = self.make_chat(inference.perceive, language=LANGUAGES[session.setup.domain])
            made.on_text, made.begins = lambda text: session.listener(run)(text, 1.0), run.begin_attempt
        elif inference.understands:
            made = session.jobs.mind = session.jobs.mind or make_mind(inference, partial(halted, session.board))
            made.begin()
        else:
            made = LanguageAgent(InferenceClient(inference, session.listener(run), run.begin_attempt))
        workspace = TABLE if session.setup.domain in AT_A_TABLE else None
        return CheckedPlanner(made, LANGUAGES[session.setup.domain].skills, workspace,
                              on_fault=lambda reason: session.tell("safety", kind="plan", reason=reason))

    def _beat(self) -> None:
        """Tells every world that its server lives, and looks for those that hang or were left alone."""
        while not self._closed.wait(_BEAT_S):
            self._look_after_all()

    def _look_after_all(self) -> None:
        """One beat; in between nobody holds a session that may end meanwhile."""
        until_ns = time.monotonic_ns() + int(_SERVER_GRACE_S * 1e9)
        for session in list(self.sessions.values()):
            session.board.write(server_until_ns=until_ns)
            session.check_alive()
            session.tell_confirmed()

    async def tidy(self) -> None:
        """Closes, for ever, what nobody used for too long."""
        while True:
            await asyncio.sleep(5.0)
            for name in self._left():
                await self.close_session(name)

    def _left(self) -> list[str]:
        """Names of sessions that nobody uses, and of those that are too old."""
        now_s, now_unix_s, limits = time.monotonic(), time.time(), self.limits
        return [name for name, session in self.sessions.items()
                if (now_s - session.touched_s > limits.idle_s and not session.doing)
                or now_unix_s - session.created_unix_s > limits.session_s]

    def leave(self) -> None:
        """The beginning of the end: robots stop, and whoever watches is let go."""
        if self._is_leaving:
            return
        self._is_leaving = True
        self.estop_all("the server is shutting down")
        self.recorder.leave(_PUBLISH_S)
        for session in self.sessions.values():
            session.log.close()

    async def close(self) -> None:
        """Robots first: everything stops, then sessions end and recordings are finished, as far as there is time."""
        self.leave()
        await _within(_SESSIONS_S, *(self.close_session(name, _CLOSE_S) for name in list(self.sessions)))
        self._closed.set()
        await _within(_PUBLISH_S, aside(self.recorder.close))
        everyone = (self.inference, *self.elsewhere.values())
        await _within(_INFERENCE_S, *(aside(inference.close) for inference in everyone))
        shutil.rmtree(self.folder, ignore_errors=True)


async def _within(patience_s: float, *ends: Awaitable[Any]) -> None:
    """Wait for all of them, or for so long: what hangs is left behind."""
    if ends:
        done, _ = await asyncio.wait([asyncio.ensure_future(end) for end in ends], timeout=patience_s)
        for error in filter(None, (end.exception() for end in done)):
            log.error("something broke at the end", exc_info=error)


def _make_env(setup: Setup, board: str, spool: str | None) -> Any:
    """The session's world, in a process of its own."""
    from envs.isolation.env import IsolatedEnv

    chosen = {"robot": setup.robot} if setup.robot else {}
    return IsolatedEnv(make_hosted, {"env_id": ENV_IDS[setup.task], "board": board, "spool": spool,
                                     "record_fps": setup.record_fps, **chosen}, deadline_s=None)
