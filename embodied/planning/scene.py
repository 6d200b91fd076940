"""What a scene becomes in the sentence put to a model, and what the answer may point at in it.

A `SceneEncoder` is the half of an encoder that needs no weights; the other half, how its pictures become soft tokens,
is a file of `embodied.models.scene_encoders`. `write_prompt` is the one place where the sentence is worded (training
data uses it too).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from embodied.planning.board_view import quarter_of, said_of
from embodied.planning.instruction import clean_instruction
from embodied.planning.language import locations_of
from embodied.planning.perception import Perception, supports
from embodied.prompt import LOCATION_BINS, Entity, Prompt, Segment, Slot, Text
from envs.interface import Camera, Outcome, SkillCall
from envs.words import plain_words
from envs.world.board import CORNERS, Compass, side_words

if TYPE_CHECKING:
    from embodied.planning.memory import Memory

REASON_LIMIT = 60
"""Most characters of an outcome's reason that a prompt repeats."""

BOARD_PLACE = "board"
"""The place of all that lies on a pushing board."""
DRAWER = "drawer"
"""The place of a kitchen that can be shut."""

PLAN, ANSWER = "Plan:", "Answer:"
"""What a prompt ends with: what is to be said next."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What a plan may point at: objects `obj_1` .. `obj_{objects}`, or bins of a side of the image (one is 0)."""

    objects: int = 0
    locations: int = 0


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """The camera whose image whole-image models are given."""

    name: str
    camera: Camera
    width_px: int
    height_px: int


class SceneEncoder(Protocol):
    """What a scene becomes in the sentence, what the grammar may point at, and what it calls it."""

    finds_objects: bool
    """Whether objects have to be found before the sentence can be written."""
    needs_image: bool
    """Whether the sentence shows the whole image."""
    remembers: bool
    """Whether it tells what was seen and done before, as `Perception.memory` holds it."""
    eyes: str
    """Of one that remembers, whose looks it remembers: a name of `embodied.models.looking`; "" of others."""
    roams: bool
    """Whether it tells of what is out of sight, and so of what was done for other instructions, too."""
    has_plain_words: bool
    """Whether instructions stand in it as `envs.words.plain_words`, where they are nothing but words."""

    def segments(self, perception: Perception, held: Slot | None, *, is_holding: bool) -> list[Segment]:
        """The part of the sentence about what is in sight and in the hand. held: how that looked when it was picked;
        without it, is_holding says that something is."""
        ...

    def targets(self, perception: Perception) -> Targets:
        """What a plan over the perception may point at."""
        ...

    def mention(self, place: int, slot: Slot, view: Viewpoint) -> str:
        """What a plan calls the slot that stands at a place of the perception: what training answers are written in."""
        ...

    def picture_names(self, names: Sequence[str | None], held: str | None) -> tuple[str | None, ...]:
        """The true name of what each picture of the sentence shows, reading order; None where it shows no one thing.
        names: of the perception's slots. held: of what is shown in the hand, None where nothing is."""
        ...


class ObjectScene:
    """Objects by name: `In sight: <obj_1><obj_2> on obj_1 .`; the plan says `obj_2`."""

    finds_objects, needs_image, remembers = True, False, False
    eyes, roams, has_plain_words = "", False, False

    def segments(self, perception: Perception, held: Slot | None, *, is_holding: bool) -> list[Segment]:
        return [*_slot_sentences(perception),
                *_hand(held, perception.number(len(perception.slots)), is_holding=is_holding)]

    def targets(self, perception: Perception) -> Targets:
        return Targets(objects=len(perception.slots))

    def mention(self, place: int, slot: Slot, view: Viewpoint) -> str:
        return f"obj_{place + 1}"

    def picture_names(self, names: Sequence[str | None], held: str | None) -> tuple[str | None, ...]:
        return (*names, *([] if held is None else [held]))


class ImageScene:
    """A whole image: `Given <image>.`; the plan points with two location tokens."""

    finds_objects, needs_image, remembers = False, True, False
    eyes, roams, has_plain_words = "", False, False

    def segments(self, perception: Perception, held: Slot | None, *, is_holding: bool) -> list[Segment]:
        if perception.image is None:
            raise ValueError("write_prompt: a sentence about a whole image needs perception.image, got None; make it "
                             "with "
                             "Perception.of")
        return [Text("Given "), perception.image, Text(". "),
                *_hand(None, 0, is_holding=is_holding or held is not None)]

    def targets(self, perception: Perception) -> Targets:
        return Targets(locations=LOCATION_BINS)

    def mention(self, place: int, slot: Slot, view: Viewpoint) -> str:
        """The location tokens of the slot's own pixel, or of its middle seen from that camera."""
        pixel = slot.pixel
        if slot.camera != view.name:
            column, row = view.camera.project(np.array(slot.box.center))
            pixel = int(np.clip(column, 0, view.width_px - 1)), int(np.clip(row, 0, view.height_px - 1))
        return locations_of(pixel, view.width_px, view.height_px)

    def picture_names(self, names: Sequence[str | None], held: str | None) -> tuple[str | None, ...]:
        return (None,)


class _ByNames:
    """What scenes share whose plans point at nothing, and call things by their own names."""

    finds_objects, needs_image, remembers = False, False, True

    def targets(self, perception: Perception) -> Targets:
        return Targets()

    def mention(self, place: int, slot: Slot, view: Viewpoint) -> str:
        return f"obj_{place + 1}"

    def picture_names(self, names: Sequence[str | None], held: str | None) -> tuple[str | None, ...]:
        return tuple(names)


