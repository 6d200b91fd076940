"""What is learned from a view: one prompt and its answer for each thing that was asked about it.

An answer names what was seen (`obj_j`, or where it stands in the image), never what is there: a query about something
that the segmenter missed teaches nothing and is left out; so is what no plan can answer. All of it is counted, by why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from embodied.data.crowd import OTHERS, crowded
from embodied.data.dataset import Dataset
from embodied.data.detections import Detections, ViewDetections
from embodied.data.episodes import Act, Episode
from embodied.data.facts import language_of
from embodied.data.jitter import USUAL, Jitter
from embodied.data.queries import Answer, Calls, Query, Referrals, Refusal, TextAnswer
from embodied.data.recolor import Palette, renamed, reworded
from embodied.data.remembering import Remembering
from embodied.data.rewording import Rewording
from embodied.data.teaching import (
    FOREIGN,
    card,
    describe,
    is_of_an_unknown_word,
    rests_on,
    spelled,
    why_unsayable,
    why_unseen,
)
from embodied.planning.language import Plan, clause, write
from embodied.planning.memory import Memory
from embodied.planning.perception import Perception
from embodied.planning.scene import OBJECTS, SceneEncoder, Viewpoint, write_prompt
from embodied.prompt import MAX_OBJECTS, Image, Prompt, Slot
from envs.interface import Box, Camera, NamedCall, Outcome, Referent, SkillCall
from envs.skills.signatures import PlanLanguage

WITHOUT_REPORTED_FAILURE = ("failure",)
"""Families that ask how the last call ended: their prompts do not tell what its controller said of that."""


@dataclass(frozen=True, slots=True)
class Example:
    prompt: Prompt
    answer: str
    task: str
    names: tuple[str | None, ...] = ()  # true names of the prompt's objects, reading order; None = unknown


@dataclass(frozen=True, slots=True)
class Item:
    """One query about one view, before it is worded. file: place of the episode in the dataset."""

    file: int
    seed: int
    view: int
    query: Query
    detected: ViewDetections
    held: Slot | None
    last: tuple[SkillCall, Outcome] | None
    held_name: str | None = None
    memory: Memory | None = None  # of scenes that remember: what is detected is what is remembered

    @property
    def id(self) -> str:
        return f"{self.seed}/{self.view}/{self.query.instruction}"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a planner is shown of a view: one for all that is asked about it."""

    detected: ViewDetections
    held: Slot | None
    image: Image | None  # where the planner sees whole images
    colors: Mapping[str, str] = field(default_factory=dict)  # color of a thing -> the one it has here, where others do


