"""A planner made of any chat model: it is told the scene, answers with a plan, asks, is corrected, and remembers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from embodied.agents.backends.chat_api import ChatEndpoint
from embodied.agents.backends.chat_reply import (
    CHARACTERS_PER_TOKEN,
    ChatError,
    ChatReply,
    EndpointFiltered,
    EndpointRefused,
    EndpointTruncated,
    Message,
    OnText,
)
from embodied.agents.language_agent import NOTHING_IN_SIGHT, UNREADABLE
from embodied.agents.prompting.budget import Budget, BudgetTracker, OverBudgetError
from embodied.agents.prompting.library import REPLY_FORMATS, ReplyFormat, response_format, tools
from embodied.agents.prompting.memory import Memory
from embodied.agents.prompting.reply import MOST_CALLS, Rules, read_reply, spoken
from embodied.agents.prompting.scene import describe_scene, mark_scene, picture_url
from embodied.agents.prompting.turns import PERSON, Moment, Utterance, complaint, conversation, shipped_examples
from embodied.agents.scene_state import Perceive, SceneState, read_scene
from embodied.planning.instruction import InstructionError, clean_instruction
from embodied.planning.language import Plan, PlanError, clause, ground, object_names, place_of
from embodied.planning.looks import Scene, looks_of, without_parts
from embodied.planning.understanding import UnclearPolicy, judge, refused, trust, turned_down
from embodied.planning.wording import ParsedInstruction, read
from envs.interface import Box, Observation, Transition
from envs.skills.signatures import TABLETOP, PlanLanguage

Showing = Literal["text", "image", "both"]
SHOWINGS: tuple[Showing, ...] = ("text", "image", "both")
"""The scene in words, as a picture with the objects' names in it, or both."""

UNANSWERED = "nobody answered my question"
NO_ANSWER = "the language model gave no answer"
NO_SUCH_FIELD = frozenset({400, 415, 422, 501})
"""Statuses by which an endpoint may mean that it knows no schemas or tools; it is then asked for JSON in plain text."""
PICTURE_TOKENS = 1500


@dataclass
class ChatEpisode:
    """What one episode leaves in the agent between two plans."""

    tracker: BudgetTracker
    asked: str  # the instruction as it came
    before: int = 0  # how much of the history is older than the episode: a scene may see many instructions
    said: list[Utterance] = field(default_factory=list)
    instruction: str = ""
    history: Sequence[Transition] = ()
    is_waiting: bool = False  # for the answer to a question
    seed: int = 0  # of the plan that is being made


