"""The agent of the default path: looks, writes the prompt, asks its backend, reads the plan, and grounds it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from embodied.agents.backends.base import Backend
from embodied.agents.backends.looks import Looks
from embodied.agents.judgement import LIKELY, chance_of_success
from embodied.agents.numbering import Numbered, numbered
from embodied.agents.scene_state import SceneState, read_scene
from embodied.planning.board_view import is_open
from embodied.planning.grammar import ANY_PLAN, Without, plan_grammar
from embodied.planning.hints import meant, telling
from embodied.planning.instruction import InstructionError, clean_instruction
from embodied.planning.language import Plan, PlanError, clause, ground, parse
from embodied.planning.looks import COLOR_WORDS, Scene
from embodied.planning.memory import Look, recall
from embodied.planning.named import TOY_NAMES, by_number, strays, strays_in_words, toys_named, unseen_color
from embodied.planning.perception import Perception, held_since, last_failure
from embodied.planning.scene import SceneEncoder, Targets, write_prompt
from embodied.planning.search import PlanSearch
from embodied.planning.understanding import UnclearPolicy, Veto, judge, refuse, refused, turned_down
from embodied.planning.wording import ParsedInstruction, read
from embodied.prompt import Prompt, PromptTooLongError, Sample
from envs.interface import Observation, Transition
from envs.skills.signatures import PlanLanguage

NOTHING_IN_SIGHT = "I see no objects"
UNREADABLE = "I could not put a plan into words"
NO_PLAN_OF_THESE = "I have no plan that ends with what you named"
NOT_DONE = "I see that it is not done, and do not know what to do next"
TOO_LONG = "the instruction is too long for me"
EXAMPLE = "put the red block in the blue bowl"
"""Of what is understood, for those who were refused."""
_FEW = 8  # words that a refusal may list
MAX_NEW_TOKENS = 192
"""Of an answer, where nobody says."""
TRIES = 5
"""Plans that a model is asked for where the judge turns the likelier ones down."""
_LONGEST_WORD = 40  # that a refusal quotes
_EPISODE = 64  # looks of an episode
_RECENT = 4  # steps that are not done again for want of anything else


class LanguageAgent:
    """A `Planner` made of a backend. It keeps nothing between calls but what was seen in pictures, so as not to look
    twice: the history of the episode says it all."""

    def __init__(self, backend: Backend, *, constrained: bool = True, scene: SceneEncoder | None = None,
                 max_new_tokens: int = MAX_NEW_TOKENS, seed: int = 0, unclear: UnclearPolicy | None = refuse,
                 look: Callable[[Observation], Look] | None = None, draws: int = 1, tries: int = TRIES) -> None:
        """constrained: decode under the plan grammar; without it, an unreadable answer is asked for once more with it.

        Plans are in the language that the backend's model learned. scene: what the prompt shows, by default what that
        model learned to see. unclear: what becomes of instructions that were not read whole; None lets every plan
        pass, for measuring what a model alone is worth. Plans of whole images, which name no slots, are not judged; of
        what is said in languages that answer questions only the colors are, see `planning.named`.
        seed: of a backend that samples, where a call names none. look: what a scene that remembers sees by, in place of
        its own eyes. draws: answers that are drawn at once while the backend samples: the first that nothing speaks
        against is done. 1: answers are asked for one by one, each without what the judge turned down before. tries: the
        most that are asked for so while the backend samples. ValueError for more draws of a planner whose plans are not
        judged.
        """
        self.backend, self.constrained, self.scene = backend, constrained, scene or backend.scene
        self.language = backend.language
        answers_in_words = self.language.answers.text_skill is not None
        self.unclear = unclear if self.scene.finds_objects and not answers_in_words else None
        self._is_checked = self.scene.finds_objects and answers_in_words and unclear is not None
        self._minds_failures = self.scene.remembers and unclear is not None
        self._denies_done = self._minds_failures and not self.scene.roams
        if draws > 1 and (self.unclear is None or not hasattr(backend, "draw")):
            raise ValueError(f"draws={draws}: expected 1 of a planner whose plans nobody judges, or whose backend "
                             "draws one answer at a time")
        self.max_new_tokens, self.seed, self.draws, self.tries = max_new_tokens, seed, draws, tries
        self._lent, self._looks = look, Looks(_EPISODE)

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition] = (), *,
             seed: int | None = None) -> Plan:
        """What to do next; an instruction that cannot be followed comes back as a refusal, never as an error.

        seed: of this plan's answers, where the backend samples: the same one gives the same plan.
        """
        start = time.perf_counter()
        plan = self._plan(instruction, observation, history, self.seed if seed is None else seed)
        return replace(plan, thinking_s=time.perf_counter() - start)

    def _plan(self, instruction: str, observation: Observation, history: Sequence[Transition], seed: int) -> Plan:
        instruction = read_instruction(self.backend, instruction, is_numbered=self.backend.names_by_number)
        if isinstance(instruction, Plan):
            return instruction
        state = self.read_scene(observation, history)
        is_blank = self.scene.finds_objects and not state.perception.slots
        if is_blank and self.language.needs_objects and not state.is_holding:
            return Plan((), refusal=NOTHING_IN_SIGHT, perception=state.perception)
        if self._is_checked and (refusal := _of_unseen(instruction, state)) is not None:
            return Plan((), refusal=refusal, perception=state.perception)
        worded = self._by_number(instruction, state, history, seed)
        if worded.refusal is not None:
            return Plan((), refusal=worded.refusal, perception=state.perception).instead_of(worded.asked)
        prompt = self._prompt(worded.text, state, history)
        if self._denies_done and (refusal := _of_unseen_toys(instruction, prompt, self.backend)) is not None:
            return Plan((), refusal=refusal, perception=state.perception)
        ask = partial(self._ask, prompt, state, seed)
        if self.unclear is None:
            plan = worded.told(ask(), self.language)
            if self._denies_done:
                plan = another(plan, instruction, history, self.language, ask)
            if self._denies_done and plan.is_done:
                plan = self._unless_open(plan, instruction, state, history, ask)
            if self._minds_failures and (reason := in_vain(plan, history, self.language)) is not None:
                return Plan((), refusal=clause(reason), perception=state.perception).instead_of([plan])
            if self._minds_failures and strays_in_words(plan, instruction, self.language):
                return Plan((), refusal=NO_PLAN_OF_THESE, perception=state.perception).instead_of([plan])
            if self._is_checked and strays(plan, instruction, state.held, self.language):
                return Plan((), refusal=NO_PLAN_OF_THESE, perception=state.perception).instead_of([plan])
            return plan
        parsed, scene = read(instruction), state.scene(history)
        if (plan := turned_down(parsed, scene, self.unclear)) is not None:
            return replace(plan, perception=state.perception)
        if self.draws > 1 and self.backend.temperature:
            return self._first_that_stands(self._drawn(prompt, state, seed), parsed, scene)
        return self._judged(ask, parsed, scene)

    def _unless_open(self, done: Plan, instruction: str, state: SceneState, history: Sequence[Transition],
                     ask: Callable[[Without], Plan]) -> Plan:
        """The plan that all is done, unless what is measured denies that, or says nothing and the last step was still
        on its way: then the likeliest that does something else than what was done of late, or a refusal where that has
        failed of late."""
        denied = is_open(instruction, state.perception.slots, is_begun=bool(history))
        if not (denied or (denied is None and history and history[-1].outcome.status == "timeout")):
            return done
        plan = ask(Without(steps=1, refusal=True, texts=_told(history, "done"))).instead_of([done])
        if plan.calls and plan.calls[0].named[1] not in _told(history, "failed", "refused"):
            return plan
        return Plan((), refusal=NOT_DONE, perception=state.perception).instead_of([done, plan])

    def prompt_of(self, instruction: str, observation: Observation, history: Sequence[Transition] = ()
                  ) -> Prompt | None:
        """What the backend would be asked; None where it would be asked nothing, for the words alone, or because what
        they name by color has no number. Asks the backend of what color things are where it knows numbers alone."""
        instruction = read_instruction(self.backend, instruction, is_numbered=self.backend.names_by_number)
        if isinstance(instruction, Plan):
            return None
        state = self.read_scene(observation, history)
        worded = self._by_number(instruction, state, history, self.seed)
        return None if worded.refusal is not None else self._prompt(worded.text, state, history)

    def _prompt(self, instruction: str, state: SceneState, history: Sequence[Transition]) -> Prompt:
        return write_prompt(instruction, state.perception, held=state.held, is_holding=state.is_holding,
                            last_failure=last_failure(history), scene=self.scene)

    def _by_number(self, instruction: str, state: SceneState, history: Sequence[Transition], seed: int) -> Numbered:
        """The instruction by number, where the model learned numbers alone; it is asked so unheard."""
        if not self.backend.names_by_number or not self.scene.finds_objects:
            return Numbered(instruction)
        things = len(state.perception.slots) + (state.held is not None)
        numbers = [f"obj_{state.perception.number(place)}" for place in range(things)]
        unheard = getattr(self.backend, "unheard", self.backend)
        return numbered(instruction, numbers, lambda question: self._ask(
            self._prompt(question, state, history), state, seed, backend=unheard), self.language)

    def doubts(self, history: Sequence[Transition]) -> bool:
        """Whether the last call, which its controller calls done, looks as if it had failed. Of a planner that answers
        questions alone, and was taught that one."""
        chance = chance_of_success(self, history) if self._is_checked else None
        return chance is not None and chance < LIKELY

    def _judged(self, ask: Callable[[Without], Plan], parsed: ParsedInstruction, scene: Scene) -> Plan:
        """The likeliest plan that nothing speaks against, among the first few; else the refusal of the likeliest."""
        search, tried, first = PlanSearch(self.language), [], None
        for _ in range(self.tries if getattr(self.backend, "temperature", 0.0) else TRIES):
            plan = ask(search.without)
            veto = judge(plan, parsed, scene, self.language)
            if veto is None:
                return plan.instead_of(tried)
            tried.append(_marked(plan, veto))
            first = first or veto
            if not search.turn_down(plan, veto):
                break
        return refused(tried[0].instead_of(tried[1:]), first, parsed, scene)

    def _first_that_stands(self, drawn: Sequence[Plan], parsed: ParsedInstruction, scene: Scene) -> Plan:
        """The first plan that nothing speaks against, instead of all that something does; else the refusal of the
        first. What could not be read does not stand. Others that would have stood are not told of: nobody knows what
        they are worth."""
        vetoes = [Veto(UNREADABLE) if plan.refusal == UNREADABLE else judge(plan, parsed, scene, self.language)
                  for plan in drawn]
        vetoed = [_marked(plan, veto) for plan, veto in zip(drawn, vetoes, strict=True) if veto is not None]
        stands = next((plan for plan, veto in zip(drawn, vetoes, strict=True) if veto is None), None)
        if stands is not None:
            return stands.instead_of(vetoed)
        return refused(vetoed[0].instead_of(vetoed[1:]), vetoes[0], parsed, scene)

    def read_scene(self, observation: Observation, history: Sequence[Transition] = ()) -> SceneState:
        """What is in sight now, and what the hand holds since which pick; of scenes that remember, what they do."""
        if self.scene.remembers:
            memory = recall(self._look, observation, history, self.language)
            return SceneState(Perception(memory.things, observation.time_s, memory=memory),
                              held_since(history, self.language) is not None)
        perceive = self.backend.perceive if self.scene.finds_objects else None
        return read_scene(perceive, observation, self.language, history)

    def _look(self, observation: Observation) -> Look:
        """What the scene's eyes see in an observation; the looks of an episode are kept."""
        from embodied.models.looking import EYES

        if self._lent is not None:
            return self._looks.of(observation, "lent", lambda: [self._lent(observation)])[0]
        return self._looks.of(observation, self.scene.eyes, lambda: [EYES[self.scene.eyes].look(observation)])[0]

    def _ask(self, prompt: Prompt, state: SceneState, seed: int, without: Without = ANY_PLAN, *,
             backend: Backend | None = None) -> Plan:
        """The grounded plan of the first answer that can be read; a refusal when none can. backend: whom to ask in
        place of the agent's own."""
        targets = self.scene.targets(state.perception)
        grammar = plan_grammar(self.language, targets.objects, locations=targets.locations,
                               is_holding=state.is_holding, without=without)
        unread: list[Plan] = []
        for mask in [grammar] if self.constrained or without != ANY_PLAN else [None, grammar]:
            try:
                answer = (backend or self.backend).complete(prompt, mask, max_new_tokens=self.max_new_tokens, seed=seed)
            except PromptTooLongError as error:
                return Plan((), refusal=TOO_LONG, perception=state.perception, hint=str(error)).instead_of(unread)
            try:
                return self._grounded(answer, targets, state).instead_of(unread)
            except PlanError as error:
                unread.append(_unreadable(answer, error, state))
        return unread[-1].instead_of(unread[:-1])

    def _drawn(self, prompt: Prompt, state: SceneState, seed: int) -> list[Plan]:
        """The grounded plans of `draws` answers; of one that cannot be read, a refusal."""
        targets, found = self.scene.targets(state.perception), []
        grammar = plan_grammar(self.language, targets.objects, locations=targets.locations,
                               is_holding=state.is_holding) if self.constrained else None
        try:
            answers = self.backend.draw(prompt, grammar, self.draws, max_new_tokens=self.max_new_tokens, seed=seed)
        except PromptTooLongError as error:
            return [Plan((), refusal=TOO_LONG, perception=state.perception, hint=str(error))]
        for answer in answers:
            try:
                found.append(self._grounded(answer, targets, state))
            except PlanError as error:
                found.append(_unreadable(answer, error, state))
        return found

    def _grounded(self, answer: Sample, targets: Targets, state: SceneState) -> Plan:
        """The plan that an answer says, of what was perceived. Raises PlanError."""
        plan = parse(answer.text, self.language, objects=targets.objects, locations=targets.locations)
        return replace(ground(plan, state.perception), sample=answer)


