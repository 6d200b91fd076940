"""Plans as data, and the small language in which a model writes them: `pick(obj_3); place_in(obj_5); done()`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from embodied.planning.arguments import PlanError, bin_of, pieces_of, read, short, spell
from embodied.planning.instruction import clean_instruction
from embodied.planning.perception import Perception
from embodied.prompt import LOCATION_BINS, MAX_OBJECTS, Sample, Slot
from envs.goals.outcome import Outcome
from envs.interface import Referent, SkillCall
from envs.names import nearest
from envs.skills.signatures import PlanLanguage

__all__ = ["MAX_CALLS", "Choice", "Perception", "Plan", "PlanError", "clause", "clean_instruction", "ground",
           "location_of", "locations_of", "object_names", "parse", "place_of", "shortest_plan", "words_of", "write"]

MAX_CALLS = 64
MAX_BYTES = 16 * 1024

REASON_CHARACTERS = "A-Za-z0-9 ,'-"
REASON_LIMIT = 80

_CALL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\(([^()]*)\)")
_SEPARATOR = re.compile(r"; ?")
_REFUSAL = re.compile(rf"refuse\(([{REASON_CHARACTERS}]{{1,{REASON_LIMIT}}})\)")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the things that a question is about. reply: words that choose it: "the left one". thing: where it was
    measured, None where it is not in sight."""

    reply: str
    thing: Referent | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do next: skill calls (none = all is done), or a refusal. Two plans are equal when they do the same."""

    calls: tuple[SkillCall, ...]
    refusal: str | None = None  # a clause for people: "I see no purple block"
    text: str = field(default="", compare=False)  # what the model wrote
    sample: Sample | None = field(default=None, compare=False)  # the answer that it was read from
    thinking_s: float = field(default=0.0, compare=False)
    perception: Perception | None = field(default=None, compare=False)
    hint: str = field(default="", compare=False)  # help for people after a refusal: what would be understood
    question: str | None = None  # to people, before anything is done: "which red block do you mean?"
    answer: str | None = None  # to a question of theirs about the scene, in words
    understood: str = field(default="", compare=False)  # what the person wants, in the goal language, where it is known
    outcome: Outcome | None = field(default=None, compare=False)  # what that came to on the table as it was perceived
    about: tuple[Referent, ...] = field(default=(), compare=False)  # things that a question or an answer is about
    choices: tuple[Choice, ...] = field(default=(), compare=False)  # what a question may be answered with
    turned_down: tuple[Sample, ...] = field(default=(), compare=False)  # the other answers that it took to get here

    @property
    def is_done(self) -> bool:
        """Whether the plan says that nothing is left to do."""
        return not self.calls and self.refusal is None and self.question is None and self.answer is None

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All that the model was asked for, its own answer first: the answers that were turned down, too."""
        return self.turned_down if self.sample is None else (self.sample, *self.turned_down)

    @property
    def prompt_tokens(self) -> int:
        """Tokens that the model read, over all answers."""
        return sum(sample.prompt_tokens for sample in self.samples)

    @property
    def answer_tokens(self) -> int:
        """Tokens that the model wrote, over all answers, without their end tokens."""
        return sum(sample.answer_tokens for sample in self.samples)

    def instead_of(self, plans: Iterable[Plan]) -> Plan:
        """The plan, with what other plans took that were turned down."""
        return replace(self, turned_down=(*self.turned_down, *(s for plan in plans for s in plan.samples)))


def object_names(count: int) -> tuple[str, ...]:
    """("obj_1", .., "obj_count")."""
    if not 0 <= count <= MAX_OBJECTS:
        raise ValueError(f"object_names: expected 0 to {MAX_OBJECTS} objects, got {count}; keep the largest ones")
    return tuple(f"obj_{j}" for j in range(1, count + 1))


