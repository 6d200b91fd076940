"""PaLM-E's task-and-motion-planning table: questions about blocks, and instructions that may need clearing first.

Six families, q1-q4 and p1-p2 of the paper: color, where, below, possible, grasp, build. Scenes hold 3 to 5 blocks where
nobody asks for more, some of them stacked. The answer to a question is settled when the scene is at rest.

Words name things by color, or as obj_1, obj_2 ... in the order of the scene: from the robot's left to its right as the
scene was at the start, each stack from the bottom up. A robot can see that order, and it says nothing of the goal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from envs.goals import judge
from envs.goals.wanted import Target
from envs.interface import TAMP_IDS
from envs.tasks import predicates, tamp_words
from envs.tasks.drafts import Draft
from envs.tasks.families import MOST_OBJECTS, stage
from envs.tasks.predicates import Rest
from envs.tasks.questions import FAMILIES
from envs.tasks.questions.family import YES_NO
from envs.tasks.scene import COLORS, Entity, Scene, split_name
from envs.tasks.tamp_rewordings import by_colors, understand
from envs.tasks.told_scenes import read_table
from envs.words import plain_words
from envs.world import World

QUESTIONS = tuple(FAMILIES)
TAMP_TASKS = tuple(TAMP_IDS)
FEWEST_BLOCKS = 3

_STACK_SHARE = 0.7  # of scenes with one stack at least, and of those with a second one
_BURIED_SHARE = 0.6  # of the instructions whose block has something on it
_NAMED = {"grasp": 1, "build": 2}  # blocks that an instruction is about
_TRIES = 20  # scenes, for one in which the drawn answer is the true one


@dataclass(frozen=True, slots=True)
class TampScene(Scene):
    """What is there, in the order that obj_1, obj_2 ... count, and what is asked. roles: of the phrasing. goal: ()
    for a question. answer: "" for an instruction. naming: how words name things, one of `tamp_words.NAMINGS`."""

    roles: dict[str, str]
    answer: str = ""
    naming: str = "color"

    @property
    def namer(self) -> tamp_words.Namer:
        """What words call a thing of this scene."""
        return tamp_words.namer_of(self.naming, self.names)

    def called(self, name: str) -> str:
        """The same with its article."""
        return f"the {self.namer(name)}"

    def referred(self, task: str) -> dict[str, list[str]]:
        """What obj_1, obj_2 ... are in the words of a question or instruction, by name, and in words that may stand in
        their place: none where a color is asked for, nor where words go by colors anyway."""
        is_numbered = self.naming == "index"
        words = list(map(tamp_words.by_color, self.names)) if is_numbered and task != "color" else []
        return {"referrals": list(self.names), "words": words}


@dataclass(frozen=True, slots=True)
class TampTask:
    """One family; holds no state of any scene."""

    name: str
    naming: str = "color"

    def arrange(self, world: World, rng: np.random.Generator, *, min_objects: int = 3, max_objects: int = 5,
                require: tuple[str, ...] = ()) -> TampScene:
        """A new scene of blocks in the empty world, at rest. Raises ValueError for counts that cannot be had.

        For a question whose answers are few, the answer is drawn first, so that none is the better guess.
        """
        _check(min_objects, max_objects, require)
        wanted = _drawn_answer(self.name, rng)
        for attempt in range(_TRIES):
            if attempt:
                world.reset()
            fewest = max(min_objects, FEWEST_BLOCKS)
            count = int(rng.integers(fewest, max_objects + 1))
            draft, entities = stage(world, rng, count, fewest, lambda n: _draft(self.name, rng, n, require))
            empty = TampScene(_from_left_to_right(world, entities), (), self.name, {}, naming=self.naming)
            scene = _asked(empty, world, rng, draft, wanted)
            if scene is not None:
                return scene
        raise ValueError(f"{self.name}: expected a scene whose answer is {wanted!r}, found none; require less")

    def instruction(self, scene: TampScene, rng: np.random.Generator) -> str:
        """One of several wordings, the paper's among them."""
        phrasing = int(rng.integers(len(tamp_words.PHRASINGS[scene.task])))
        return tamp_words.say(scene.task, scene.roles, phrasing, scene.namer)

    def progress(self, world: World, scene: TampScene) -> float:
        """1.0 once the instruction is granted; a question waits for its answer."""
        return judge.progress(scene.aim, (Rest(world),)) if scene.goal else 0.0

    def is_right(self, scene: TampScene, text: str) -> bool:
        """Whether a text answers the question of the scene; nothing answers an instruction."""
        return bool(scene.answer) and tamp_words.understood(scene.task, text) == scene.answer

    def as_it_is(self, world: World, scene: TampScene) -> TampScene:
        """The scene itself: its words refer to nothing that moves."""
        return scene

    def retarget(self, scene: TampScene, instruction: str) -> TampScene | None:
        """The scene with the instruction that the instruction words, about any of its things; the scene itself where
        that is what it asks; None otherwise, so for every other question: what is true of it is not known here."""
        said, heard = plain_words(instruction), understand(instruction)
        known = (scene, *_instructions(scene))
        return next((asked for asked in known if said in map(plain_words, wordings(asked))
                     or heard == (asked.task, by_colors(asked.roles))), None)


