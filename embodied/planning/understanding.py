"""The judge between words and motion: it vetoes plans that contradict what is known of the words, before any motion.

It reads the instruction (`wording`) and the scene as it was measured (`looks`), follows the plan through that scene,
and asks of each call whether the words name what it moves and where to, and at the end whether all of the instruction
would be done. It plans nothing. An instruction that was not read whole is for a policy: `refuse` it, or `trust`
whoever planned and veto contradictions alone. Where it vetoes, and of refusals of others, `reasons` says what is true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from embodied.planning.grammar import Without
from embodied.planning.language import Plan, clause, object_names, write
from embodied.planning.looks import Scene
from embodied.planning.meaning import find, is_done, may_pick, may_place, which
from embodied.planning.reasons import excuse, is_true
from embodied.planning.wording import ParsedInstruction
from envs.interface import SkillCall
from envs.skills.signatures import PlanLanguage, Signature

UnclearPolicy = Callable[[ParsedInstruction], str | None]
"""What becomes of an instruction that was not read whole: why it is refused, or None."""

NO_PLAN = "I found no plan for that"
HALF = "I could plan only a part of that"
ALREADY = "I see that done already"
NOT_SEEN_DONE = "I know of nothing more to do, but I do not see it done"


@dataclass(frozen=True, slots=True)
class Veto:
    """Why a plan is not carried out, a clause, and what it may be asked again without. stood: its first calls that
    nothing spoke against."""

    reason: str
    without: Without = Without()  # noqa: RUF009 - it is frozen
    stood: int = 0


def refuse(parsed: ParsedInstruction) -> str | None:
    """What was not read whole is refused."""
    about = next((m for m in parsed.mentions if m.colors), None)
    return "I did not understand what to do" + (f" with the {about.words}" if about else "")


def trust(parsed: ParsedInstruction) -> str | None:
    """None: whoever planned may know better."""
    return None


def turned_down(parsed: ParsedInstruction, scene: Scene, unclear: UnclearPolicy) -> Plan | None:
    """The refusal of an instruction that no plan could meet; None where it is worth a plan."""
    if not parsed.is_clear:
        reason = unclear(parsed)
    elif scene.is_begun:  # what is named may be out of sight for a while
        reason = NO_PLAN if which(parsed, scene) else None
    else:
        reason = excuse(parsed, scene)
    return None if reason is None else refused(Plan(()), Veto(reason), parsed, scene)


def refused(plan: Plan, veto: Veto, parsed: ParsedInstruction, scene: Scene) -> Plan:
    """The refusal of a plan, by what is known to stand in the way of its instruction, else for the reason of the
    veto."""
    refusal = Plan((), refusal=clause(excuse(parsed, scene) or veto.reason))
    return replace(plan, calls=(), refusal=refusal.refusal, text=write(refusal))


def judge(plan: Plan, parsed: ParsedInstruction, scene: Scene, language: PlanLanguage, *,
          is_whole: bool = True) -> Veto | None:
    """What speaks against a plan in a language, or against the truth of its refusal; None where nothing does.

    is_whole: whether the plan is all that is left to do, not its next call alone.
    """
    if plan.question is not None or plan.answer is not None or plan.refusal is not None:
        is_fine = plan.refusal is None or is_true(plan.refusal, parsed, scene)
        return None if is_fine else Veto(NO_PLAN, Without(refusal=True))
    if plan.calls and parsed.is_clear and is_done(parsed, [scene]):
        return Veto(ALREADY, Without(moves=frozenset((name, None) for name in object_names(scene.count)), refusal=True))
    scenes = [scene]
    for place, call in enumerate(plan.calls):
        signature = language.skills[call.skill]
        veto = _against(call, signature, parsed, scenes[-1], language) or _against_return(call, signature, scenes)
        if veto is not None:
            return replace(veto, stood=place)
        scenes.append(scenes[-1].after(call, signature))
    if not parsed.is_clear or (plan.calls and not is_whole) or is_done(parsed, scenes):
        return None
    steps = sum(call.skill in language.grasping for call in plan.calls)
    reason = HALF if plan.calls else NOT_SEEN_DONE if scene.is_begun else NO_PLAN
    return Veto(reason, Without(steps=steps + 1), len(plan.calls))


def _against(call: SkillCall, signature: Signature, parsed: ParsedInstruction, scene: Scene,
             language: PlanLanguage) -> Veto | None:
    """What speaks against one call: it moves what the words do not name, or to where they do not. What it may be asked
    again without is all of which the same would be said."""
    targets = scene.targets(call)
    if not targets:
        return None
    if signature.effect != "release":
        return _against_moving(targets[0], parsed, scene)
    if signature.relation == "beside":
        aside = frozenset((_names(scene).get(scene.held), name) for name in language.releasing
                          if language.skills[name].relation == "beside")
        reason = f"I would only move the {scene.words(scene.held)} about"
        return Veto(reason, Without(skills=aside)) if scene.is_loose and parsed.is_clear else None
    return next((_against_placing(place, signature, parsed, scene, language) for place in targets
                 if not may_place(signature.relation, place, parsed, scene)), None)


def _against_moving(target: int, parsed: ParsedInstruction, scene: Scene) -> Veto | None:
    if may_pick(target, parsed, scene):
        return None
    is_asked = any(target in find(goal.moved, scene) for goal in parsed.goals)  # but is in its place already
    reason = NO_PLAN if is_asked else f"I would move the {scene.words(target)}, which you did not ask for"
    return Veto(reason, Without(moves=frozenset((name, None) for place, name in _names(scene).items()
                                                if not may_pick(place, parsed, scene))))


def _against_placing(place: int, signature: Signature, parsed: ParsedInstruction, scene: Scene,
                     language: PlanLanguage) -> Veto:
    where = f"{signature.relation or 'to'} the {scene.words(place)}"
    reason = f"I would put the {scene.words(scene.held)} {where}, which you did not ask for"
    names = _names(scene)
    moved = names.get(scene.held)  # what was held before has no name
    allowed = {name: {other for other in names if may_place(skill.relation, other, parsed, scene)}
               for name, skill in language.skills.items() if name in language.placing and skill.relation != "beside"}
    skills = frozenset((moved, skill) for skill, places in allowed.items() if not places)
    found = set().union(*allowed.values()) - ({place} if allowed[signature.name] else set())
    moves = frozenset((moved, names.get(other)) for other in names if found and other not in found)
    return Veto(reason, Without(moves=moves, skills=skills))


def _against_return(call: SkillCall, signature: Signature, scenes: Sequence[Scene]) -> Veto | None:
    """What speaks against putting a thing right where it was taken from. scenes: before each call up to this one."""
    scene = scenes[-1]
    place = next(iter(scene.targets(call)), None)
    if signature.effect != "release" or signature.relation == "beside" or scene.held is None or place is None:
        return None
    taken = next((before for before in reversed(scenes) if before.held is None), None)
    if taken is None or scene.held >= len(taken.under) or taken.under[scene.held] != place:
        return None
    names = _names(scene)
    return Veto(f"I would only put the {scene.words(scene.held)} back",
                Without(moves=frozenset({(names.get(scene.held), names.get(place))})))


def _names(scene: Scene) -> dict[int, str]:
    """Of what is in sight, by place."""
    return dict(enumerate(object_names(scene.count)))
