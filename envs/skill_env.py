"""A domain as a gymnasium environment whose action is one skill call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from envs.actions import ActionError, CallActions
from envs.domains.domain import Domain, Moment, Perturber
from envs.goals.table import Table
from envs.interface import MAX_CHUNK, Box, NamedCall, Observation, Outcome, Referent, Rehearsal, SkillCall
from envs.joint_env import WorldEnv
from envs.names import unknown
from envs.options import Options
from envs.sensors.body_sense import observation
from envs.sensors.cameras import calibrations as calibrations_of
from envs.sensors.labels import masks
from envs.skills import moves
from envs.skills.measure import measured, where_is
from envs.skills.perform import carry_out, perform
from envs.skills.rehearse import rehearse
from envs.skills.signatures import PlanLanguage
from envs.skills.situation import Argument, Hand, Situation
from envs.world.images import Picture, View

_SETTLE_S = 0.6
_GLANCE_PX = 224
_MOVE_S = 20.0  # of a motion that is asked for directly
_THERE_M = 0.05  # in the plane, between what was measured at a pixel and the middle of what stands there
NOTHING = ""
"""The name of what is pointed at where nothing is."""
DISTURBANCE_STREAM = 0x6C  # keeps these draws apart from those of the labels


class SkillEnv(WorldEnv):
    """action: a call of the domain's language, as `envs.actions` spells it; a pixel is lifted through the last depth
    image. Whatever comes is answered by an Outcome."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 2}  # noqa: RUF012  one frame a call

    def __init__(self, domain: str = "tabletop", task: str | None = None, *, labels: int = 0,
                 questions: Sequence[str] = (), perturbations: float = 0.0, **kwargs: Any) -> None:
        """labels: how many queries info["labels"] answers; 0 for none. PRIVILEGED: for training and judging. questions:
        families that they are drawn from, of the domain's `questions`; () for the domain's own mix. perturbations:
        share of the calls in which something goes wrong, of the domain's kinds."""
        super().__init__(domain, task, **kwargs)
        self._label_count, self._questions = labels, _families(questions, self.domain)
        self._perturbations = _share(perturbations, self.domain)
        self._perturber: Perturber | None = None
        self._last: tuple[NamedCall, str | None] | None = None
        language = self.domain.language
        self.actions = CallActions(language.signatures, language.cameras, self._image_size)
        self.action_space = self.actions.space
        self.hand = Hand()
        self._watcher: Callable[[np.ndarray], None] | None = None
        self._watch_periods, self._watch_size, self._period = 1, (480, 640), 0

    @property
    def language(self) -> PlanLanguage:
        """What plans can say here."""
        return self.domain.language

    def encode(self, call: SkillCall) -> dict[str, Any]:
        """The action of a call. Raises ValueError for a skill that the domain has not, or arguments that are not its
        own."""
        return self.actions.encode(call)

    def _begin(self) -> None:
        self.hand = Hand()
        self._queries_rng = np.random.default_rng(self._seed_of_labels)
        self._last, self._period = None, 0
        if self._perturbations:
            self._perturber = self.domain.make_perturber(self._perturbations, np.random.default_rng(
                [self._seed_of_labels, DISTURBANCE_STREAM]), self.scene)
        self._take_note(None, None)
        self._show()

    def step(self, action: Mapping[str, Any]) -> tuple[dict, float, bool, bool, dict]:
        call = self._parse(action)
        before = self._before(call)
        if self._perturber:
            self._perturber.before(self.world, self.held_name)
        self.world.doze()
        outcome = call if isinstance(call, Outcome) else self._do(*call)
        self.world.settle(_SETTLE_S)
        if self._perturber:
            self._perturber.after(self.world, self.held_name)
            self.world.settle(_SETTLE_S)
        self._last = self._judged(before)
        self._take_note(None if isinstance(call, Outcome) else call, outcome)
        reward = self._reward()
        report = {"status": outcome.status, "reason": outcome.reason, "duration_s": outcome.duration_s}
        is_over = self.is_success or self.hand.said is not None  # an answer is given once
        return self._observe(), reward, is_over, False, {**self._info(), "outcome": report}

    def _set_instruction(self, told: Options) -> None:
        super()._set_instruction(told)
        self.hand.said = None  # that was an answer to the last instruction

    def _measure(self) -> float:
        """Progress of the task; of a question, once it is answered, whether that was right."""
        if self.hand.said is None or not self.is_judged:
            return super()._measure()
        return float(self._task.is_right(self.scene, self.hand.said))

    def _parse(self, action: Mapping[str, Any]) -> tuple[str, tuple[Argument, ...]] | Outcome:
        """Skill and arguments of an action, objects measured, or how it is refused when it makes no sense."""
        try:
            call = self.actions.decode(action)
        except ActionError as error:
            return Outcome("refused", str(error), 0.0)
        arguments = measured(call, self.seen)
        return Outcome("refused", arguments, 0.0) if isinstance(arguments, str) else (call.skill, arguments)

    def _do(self, skill: str, arguments: tuple[Argument, ...]) -> Outcome:
        """How a skill went."""
        signature = self.actions.skills[skill]
        seen = self.seen if self._observed else self.glance(*self.domain.language.cameras, size_px=self._image_size)
        situation = Situation(self.robot, seen, self.hand, self.glance, self.domain.workspace)
        return perform(signature.controller or skill, situation, arguments, signature.timeout_s,
                       on_period=self._after_period)

    def move_joints(self, targets: np.ndarray) -> tuple[dict, dict]:
        """The observation, and the report of an outcome, after joint targets: float64[J] is gone to smoothly,
        float64[T, J] is followed one a control period."""
        targets = np.asarray(targets, dtype=np.float64)
        count = self.robot.setpoint.size
        if targets.ndim not in (1, 2) or targets.shape[-1] != count or not len(targets) <= MAX_CHUNK:
            return self._moved(Outcome("refused", f"expected {count} joint targets, or up to {MAX_CHUNK} times "
                                                  f"{count}, got shape {list(targets.shape)}", 0.0))
        if not np.isfinite(targets).all():
            return self._moved(Outcome("refused", "a joint target is not a finite number", 0.0))
        motion = moves.chunk if targets.ndim == 2 else moves.to_joints
        return self._moved(carry_out(motion(self.robot, targets), self.robot, _MOVE_S, self._after_period))

    def move_tool(self, position_m: np.ndarray, jaw_yaw_rad: float) -> tuple[dict, dict]:
        """The same after the tool was told to point down at a place, float64[3] m, world frame."""
        motion = moves.to_tool(self.robot, np.asarray(position_m, dtype=np.float64).reshape(3), jaw_yaw_rad)
        return self._moved(carry_out(motion, self.robot, _MOVE_S, self._after_period))

    def rehearse(self, call: SkillCall, seen: Observation, held: Any = None) -> Rehearsal:
        """What another robot like this one would be told to do; see `envs.skills.rehearse`. Nothing moves."""
        return rehearse(self.robot, self.domain.language.skills, call, seen, held, self.domain.workspace)

    def _moved(self, outcome: Outcome) -> tuple[dict, dict]:
        self._witness()
        self._progress = self._measure()
        return self._observe(), {"status": outcome.status, "reason": outcome.reason, "duration_s": outcome.duration_s}

    def glance(self, *names: str, size_px: int = _GLANCE_PX) -> Observation:
        """What the named cameras see now, for a skill that is under way; the episode's observation stays as it was."""
        views = self._views(*names)
        return observation(self.robot, super()._capture(views, size_px),
                           calibrations_of(views, size_px, self.renderer), self.world.time_s)

    def _capture(self, views: Mapping[str, View], size_px: int | None = None) -> dict[str, Picture]:
        pictures = super()._capture(views, size_px)
        return self._perturber.cover(pictures) if self._perturber and pictures else pictures

    def _after_period(self, period: int) -> None:
        if self._perturber:
            self._perturber.during(self.world, period, self.held_name)
        self._show()

    def _view(self) -> Any:
        """What the judge needs of this moment. PRIVILEGED."""
        return self.domain.judge.view(self.world, self.scene, self.held_name)

    def _before(self, call: tuple[str, tuple[Argument, ...]] | Outcome) -> tuple[Any, NamedCall] | None:
        """What judging a call will need: the moment before, and the call; None where nobody asks. PRIVILEGED."""
        if isinstance(call, Outcome) or not self._label_count or self.domain.judge is None:
            return None
        skill, arguments = call
        named = (skill, *(self._nearest(a) if isinstance(a, Box) else a for a in arguments))
        return None if self._is_of_strangers(named) else (self._view(), named)

    def _take_note(self, call: tuple[str, tuple[Argument, ...]] | None, outcome: Outcome | None) -> None:
        """What can be known by now is kept with the scene, where not everything is in sight. PRIVILEGED."""
        if self.domain.note is not None:
            self.scene = self.domain.note(self.world, self.scene, self.held_name, call, outcome)

    def _judged(self, before: tuple[Any, NamedCall] | None) -> tuple[NamedCall, str | None] | None:
        """The call just made, and its shortfall. PRIVILEGED."""
        if before is None or self._is_of_strangers(before[1]):
            return None
        view, call = before
        return call, self.domain.judge.shortfall(view, self._view(), *call)

    def _is_of_strangers(self, call: NamedCall) -> bool:
        """Whether a call, or what is in the hand now, is of a thing that the domain knows nothing of: nobody
        judges what becomes of distractors. PRIVILEGED."""
        return not {*self.world.names()}.isdisjoint({*call[1:], self.held_name} - {*self.domain.entity_names})

    def _nearest(self, box: Box) -> str:
        """The entity whose place a box means. PRIVILEGED."""
        return min(self.world.names(), key=lambda name: float(np.linalg.norm(self.world.pose(name)[0] - box.center)))

    def _show(self) -> None:
        """A frame to the watcher, when one is due."""
        if self._watcher is not None and self._period % self._watch_periods == 0:
            self._watcher(self._spectate(self._watch_size))
        self._period += 1

    def watch(self, callback: Callable[[np.ndarray], None] | None, fps: float = 10,
              size: tuple[int, int] = (480, 640)) -> None:
        """Calls back with frames uint8[H, W, 3] at fps of simulated time, from resets and motions; None stops it."""
        self._watcher, self._watch_size = callback, tuple(size)
        self._watch_periods, self._period = max(1, round(self.robot.config.control_hz / fps)), 0

    def _remembered(self) -> dict[str, Any]:
        perturber = self._perturber.rng.bit_generator.state if self._perturber else None
        return {**super()._remembered(), "held": self.hand.held, "said": self.hand.said,
                "queries_rng": self._queries_rng.bit_generator.state,
                "perturber_rng": perturber}

    def _remember(self, kept: Mapping[str, Any]) -> None:
        super()._remember(kept)
        self.hand.held, self.hand.said = kept["held"], kept["said"]
        self._queries_rng.bit_generator.state = kept["queries_rng"]
        if self._perturber:
            self._perturber.rng.bit_generator.state = kept["perturber_rng"]

    def _info(self) -> dict[str, Any]:
        info = super()._info()
        return {**info, "labels": self._labels()} if self._label_count else info

    def why_not(self, call: SkillCall) -> str | None:
        """Why a call is not possible now, a clause, None when it is: its affordance. PRIVILEGED."""
        if call.skill not in self.actions.skills:
            return f"there is no skill {call.skill}"
        reason = self.actions.skills[call.skill].misfit(call.arguments)
        return f"the call {reason}" if reason else self.domain.judge.why_not(self._view(), *call.named)

    def _labels(self) -> dict[str, Any]:
        """Truth about the present scene, and about the last call: ((skill, *arguments), why it fell short or None).
        Queries begin with the present instruction, where it is judged. PRIVILEGED."""
        held, names = self.held_name, self.world.names()
        judged = self._judgements(self._queries_rng)
        count = self._label_count - len(judged) + (not self.is_judged)
        queries = [*self._queries(self._queries_rng, count), *judged]
        return {"last": self._last, "perturbation": self._perturber.happened if self._perturber else None,
                "masks": masks(self.pictures, self.world, held), "names": names,
                "poses": np.stack([self._pose(name) for name in names]), "held": held,
                "asks": queries if self.is_judged else queries[1:]}

    def _queries(self, rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
        """Instructions about the present scene, its own goal's first, and what each needs. PRIVILEGED."""
        families = [name for name in self._questions if name in self.domain.questions]
        chosen = {"questions": families} if families else {}
        return self.domain.sample_queries(self.world, self.scene, rng, count, self.held_name, self.instruction,
                                          **chosen)

    def is_right(self, query: Mapping[str, Any], answer: str | Sequence[SkillCall]) -> bool:
        """Whether words, or calls of what was seen, are a right answer to one of the labels of this moment. Nothing
        moves. ValueError in a world where nobody judges that. PRIVILEGED."""
        if self.domain.is_right is None:
            raise ValueError(f"is_right: expected a world that judges answers to its labels, got {self.domain.name!r}")
        named = answer if isinstance(answer, str) else [
            (call.skill, *(self._meant(argument) for argument in call.arguments)) for call in answer]
        return self.domain.is_right(self.world, self.scene, self.held_name, query, named)

    def _meant(self, argument: Referent | str | float) -> str | float:
        """An argument by its true name where it is a thing, measured or seen at its pixel now. PRIVILEGED."""
        if not isinstance(argument, Referent):
            return argument
        if argument.box is None and argument.pixel is None:
            return argument.words
        where = where_is(argument, self.seen)
        return NOTHING if isinstance(where, str) else self._at(where)

    def _at(self, box: Box) -> str:
        """The entity that stands where a box is, `NOTHING` where none does. PRIVILEGED."""
        name = self._nearest(box)
        is_near = np.linalg.norm(self.world.pose(name)[0][:2] - box.center[:2]) < _THERE_M
        return name if is_near else NOTHING

    def _judgements(self, rng: np.random.Generator) -> list[dict[str, Any]]:
        """What is asked about single skills, where labels ask for that: each family's share of them at most.
        PRIVILEGED."""
        families = [name for name in self._questions if name not in self.domain.questions]
        if not families:
            return []
        held, scene = self.held_name, self.scene
        called = scene.called if hasattr(scene, "called") else "the {}".format
        moment = Moment(self._view(), [n for n in self.world.names() if n != held], self._last, called)
        share = max(self._label_count // len(self._questions), 1)
        records = self.domain.judgements(families, moment, rng, share)[:self._label_count - 1]
        return [{**r, **scene.referred(r["task"])} if hasattr(scene, "referred") else r for r in records]

    @property
    def held_name(self) -> str | None:
        """Name of what both fingers touch. PRIVILEGED."""
        return self.robot.held_name()

    def expert_plan(self) -> list[SkillCall]:
        """The calls that are left to do, with true boxes; none for an instruction that nobody here understands
        (`is_judged`).
        ORACLE."""
        if not self.is_judged:
            return []
        calls = self.domain.remaining_calls(self.world, self.scene, self.held_name)
        return [self._true_call(*call) for call in calls]

    def taught_plan(self) -> list[SkillCall]:
        """What labels teach to do next: the expert's plan, or, where not everything is in sight, what is right by what
        can be known. PRIVILEGED."""
        if self.domain.note is None or not self.is_judged:
            return self.expert_plan()
        [query] = self._queries(np.random.default_rng(0), 1)  # the scene's own draws nothing
        return self.expert_answer(query)

    def expert_answer(self, query: Mapping[str, Any]) -> str | list[SkillCall]:
        """The right answer to one of the labels of this moment: words, or calls with true boxes. ORACLE."""
        return query["answer"] if query["is_question"] else [self._true_call(*call) for call in query["calls"]]

    def _true_call(self, skill: str, *arguments: str | float) -> SkillCall:
        """A call by true names as one with true boxes. ORACLE."""
        parameters = self.actions.skills[skill].parameters
        return SkillCall(skill, tuple(Referent(a, box=self.world.box(a)) if p.kind == "object" else a
                                      for p, a in zip(parameters, arguments, strict=True)))

    def true_table(self) -> Table:
        """What is on the table now, as the goal language sees it. Raises ValueError where there is no such table.
        PRIVILEGED."""
        if self.domain.told is None:
            raise ValueError(f"true_table: expected a domain whose goals are told, got {self.domain.name!r}")
        return self.domain.told.table(self.world, self.scene, self.held_name)

    def attribution_view(self) -> dict[str, Any]:
        """What a judge compares a decision with; nothing is wanted by an instruction that is not judged. PRIVILEGED."""
        [query] = self._queries(np.random.default_rng(0), 1)  # the scene's own draws nothing
        names, wanted = self.world.names(), query["calls"] if self.is_judged else []
        return {"names": names, "boxes": {name: self.world.box(name) for name in names}, "held": self.held_name,
                "wanted": wanted, "any_order": self.is_judged and query["any_order"],
                "is_partial": self.domain.tells_next_alone}


def _share(share: float, domain: Domain) -> float:
    """A share of perturbed calls that the domain can serve. Raises ValueError."""
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"perturbations: expected a share in [0, 1], got {share}")
    if share and domain.make_perturber is None:
        raise ValueError(f"perturbations: expected 0 in {domain.name!r}, which has none, got {share}")
    return share


def _families(names: Sequence[str], domain: Domain) -> tuple[str, ...]:
    """Families of questions that the domain has. Raises ValueError."""
    known = (*domain.questions, *domain.judged)
    strange = next((name for name in names if name not in known), None)
    if strange is not None and not domain.questions:
        raise ValueError(f"questions: expected of {', '.join(known) or 'none'} in {domain.name!r}, whose other labels "
                         f"are one mix, got {strange!r}")
    if strange is not None:
        raise ValueError(unknown(strange, known, what="questions"))
    return tuple(names)