class Examples:
    """Every teachable query of a dataset: `examples[i]` as it is; for training, `sight` and `worded` draw a little."""

    def __init__(self, dataset: Dataset, detections: Detections, *, scene: SceneEncoder = OBJECTS,
                 jitter: Jitter = USUAL, is_open: bool = False, referrals: Referrals = "numbers",
                 rewordings: Mapping[str, Sequence[str]] | None = None):
        """is_open: no instruction is refused for a word that it holds, and none is taught to be. rewordings: see
        `Rewording`."""
        self.dataset, self.scene, self.jitter, self.is_open = dataset, scene, jitter, is_open
        self.referrals, self.rewording = referrals, Rewording(rewordings or {})
        self.language = language_of(dataset.facts, f"dataset {dataset.path}")
        if (scene.needs_image or scene.remembers) and (jitter.crowd or jitter.recolor):
            raise ValueError("jitter: expected crowd=0 and recolor=0 where whole images are seen, or what is "
                             "remembered of places, whose things cannot be exchanged, got "
                             f"crowd={jitter.crowd} and recolor={jitter.recolor}")
        self.items: list[Item] = []
        self.left_out: Counter[str] = Counter()
        for place, episode in enumerate(dataset.episodes()):
            self._add(place, episode, detections)
        if not self.items:
            raise ValueError(f"examples: expected something to teach in {dataset.path}, got: "
                             f"{'; '.join(describe(self.card, 'are taught'))}; collect queries that plans "
                             "can answer, or train the segmenter longer")

    def _add(self, file: int, episode: Episode, detections: Detections) -> None:
        held: Slot | None = None
        memory = Remembering() if self.scene.remembers else None
        for place, view in enumerate(episode.views):
            detected = detections[episode.seed, place]
            if memory is not None:
                detected = memory.after(view, episode.acts[place - 1] if place else None, detected)
            elif view.held is not None:
                held = remembered(view.held, episode, place, detections)
            else:
                held = None
            last = _failure(episode.acts[place - 1]) if place else None
            for number, query in enumerate(self._referring(view.queries)):
                why_not = (why_unsayable(query, self.language, has_names=self.scene.finds_objects)
                           or (FOREIGN if self.is_open and is_of_an_unknown_word(query) else None)
                           or why_unseen(query, view, detected, held, self.language, is_held_told=memory is not None,
                                         is_past_told=memory is not None and (number == 0 or bool(query.calls))))
                if why_not is None:
                    told = None if query.family in WITHOUT_REPORTED_FAILURE else last
                    known = memory and memory.memory
                    if known is not None and number > 0 and not self.scene.roams:
                        told, known = None, known.without_steps()  # they were another instruction's, the first one's
                    self.items.append(Item(file, episode.seed, place, query, detected, held, told, view.held, known))
                else:
                    self.left_out[why_not] += 1

    def _referring(self, queries: Sequence[Query]) -> list[Query]:
        """The queries, with words in the place of numbers where `referrals` wants that."""
        if self.referrals == "numbers":
            return list(queries)
        return [query.unnumbered if self.referrals == "words" or place % 2 else query
                for place, query in enumerate(queries)]

    @property
    def card(self) -> dict[str, Any]:
        """How many queries the dataset has, how many are kept to be taught, and how many are left out why."""
        return card(len(self.items) + self.left_out.total(), self.left_out)

    @property
    def rewordings(self) -> list[str]:
        """What words may be put as, beside those of the dataset; nothing in the place of things."""
        return self.rewording.texts

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> Example:
        return self.worded(place, self.sight(place))

    def view_of(self, place: int) -> tuple[int, ...]:
        """The view that an example is about, as numbers: examples of one view have the same."""
        item = self.items[place]
        return item.file, item.view

    def sight(self, place: int, rng: np.random.Generator | None = None, *, has_pixels: bool = True) -> Sight:
        """What is shown of the view of an example; with rng, slots are moved and tinted a little, and things of another
        scene may stand among them, or lend them their colors. has_pixels: whether a whole image is read, or an empty
        one stands in its place."""
        item, colors = self.items[place], dict[str, str]()
        detected, held = item.detected, item.held
        if rng is not None:
            if self.jitter.recolor and rng.random() < self.jitter.recolor:
                item, colors = self._recolored(item, rng)
                detected, held = item.detected, item.held
            if self.jitter.crowd:
                others = [self.items[i].detected for i in rng.integers(len(self.items), size=OTHERS)]
                detected = crowded(detected, item.held_name, others, self.jitter.crowd, rng)
            slots = tuple(jitter_slot(slot, self.jitter, rng) for slot in detected.slots)
            detected, held = replace(detected, slots=slots), held and jitter_slot(held, self.jitter, rng)
        return Sight(detected, held, self._image(item, has_pixels), colors)

    def _recolored(self, item: Item, rng: np.random.Generator) -> tuple[Item, dict[str, str]]:
        """The item with its things in drawn colors, but for its query; and which color each color is now."""
        palette = self._palette
        colors = palette.draw(rng)
        slots = tuple(palette.recolored(slot, name, colors, rng)
                      for slot, name in zip(item.detected.slots, item.detected.names, strict=True))
        names = tuple(name and reworded(name, colors) for name in item.detected.names)
        held = item.held and palette.recolored(item.held, item.held_name, colors, rng)
        held_name = item.held_name and reworded(item.held_name, colors)
        return replace(item, detected=ViewDetections(slots, names), held=held, held_name=held_name), colors

    @cached_property
    def _palette(self) -> Palette:
        return Palette(item.detected for item in self.items)

    def worded(self, place: int, sight: Sight, rng: np.random.Generator | None = None) -> Example:
        """The example with what is shown of its view; with rng, one slot that its answer does not need may go unseen,
        things may be named by other numbers, and the answer follows; and its words may be others for the same."""
        item, colors, numbers = self.items[place], sight.colors, ()
        item = replace(item, detected=sight.detected, held=sight.held)
        if colors:
            item = replace(item, query=renamed(item.query, colors),
                           held_name=item.held_name and reworded(item.held_name, colors))
        if rng is not None:
            needed = rests_on(item.query, [name for name in item.detected.names if name is not None], item.held_name,
                              self.language)
            item = replace(item, detected=drop_slot(item.detected, needed, self.jitter.drop, rng))
            numbers = draw_numbers(len(item.detected.slots) + 1, self.jitter.numbers, rng)
            words = self.rewording.draw(item.query.instruction, rng)
            item = replace(item, query=replace(item.query, instruction=words))
        return self._word(item, sight.image, numbers)

    def jittered(self, place: int, rng: np.random.Generator) -> Example:
        """The example alone as training sees it: what is shown changed a little, one slot dropped now and then."""
        return self.worded(place, self.sight(place, rng), rng)

    def _word(self, item: Item, image: Image | None, numbers: tuple[int, ...] = ()) -> Example:
        perception = Perception(item.detected.slots, image=image, numbers=numbers, memory=item.memory)
        mentions = {name: self.scene.mention(perception.number(place) - 1, item.detected.slots[place], self.viewpoint)
                    for place, name in enumerate(item.detected.names) if name is not None}
        query = item.query.renumbered(mentions) if item.query.numbered else item.query
        prompt = write_prompt(query.instruction, perception, held=item.held, last_failure=item.last, scene=self.scene)
        names = self.scene.picture_names(item.detected.names, item.held_name if item.held else None)
        return Example(prompt, " " + answer(query, item.detected, self.language, mentions), query.family, names)

    def _image(self, item: Item, has_pixels: bool) -> Image | None:
        if not self.scene.needs_image:
            return None
        camera = self.language.cameras[0]
        if not has_pixels:
            return Image(camera, np.zeros((1, 1, 3), np.uint8))
        view = self.dataset.view(item.file, item.view, pixels=("rgb",))
        return Image(camera, view.observation.rgb[camera])

    @cached_property
    def viewpoint(self) -> Viewpoint:
        """The camera whose image whole-image models are given."""
        name = self.language.cameras[0]
        height_px, width_px = self.dataset.facts["image_size"][name]
        camera = self.dataset.facts["cameras"][name]
        return Viewpoint(name, Camera(np.array(camera["intrinsics"]), np.array(camera["pose"])), width_px, height_px)