def _marked(plan: Plan, veto: Veto) -> Plan:
    """A plan that was turned down, its answer marked with how much of it stood."""
    return plan if plan.sample is None else replace(plan, sample=replace(plan.sample, stood=veto.stood))


def _unreadable(answer: Sample, error: PlanError, state: SceneState) -> Plan:
    """The refusal of an answer that is no plan."""
    return Plan((), refusal=UNREADABLE, text=answer.text, sample=replace(answer, stood=0), perception=state.perception,
                hint=f"The answer was no plan: {error}.")


def another(plan: Plan, instruction: str, history: Sequence[Transition], language: PlanLanguage,
            ask: Callable[[Without], Plan]) -> Plan:
    """The plan, or where it begins with what was done just now, or with what failed of late, the likeliest that does
    not. What named things alone can ask for stays as it is: its failure is the answer."""
    barred = _told(history, "failed", "refused") | _told(history[-1:], "done")
    if not plan.calls or plan.calls[0].named[1] not in barred:
        return plan
    other = ask(Without(texts=barred))
    return plan if other.calls and strays_in_words(other, instruction, language) else other.instead_of([plan])


def _told(history: Sequence[Transition], *statuses: str) -> frozenset[str]:
    """The words of the latest steps that ended so, of planners that speak to a low-level policy."""
    return frozenset(str(step.call.named[1]) for step in history[-_RECENT:] if step.outcome.status in statuses)