class FurnitureScene(_ByNames):
    """What a robot that drives about remembers: `table: <obj_1><obj_2>. drawer: shut. Here: table. Steps: ..`; the plan
    calls things and places by their own names."""

    eyes, roams, has_plain_words = "furniture", True, False

    def segments(self, perception: Perception, held: Slot | None, *, is_holding: bool) -> list[Segment]:
        memory = _memory(perception)
        parts = [part for place in memory.looked for part in _place_sentence(place, perception)]
        if memory.is_open is False and DRAWER not in memory.looked:
            parts.append(Text(f"{DRAWER}: shut. "))
        return [*parts, *([Text(f"Here: {memory.here}. ")] if memory.here else []),
                *([Text(f"In hand: {memory.held}. ")] if memory.held else []), *_steps(memory)]


class BoardScene(_ByNames):
    """What lies on a pushing board, and what was done for the instruction: `top left: <obj_1> left corner
    near obj_2 <obj_2> left near obj_1 . top right: .. Steps: ..`; the plan calls pieces by their own names, for the
    low-level policy that it speaks to."""

    eyes, roams, has_plain_words = "pieces", False, True

    def segments(self, perception: Perception, held: Slot | None, *, is_holding: bool) -> list[Segment]:
        told = [part for corner in CORNERS for part in _quarter_sentence(corner, perception)]
        return [*told, *_steps(_memory(perception))]


OBJECTS, WHOLE_IMAGE, FURNITURE, BOARD = ObjectScene(), ImageScene(), FurnitureScene(), BoardScene()


def write_prompt(instruction: str, perception: Perception, *, held: Slot | None = None, is_holding: bool = False,
                 last_failure: tuple[SkillCall, Outcome] | None = None, scene: SceneEncoder = OBJECTS,
                 cue: str = PLAN) -> Prompt:
    """The multimodal sentence: instruction, what is in sight, what is in the hand, what failed last, and the cue.

    held: how what is in the hand looked when it was picked; without it, is_holding says that something is.
    Raises InstructionError for an instruction that is empty or too long.
    """
    words = plain_words(instruction) if scene.has_plain_words else None
    text = clean_instruction(" ".join(words) if words else instruction)
    parts: list[Segment] = [Text(f"Instruction: {text}\n"),
                            *scene.segments(perception, held, is_holding=is_holding)]
    if last_failure is not None:
        parts.append(Text(_failure_sentence(*last_failure)))
    parts.append(Text(f"\n{cue}"))
    return Prompt(_join_texts(parts))


def _slot_sentences(perception: Perception) -> list[Segment]:
    """The objects side by side, each with the name of what it was measured to rest on.

    "Obj 1 is <obj_1>." around each, the paper's wording, says what the placeholder already says (its embedding is the
    name's) and makes the part about objects five times as long.
    """
    slots, number = perception.slots, perception.number
    if not slots:
        return [Text("In sight: nothing. ")]
    parts: list[Segment] = [Text("In sight: ")]
    for j, base in enumerate(supports(slots)):
        parts += [Entity(number(j), slots[j]), *([] if base is None else [Text(f" on obj_{number(base)} ")])]
    return [*parts, Text(". ")]


def _memory(perception: Perception) -> Memory:
    if perception.memory is None:
        raise ValueError("write_prompt: a sentence about what is remembered needs perception.memory, got None; make it "
                         "with planning.memory.recall")
    return perception.memory


def _steps(memory: Memory) -> list[Segment]:
    return [Text(f"Steps: {', '.join(memory.steps)}. ")] if memory.steps else []


def _place_sentence(place: str, perception: Perception) -> list[Segment]:
    """A place that was looked at, and the things that were seen there."""
    shut = {True: " open", False: " shut", None: ""}[perception.memory.is_open] if place == DRAWER else ""
    entities = [Entity(perception.number(j), slot) for j, slot in enumerate(perception.slots) if slot.place == place]
    return [Text(f"{place}:{shut} "), *(entities or [Text("nothing")]), Text(". ")]


def _quarter_sentence(corner: Compass, perception: Perception) -> list[Segment]:
    """What lies in a quarter of the board, each piece with what was measured of it."""
    slots, numbers = perception.slots, [perception.number(place) for place in range(len(perception.slots))]
    parts: list[Segment] = []
    for place, slot in enumerate(slots):
        if quarter_of(slot) == corner:
            parts += [Entity(numbers[place], slot), Text(f" {said_of(place, slots, numbers)} ")]
    return [Text(f"{side_words(corner)}: "), *(parts or [Text("nothing")]), Text(". ")]


def _hand(held: Slot | None, index: int, *, is_holding: bool) -> list[Segment]:
    if held is not None:
        return [Text("In hand: "), Entity(index, held), Text(". ")]
    return [Text("The hand is full. ")] if is_holding else []


def _failure_sentence(call: SkillCall, outcome: Outcome) -> str:
    reason = " ".join(outcome.reason.split())[:REASON_LIMIT].strip()
    return f"Last: {call.skill} failed: {reason}. "


def _join_texts(parts: Sequence[Segment]) -> tuple[Segment, ...]:
    """The same sentence with neighbouring texts made one and no space before a line end."""
    joined: list[Segment] = []
    for part in parts:
        if isinstance(part, Text) and joined and isinstance(joined[-1], Text):
            joined[-1] = Text((joined[-1].text + part.text).replace(" \n", "\n"))
        else:
            joined.append(part)
    return tuple(joined)