def remembered(name: str, episode: Episode, place: int, detections: Detections) -> Slot | None:
    """The slot of an entity in the latest earlier view that shows it: what a planner that picked it remembers."""
    for earlier in range(place - 1, -1, -1):
        detected = detections[episode.seed, earlier]
        if name in detected.names:
            return detected.slots[detected.names.index(name)]
    return None


def _failure(act: Act) -> tuple[SkillCall, Outcome] | None:
    """What the prompt says about the last act: the rule is `perception.last_failure`'s."""
    if act.status == "done":
        return None
    return SkillCall(act.skill), Outcome(act.status, act.reason, act.duration_s)


def answer(query: Query, detected: ViewDetections, language: PlanLanguage,
           mentions: Mapping[str, str] | None = None) -> str:
    """The plan text of a query. mentions: true name -> what the plan calls it (`SceneEncoder.mention`), None for the
    names of the slots."""
    place = {name: j for j, name in enumerate(detected.names) if name is not None}
    return write(_plan(query.answer, place, language, mentions or {n: f"obj_{j + 1}" for n, j in place.items()}))


def _plan(answer: Answer, place: Mapping[str, int], language: PlanLanguage, words: Mapping[str, str]) -> Plan:
    """The plan that says an answer. words: true name -> what the plan calls it. Raises ValueError for an answer that
    plans do not have, which `teaching` leaves out."""
    match answer:
        case Refusal(reason):
            return Plan((), refusal=clause(reason))
        case TextAnswer(text) if language.answers.text_skill:
            return Plan((SkillCall(language.answers.text_skill, (text,)),))
        case Calls(calls):
            ordered = by_slot(calls, place, language) if answer.any_order else calls
            return Plan(tuple(_call(call, language, words) for call in ordered))
    raise ValueError(f"expected an answer that a plan can say, got {answer}")


def _call(call: NamedCall, language: PlanLanguage, words: Mapping[str, str]) -> SkillCall:
    return SkillCall(call[0], tuple(Referent(words[value]) if parameter.kind == "object" else value
                                    for value, parameter in spelled(call, language)))


def by_slot(calls: Sequence[NamedCall], place: Mapping[str, int], language: PlanLanguage) -> list[NamedCall]:
    """The calls with their pick-and-place groups in the order of the slots picked: one right answer instead of many."""
    groups: list[list[NamedCall]] = [[]]
    for call in calls:
        if call[0] in language.grasping:
            groups.append([])
        groups[-1].append(call)
    first, *picked = groups  # what comes before the first pick frees the hand and stays first
    return [*first, *(c for group in sorted(picked, key=lambda g: place[g[0][1]]) for c in group)]


def drop_slot(detected: ViewDetections, needed: set[str], chance: float, rng: np.random.Generator) -> ViewDetections:
    """The detections without, now and then, one slot that the answer does not need."""
    places = list(range(len(detected.slots)))
    spare = [j for j in places if detected.names[j] not in needed]
    if spare and rng.random() < chance:
        places.remove(int(rng.choice(spare)))
    return ViewDetections(tuple(detected.slots[j] for j in places), tuple(detected.names[j] for j in places))


def draw_numbers(count: int, chance: float, rng: np.random.Generator) -> tuple[int, ...]:
    """Now and then `count` rising numbers up to `MAX_OBJECTS`, so that every name is learned in scenes of few things;
    else ()."""
    if not chance or rng.random() >= chance or count > MAX_OBJECTS:
        return ()
    return tuple(sorted((rng.permutation(MAX_OBJECTS)[:count] + 1).tolist()))


def jitter_slot(slot: Slot, jitter: Jitter, rng: np.random.Generator) -> Slot:
    """The slot measured and lit a little differently; its place in the prompt is kept."""
    moved = np.array([*slot.box.center, *slot.box.size]) + rng.normal(0.0, jitter.place_m, 6)
    box = Box(tuple(moved[:3].tolist()), tuple(np.maximum(moved[3:], 0.001).tolist()), slot.box.yaw)
    gain = 1.0 + rng.uniform(-jitter.light, jitter.light) + rng.uniform(-jitter.light, jitter.light, 3) / 2
    crop = np.clip(slot.crop * gain, 0, 255).astype(np.uint8)
    return replace(slot, crop=crop, box=box)