def in_vain(plan: Plan, history: Sequence[Transition], language: PlanLanguage) -> str | None:
    """Why a plan would begin in vain, the reason of the last failure: with a call that has just failed twice in a row
    for one reason, and that takes nothing into the hand and puts nothing down. None where it would not, and where time
    ran out for a call that the next one goes on with."""
    last = history[-2:]
    if not plan.calls or len(last) < 2 or language.skills[plan.calls[0].skill].effect != "none":
        return None
    fine = ("done", "timeout") if language.skills[plan.calls[0].skill].goes_on else ("done",)
    is_same = all(t.call == plan.calls[0] and t.outcome.status not in fine for t in last)
    return last[-1].outcome.reason if is_same and last[0].outcome.reason == last[-1].outcome.reason else None


def _of_unseen(instruction: str, state: SceneState) -> str | None:
    """The refusal of words that name a color of nothing in sight; None where all are, or a hand hides what it holds."""
    if state.is_holding and state.held is None:
        return None
    color = unseen_color(instruction, [*state.perception.slots, *([state.held] if state.held else [])])
    return None if color is None else f"I see no {color} object"


def _of_unseen_toys(instruction: str, prompt: Prompt, backend: Backend) -> str | None:
    """The refusal of words that name a toy which nothing on the board is called, where the backend can say what things
    are called; None where all are there."""
    said, names_of = toys_named(instruction), getattr(backend, "names_of", None)
    if not said or names_of is None:
        return None
    try:
        seen = names_of(prompt, TOY_NAMES)
    except PromptTooLongError:
        return TOO_LONG
    return None if seen is None else next((f"I see no {name}" for name in said if name not in seen), None)