class ChatAgent:
    """A `Planner` of one robot at a time; the endpoint, what perceives and the memory may be shared.

    Nothing that the model says reaches the robot but whole plans of known skills over objects in sight.
    """

    def __init__(self, endpoint: ChatEndpoint, perceive: Perceive, *, showing: Showing = "text",
                 reply_format: ReplyFormat = "schema", examples: int = 4, retries: int = 2, max_tokens: int = 800,
                 most_calls: int = MOST_CALLS, temperature: float = 0.0, seed: int = 0, budget: Budget | None = None,
                 memory: Memory | None = None, language: PlanLanguage = TABLETOP,
                 on_text: OnText | None = None, unclear: UnclearPolicy = trust) -> None:
        """language: of plans, the world's own. retries: how often an unreadable answer is asked for again, with what
        was wrong with it. examples: how many worked ones the prompt has; beside a picture none. max_tokens: of one
        answer. most_calls: of one plan. on_text: gets the answer's text as it comes, and may stop it. unclear: what
        becomes of instructions that the judge of `embodied.planning.understanding` cannot read whole; a model that
        knows more words is trusted with them."""
        if showing not in SHOWINGS or reply_format not in REPLY_FORMATS:
            raise ValueError(f"ChatAgent: expected showing one of {SHOWINGS} and reply_format one of {REPLY_FORMATS}, "
                             f"got {showing!r} and {reply_format!r}")
        self.endpoint, self.perceive = endpoint, perceive
        self.language, self.on_text, self.unclear = language, on_text, unclear
        self.showing, self.reply_format, self.retries, self.most_calls = showing, reply_format, retries, most_calls
        self.examples = shipped_examples(language)[:examples] if showing != "image" else ()
        self.temperature, self.seed = temperature, seed
        self.max_tokens, self.budget, self.memory = max_tokens, budget or Budget(), memory or Memory()
        self.begins: Callable[[], None] = lambda: None
        """Called before each answer that is asked for."""
        self._news: list[str] = []
        self._lock = threading.Lock()
        self._episode: ChatEpisode | None = None
        self._looks: dict[Box, str] = {}  # how what was planned with looked, as long as the scene lasts

    @property
    def has_news(self) -> bool:
        """Whether a person has said something that no plan knows of yet."""
        return bool(self._news)

    @property
    def tokens_spent(self) -> int:
        """Tokens of the episode that is going on."""
        return self._episode.tracker.tokens if self._episode else 0

    def correct(self, text: str) -> None:
        """Take a person's word, an answer or a correction, from any thread; the next plan knows it."""
        with self._lock:
            self._news.append(spoken(text))

    def finish(self, end: str) -> None:
        """End the episode; how it ended goes into the memory."""
        episode, self._episode = self._episode, None
        with self._lock:
            self._news.clear()
        if episode is not None and episode.instruction:
            self.memory.keep(episode.instruction, end, episode.history[episode.before:])

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition] = (), *,
             seed: int | None = None) -> Plan:
        """What to do next, or a question, or a refusal; whatever the endpoint does, never an error.

        seed: of this plan's answers, which the endpoint is told. The plan has no `sample`: endpoints tell no tokens.
        """
        start = time.perf_counter()
        episode = self._open(instruction, history)
        episode.seed = self.seed if seed is None else seed
        episode.tracker.open_plan()
        try:
            plan = self._plan(episode, instruction, observation, history)
        except OverBudgetError as spent:
            plan = Plan((), refusal=clause(str(spent)))
        finally:
            episode.tracker.close_plan()
        if plan.question is not None:
            episode.said.append(Utterance("you", plan.question))
        episode.is_waiting = plan.question is not None
        return replace(plan, thinking_s=time.perf_counter() - start)

    def _open(self, instruction: str, history: Sequence[Transition]) -> ChatEpisode:
        """The episode that goes on, or a new one: with another instruction, or when nothing is done and nobody is in
        talks."""
        episode = self._episode
        if episode is not None and episode.asked == instruction and (history or episode.is_waiting or self.has_news):
            return episode
        if episode is not None and len(episode.history) > episode.before:  # nobody said how it ended
            self.memory.keep(episode.instruction, "", episode.history[episode.before:])
        if not history:
            self._looks.clear()
        self._episode = ChatEpisode(BudgetTracker(self.budget), instruction, len(history))
        return self._episode

    def _plan(self, episode: ChatEpisode, instruction: str, observation: Observation,
              history: Sequence[Transition]) -> Plan:
        with self._lock:
            news, self._news = self._news, []
        episode.said += [Utterance(PERSON, text) for text in news]
        if episode.is_waiting and not news:
            return Plan((), refusal=UNANSWERED, hint=f"I asked: {episode.said[-1].text}")
        try:
            episode.instruction, episode.history = clean_instruction(instruction), tuple(history)
        except InstructionError as error:
            return Plan((), refusal=clause(str(error)))
        state = read_scene(lambda seen: without_parts(self.perceive(seen)), observation, self.language, history,
                           with_distractors=True)
        if not state.perception.slots and not state.is_holding and self.language.needs_objects:
            return Plan((), refusal=NOTHING_IN_SIGHT, perception=state.perception)
        parsed, scene = read(_all_said(episode)), state.scene(history)
        plan = turned_down(parsed, scene, self.unclear)
        if plan is not None:
            return replace(plan, perception=state.perception)
        plan = self._ask(self._moment(episode, state, observation), state, parsed, scene)
        self._looks |= {a.box: looks_of(state.perception.slots[place_of(a.words)])
                        for call in plan.calls for a in call.arguments if getattr(a, "box", None) is not None}
        return plan

    def _moment(self, episode: ChatEpisode, state: SceneState, observation: Observation) -> Moment:
        scene = mark_scene(state) if self.showing == "image" else describe_scene(state)
        picture = None if self.showing == "text" else picture_url(state.perception, observation)
        return Moment(episode.instruction, scene, episode.history, self._looks, tuple(episode.said),
                      self.memory.recall(episode.instruction), picture)

    def _ask(self, moment: Moment, state: SceneState, parsed: ParsedInstruction, scene: Scene) -> Plan:
        """The grounded plan of the first answer that can be read and that the judge lets pass; else a refusal."""
        rules = Rules(self.language, object_names(len(state.perception.slots)), state.is_holding, self.most_calls)
        corrections: list[Message] = []
        for _ in range(1 + self.retries):
            try:
                reply, cut = self._complete(moment, corrections, rules), ""
            except EndpointTruncated as error:  # a shorter one may fit
                reply, cut = error.reply, str(error)
            except ChatError as error:
                hint = f"{str(error)[:1].upper()}{str(error)[1:]}."
                return Plan((), refusal=NO_ANSWER, perception=state.perception, hint=hint)
            try:
                if cut:
                    raise PlanError(cut)
                plan = ground(read_reply(reply, rules), state.perception)
                veto = judge(plan, parsed, scene, self.language, is_whole=False)
                if veto is None:
                    return plan
                fault, failed = veto.reason, refused(plan, veto, parsed, scene)
            except PlanError as error:
                fault, hint = str(error), f"The answer was no plan: {error}."
                failed = Plan((), refusal=UNREADABLE, perception=state.perception, text=reply.text, hint=hint)
            corrections += [{"role": "assistant", "content": _shown(reply)}, complaint(fault)]
        return failed

    def _complete(self, moment: Moment, corrections: Sequence[Message], rules: Rules) -> ChatReply:
        """One answer, paid for. An endpoint that knows no schemas or tools is asked in plain text from then on."""
        try:
            return self._request(moment, corrections, rules, self.reply_format)
        except EndpointRefused as error:
            if self.reply_format == "text" or error.status not in NO_SUCH_FIELD:
                raise
        reply = self._request(moment, corrections, rules, "text")
        self.reply_format = "text"
        return reply

    def _request(self, moment: Moment, corrections: Sequence[Message], rules: Rules, form: ReplyFormat) -> ChatReply:
        """Raises ChatError or OverBudgetError."""
        self.begins()
        messages = [*conversation(moment, self.language, reply=form, examples=self.examples), *corrections]
        tracker, sampling = self._episode.tracker, {"temperature": self.temperature, "seed": self._episode.seed}
        room = tracker.room_after(_estimate(messages))
        try:
            reply = self.endpoint.complete(messages, max_tokens=min(self.max_tokens, room),
                                           deadline_s=tracker.seconds_left(), on_text=self.on_text, **sampling,
                                           **_fields(form, rules))
        except (EndpointTruncated, EndpointFiltered) as half:
            tracker.pay(half.reply.tokens)
            raise
        tracker.pay(reply.tokens)
        return reply