def place_of(name: str) -> int:
    """Place from 0 on of the object that is called so, obj_1 being the first. Raises ValueError for another name."""
    number = name.removeprefix("obj_")
    if number == name or not number.isdecimal() or number[0] == "0":
        raise ValueError(f"place_of: expected a name like obj_1, got {name[:40]!r}")
    return int(number) - 1


def words_of(call: SkillCall) -> list[str]:
    """A call's arguments in words."""
    return [a.words if isinstance(a, Referent) else str(a) for a in call.arguments]


def location_of(column: int, row: int) -> str:
    """The two location tokens of a bin: `<loc_12><loc_40>`."""
    return f"<loc_{column}><loc_{row}>"


def locations_of(pixel: tuple[int, int], width_px: int, height_px: int, bins: int = LOCATION_BINS) -> str:
    """The two location tokens of a pixel (column, row) of an image."""
    return location_of(pixel[0] * bins // width_px, pixel[1] * bins // height_px)


def clause(text: str) -> str:
    """The text as a refusal's reason can carry it: allowed characters only, at most `REASON_LIMIT` of them."""
    kept = re.sub(rf"[^{REASON_CHARACTERS}]+", " ", text)
    return " ".join(kept.split())[:REASON_LIMIT].strip() or "I cannot do that"


def write(plan: Plan) -> str:
    """The text of a plan. Raises PlanError for a question, and for a refusal or argument that has no spelling."""
    if plan.question is not None or plan.answer is not None:
        what = "questions" if plan.answer is None else "answers"
        raise PlanError(f"the plan language has no {what}, got one; only agents that talk have them")
    if plan.refusal is not None:
        text = f"refuse({plan.refusal})"
        if plan.calls or not _REFUSAL.fullmatch(text):
            raise PlanError(f"a refusal has no calls and a reason of 1 to {REASON_LIMIT} characters "
                            f"[{REASON_CHARACTERS}], got {plan.refusal!r}; pass it through clause()")
        return text
    return "; ".join([*map(_write_call, plan.calls), "done()"])


def shortest_plan(language: PlanLanguage) -> str | None:
    """The text of a plan that moves obj_1 to obj_2; None where a language has no skills that take objects alone."""
    moves = [next((s for s in language.signatures if s.effect == effect and s.parameters
                   and all(p.kind == "object" for p in s.parameters)), None) for effect in ("grasp", "release")]
    if None in moves:
        return None
    return write(Plan(tuple(SkillCall(skill.name, (Referent(name),) * len(skill.parameters))
                            for skill, name in zip(moves, object_names(2), strict=True))))


def _write_call(call: SkillCall) -> str:
    return f"{call.skill}({', '.join(map(spell, call.arguments))})"


def parse(text: str, language: PlanLanguage, *, objects: int | Collection[str], locations: int = 0,
          max_calls: int = MAX_CALLS) -> Plan:
    """The plan that a text says in a language, its referents ungrounded (words only).

    objects: how many slots the prompt named, or the names that may be used. locations: how many location bins an
    image-seeing model may point with, 0 = none. Raises PlanError, never anything else, for any other text.
    """
    body = _printable(text)
    if language.answers.has_refusals and body.startswith("refuse("):
        return _parse_refusal(body, text)
    names = object_names(objects) if isinstance(objects, int) else tuple(objects)
    calls = [_read_call(skill, arguments, language, names, locations)
             for skill, arguments in _split(body, max_calls, "done" in language.skills)]
    return Plan(tuple(calls), text=text)


def _printable(text: str) -> str:
    """The text without its outer spaces and line ends, when it is short and plain ASCII."""
    if len(text) > MAX_BYTES:
        raise PlanError(f"a plan has at most {MAX_BYTES} characters, got {len(text)}")
    if not text.isascii():
        odd = next(c for c in text if not c.isascii())
        raise PlanError(f"a plan is plain ASCII, got the character U+{ord(odd):04X}")
    return text.strip(" \n")


def _parse_refusal(body: str, text: str) -> Plan:
    match = _REFUSAL.fullmatch(body)
    if match is None:
        raise PlanError(f"a refusal is refuse(reason), alone, with 1 to {REASON_LIMIT} characters, got {short(body)}")
    return Plan((), refusal=match[1], text=text)


def _split(body: str, max_calls: int, has_done: bool) -> list[tuple[str, str]]:
    """(skill, argument text) of each call before the closing `done()`. has_done: whether a skill is called so, too."""
    calls, at = [], 0
    while (match := _CALL.match(body, at)) is not None:
        at = match.end()
        if match[0] == "done()" and not (has_done and at < len(body)):
            return _closed(calls, body[at:])
        calls.append((match[1], match[2]))
        if len(calls) > max_calls:
            raise PlanError(f"a plan has at most {max_calls} calls")
        separator = _SEPARATOR.match(body, at)
        if separator is None:
            break
        at = separator.end()
    raise PlanError(f"a plan is calls joined by '; ' and closed by done(), reading stopped at {short(body[at:])}")


def _closed(calls: list[tuple[str, str]], rest: str) -> list[tuple[str, str]]:
    if rest:
        raise PlanError(f"nothing may follow done(), got {short(rest)}")
    return calls


def _read_call(skill: str, arguments: str, language: PlanLanguage, names: Sequence[str], locations: int) -> SkillCall:
    if skill not in language.skills:
        words = ["done", "refuse"] if language.answers.has_refusals else ["done"]
        raise PlanError(f"there is no skill {short(skill)}{_nearest(skill, [*language.skills, *words])}")
    pieces, parameters = pieces_of(arguments), language.skills[skill].parameters
    if len(pieces) != len(parameters):
        raise PlanError(f"{skill} takes {len(parameters)} argument{'s' * (len(parameters) != 1)}, got {len(pieces)}")
    return SkillCall(skill, tuple(read(piece, parameter, skill, names, locations)
                                  for piece, parameter in zip(pieces, parameters, strict=True)))


def _nearest(word: str, names: Sequence[str]) -> str:
    near = nearest(word, names)
    return f", did you mean {near!r}" if near else f", the names are {', '.join(names)}"


def words_said(plan: Plan, language: PlanLanguage) -> str | None:
    """What a plan says in words; None where it moves things, or does nothing."""
    only = plan.calls[0] if len(plan.calls) == 1 else None
    is_said = only is not None and only.skill == language.answers.text_skill
    return only.arguments[0] if is_said else plan.answer


def ground(plan: Plan, perception: Perception, *, bins: int = LOCATION_BINS) -> Plan:
    """The same plan with every referent told where it was measured: `obj_j` by its slot, a location by its pixel."""
    calls = tuple(SkillCall(call.skill, tuple(_ground(a, perception, bins) for a in call.arguments))
                  for call in plan.calls)
    return replace(plan, calls=calls, perception=perception)


def _ground(argument: Referent | str | float, perception: Perception, bins: int) -> Referent | str | float:
    if not isinstance(argument, Referent):
        return argument
    place = bin_of(argument.words)
    if place is not None:
        return _point_at(argument.words, place, perception, bins)
    slot = perception.slots[place_of(argument.words)]
    return refer(argument.words, slot)


def refer(words: str, slot: Slot) -> Referent:
    """A referent that says where the slot was measured."""
    return Referent(words, box=slot.box, camera=slot.camera, pixel=slot.pixel)


def _point_at(words: str, at: tuple[int, int], perception: Perception, bins: int) -> Referent:
    """The referent at the middle of a location bin (column, row) of the perception's image."""
    height_px, width_px = perception.image.pixels.shape[:2]
    pixel = (2 * at[0] + 1) * width_px // (2 * bins), (2 * at[1] + 1) * height_px // (2 * bins)
    return Referent(words, camera=perception.image.camera, pixel=pixel)