def read_instruction(backend: Backend, instruction: str, *, is_numbered: bool = False) -> str | Plan:
    """The instruction as a prompt carries it, or its refusal: nothing in it, too long, or a word that nobody was
    taught. is_numbered: what it names by color will be called by number, so that those words need not be known."""
    try:
        instruction = clean_instruction(instruction)
    except InstructionError as error:
        return Plan((), refusal=clause(str(error)))
    asked = by_number(instruction, dict.fromkeys(COLOR_WORDS, "obj_1")) if is_numbered else instruction
    unknown = backend.unknown_words(asked)
    return refuse_word(unknown[0], instruction, backend.known_words()) if unknown else instruction


def refuse_word(word: str, instruction: str, known: frozenset[str]) -> Plan:
    """A refusal that names the unknown word of an instruction, the known one that may be meant, and what else would be
    understood."""
    near = meant(word, instruction, known)
    hint = (f"Did you mean {near!r}? " if near else "") + _vocabulary(known) if known else ""
    is_plain = word.isascii() and len(word) <= _LONGEST_WORD  # others cannot be spelled in a plan's text
    reason = f"I do not know the word '{word}'" if is_plain else "I only know plain English words"
    return Plan((), refusal=clause(reason), hint=hint)


def _vocabulary(known: frozenset[str]) -> str:
    """What would be understood, as a sentence that can be read at a glance: no list of every word."""
    if len(known) <= _FEW:
        return f"I know: {', '.join(sorted(known))}."
    if known.issuperset(EXAMPLE.split()):
        return f"I know {len(known)} words and understand, for example, '{EXAMPLE}'."
    return f"I know {len(known)} words, such as {', '.join(telling(known)[:_FEW])}."