def _all_said(episode: ChatEpisode) -> str:
    """The instruction and what the person said since."""
    return ". ".join([episode.instruction, *(s.text for s in episode.said if s.who == PERSON)])


def _fields(form: ReplyFormat, rules: Rules) -> dict[str, Any]:
    """Fields of a request that say how to answer."""
    if form == "tools":
        return {"tools": tools(rules.language, rules.names), "tool_choice": "auto"}
    schema = response_format(rules.language, rules.names, rules.most_calls)
    return {"response_format": schema} if form == "schema" else {}


def _estimate(messages: Sequence[Message]) -> int:
    """Tokens of a conversation, before anybody has counted them."""
    pictures = sum(part.get("type") == "image_url" for m in messages if isinstance(m["content"], list)
                   for part in m["content"])
    texts = [m if isinstance(m["content"], str) else m["content"][0] for m in messages]
    return len(json.dumps(texts, ensure_ascii=False)) // CHARACTERS_PER_TOKEN + pictures * PICTURE_TOKENS


def _shown(reply: ChatReply) -> str:
    """An unreadable answer as the model is shown it again: enough to see the fault."""
    called = "; ".join(f"{c.name}({c.arguments})" for c in reply.tool_calls)
    return (called or reply.text)[:2000].encode("utf-8", "replace").decode("utf-8") or "(nothing)"


def chat_agents(base_url: str, model: str, *, key_variable: str | None = None, timeout_s: float = 60.0,
                memory_file: str | None = None, budget: Mapping[str, float] | None = None, **settings: Any
                ) -> Callable[[Perceive], ChatAgent]:
    """What makes a robot's agent from what perceives for it; all share the endpoint's connections and the memory.

    key_variable: the environment variable that holds the key. budget: limits of `Budget` by name. settings: as of
    `ChatAgent`. Raises ValueError for settings that make no sense.
    """
    shared = {"budget": Budget(**(budget or {})), "memory": Memory(memory_file), **settings}
    return partial(ChatAgent, ChatEndpoint(base_url, model, key_variable, timeout_s), **shared)


def load_chat_agent(base_url: str, model: str, *, perceive: Perceive | None = None, weights: str = "shipped",
                    **settings: Any) -> ChatAgent:
    """A ready agent from plain values; settings as of `chat_agents`. perceive: by default the segmenter of
    `weights`."""
    if perceive is None:
        from embodied.agents.shipped import load_agent

        perceive = load_agent(weights).backend.perceive
    return chat_agents(base_url, model, **settings)(perceive)