def asked(task: str, world: World, scene: TampScene) -> list[TampScene]:
    """The scene with every question or instruction of a family that its table can be asked. PRIVILEGED."""
    if task in FAMILIES:
        return questions(task, world, scene)
    there = [name for name in scene.names if name in read_table(world, scene.names, None).things]
    return [_instructed(scene, task, names) for names in permutations(there, _NAMED[task])]


def is_yes_or_no(task: str) -> bool:
    """Whether a family's answers are yes and no."""
    return task in FAMILIES and FAMILIES[task].answers == YES_NO


def wordings(scene: TampScene) -> list[str]:
    """All that a scene's question or instruction may be put as."""
    return [tamp_words.say(scene.task, scene.roles, i, scene.namer)
            for i in range(len(tamp_words.PHRASINGS[scene.task]))]


def _instructions(scene: TampScene) -> list[TampScene]:
    """The scene with every instruction that its things allow."""
    return [_instructed(scene, task, names) for task, count in _NAMED.items()
            for names in permutations(scene.names, count)]


def _instructed(scene: TampScene, task: str, names: Sequence[str]) -> TampScene:
    """The scene with the instruction about the things of these names."""
    return replace(scene, task=task, roles=dict(zip("ab", names, strict=False)), answer="", goal=_goal(*names))


def _goal(thing: str, base: str | None = None) -> tuple[Target, ...]:
    """What is to be held, or to stand on a base."""
    return (Target(thing, "on" if base else "held", base),)


def _from_left_to_right(world: World, entities: tuple[Entity, ...]) -> tuple[Entity, ...]:
    """The blocks in the order of the scene. PRIVILEGED."""
    under = predicates.supports(world, [entity.name for entity in entities], (), None)

    def place(entity: Entity) -> tuple[float, int]:
        foot, level = entity.name, 0
        while under[foot] in under:
            foot, level = under[foot], level + 1
        return -float(world.pose(foot)[0][1]), level

    return tuple(sorted(entities, key=place))


def _check(min_objects: int, max_objects: int, require: tuple[str, ...]) -> None:
    for name in require:
        if split_name(name)[1] != "block":
            raise ValueError(f"require: expected blocks, got {name!r}; there are no bowls here")
    least = max(FEWEST_BLOCKS, len(require))
    if not least <= max_objects <= min(MOST_OBJECTS, len(COLORS)) or not 1 <= min_objects <= max_objects:
        raise ValueError(f"expected min_objects <= max_objects with max_objects in [{least}, {len(COLORS)}], got "
                         f"{min_objects} and {max_objects}")


def _drawn_answer(task: str, rng: np.random.Generator) -> str:
    """The answer that the scene shall have; "" where any will do."""
    options = FAMILIES[task].answers if task in FAMILIES and FAMILIES[task].is_drawn else ("",)
    return options[int(rng.integers(len(options)))]


def _draft(task: str, rng: np.random.Generator, count: int, require: tuple[str, ...]) -> Draft:
    """Blocks and stacks; for instructions the first block is the wanted one, the second its base."""
    others = [f"{color} block" for color in COLORS if f"{color} block" not in require]
    blocks = (*require, *(others[i] for i in rng.permutation(len(others))))[:count]
    under: dict[str, str] = {}
    if task in _NAMED:
        if rng.random() < _BURIED_SHARE:
            under[blocks[2]] = blocks[int(rng.integers(_NAMED[task]))]
        return Draft(tuple(blocks), (), _goal(*blocks[:_NAMED[task]]), under)
    pairs = rng.permutation(count)
    for upper, lower in zip(pairs[::2], pairs[1::2], strict=False):
        if rng.random() < _STACK_SHARE or (FAMILIES[task].needs_stack and not under):
            under[blocks[upper]] = blocks[lower]
    return Draft(tuple(blocks), (), (), under)


def _asked(scene: TampScene, world: World, rng: np.random.Generator, draft: Draft, wanted: str) -> TampScene | None:
    """The scene with a question whose answer is the wanted one; None when this scene has none."""
    if draft.goal:
        return _instructed(scene, scene.task, draft.blocks[:_NAMED[scene.task]])
    found = [asked for asked in questions(scene.task, world, scene) if wanted in ("", asked.answer)]
    return found[int(rng.integers(len(found)))] if found else None


def questions(task: str, world: World, scene: TampScene) -> list[TampScene]:
    """The scene with every question of a family that its table can be asked; what fell off it is nothing to ask about.
    PRIVILEGED."""
    table = read_table(world, scene.names, None)
    return [replace(scene, task=task, roles=roles, answer=answer, goal=())
            for roles, answer in FAMILIES[task].query(table, scene.naming)]
