"""embodied demo "put the red block in the blue bowl": the arm does what a sentence says, or says why not.

Prints each step as it is decided and done, and leaves demo.mp4 and demo.png in the run folder. A mind is told the words
first, and a scene is drawn in which there is something to do; it may ask back, answer, or say why not, and says what it
sees in the end. For a planner, objects that the sentence names are put on the table when they are of a known kind and
color; anything else it has to refuse. scene=FILE.json is a scene of your own.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from embodied.cli.errors import UsageError
from embodied.cli.run import RunContext
from embodied.cli.settings import EnvSettings
from embodied.typed import between

if TYPE_CHECKING:
    from embodied.agents.mind_agent import MindAgent
    from embodied.cli.reporter import Reporter
    from embodied.cli.talk import Person
    from embodied.planning.closed_loop import Planner, Step

TAKES_TEXT = "instruction"


@dataclass(frozen=True, slots=True)
class VideoSettings:
    fps: int = between(1, 60)
    width: int = between(64, 1920)
    height: int = between(64, 1080)


@dataclass(frozen=True, slots=True)
class Settings:
    env: EnvSettings
    video: VideoSettings
    instruction: str
    policy: Literal["model", "random", "oracle"]
    weights: str
    scene: str | None
    world: Literal["tabletop", "tamp", "board", "kitchen"]
    replies: tuple[str, ...]
    seed: int = between(0, 2**31 - 1)
    max_calls: int = between(1, 64)


@contextmanager
def enter(settings: Settings, folder: Path) -> Iterator[list[dict] | None]:
    """The scene that was told, None where none was. Raises ValueError for weights that cannot be loaded and for what is
    no scene, UsageError for weights that do not know the world; what the folder holds is then as it was."""
    from embodied.cli.talk import scene_in

    if settings.policy != "oracle":
        _check_weights(_weights(settings), settings.world, settings.policy)
    if settings.scene is not None and settings.world != "tabletop":
        raise UsageError(f"scene={settings.scene}: expected null, for scenes of world={settings.world} are drawn; say "
                         "what has to be there in the instruction, or choose world=tabletop")
    yield scene_in(settings.scene) if settings.scene is not None else None


def _weights(settings: Settings) -> str:
    """The weights that plan: of "mind", where no mind knows the world, its shipped planner."""
    from embodied.agents.minds import weights_for

    return weights_for(settings.weights, settings.world)


def _check_weights(weights: str, world: str, policy: str) -> None:
    from embodied.agents.minds import is_mind, mind_folder
    from embodied.cli.weights import check_policies, check_usable, language_of
    from embodied.planning.declaration import why_not_planned
    from envs.skills.signatures import LANGUAGES

    check_usable(weights)
    folder = mind_folder(weights)
    why = why_not_planned(language_of(folder, world), LANGUAGES[world])
    if is_mind(folder):
        why = "a mind knows the tabletop alone" if world != "tabletop" else None
    if why is not None:
        raise UsageError(f"weights={weights}: expected weights that plan in world={world}; {why}; leave weights out "
                         "for those that are shipped for it")
    check_policies(folder, [policy], world)


def act(settings: Settings, run: RunContext) -> float:
    """1 when the instruction was fulfilled, else 0; a refusal is no error, nor is an instruction that nobody can
    judge."""
    from embodied.cli.reporter import Reporter
    from embodied.evaluation.episode import one_thread

    reporter = Reporter(settings.instruction, settings.video.fps)
    if settings.policy != "oracle":
        one_thread()  # as wherever else a model plans: with two, each small product waits for what else runs
    mind = _mind(settings, reporter)
    task, options = _told(settings, run.entered, mind)
    env = make_env(task, **settings.env.arguments())
    try:
        reporter.watch(env.unwrapped, (settings.video.height, settings.video.width))
        planner = mind or _planner(settings, env)
        _converse(env, reporter.around(planner, settings.policy), reporter, settings, options)
    finally:
        env.close()
    reporter.save(run.folder)
    return float(bool(reporter.is_success))


def make_env(task: str, **arguments: Any) -> Any:
    """The environment of a task of any world, or of all tasks of a world by its name."""
    import gymnasium

    from envs.interface import ENV_IDS, domain_id

    return gymnasium.make(f"envs:{ENV_IDS.get(task) or domain_id(task)}", **arguments)


def _mind(settings: Settings, reporter: Reporter) -> MindAgent | None:
    """The mind that the weights are; None for a planner's, and for other policies."""
    from embodied.agents import minds

    if settings.policy != "model" or not minds.is_mind(minds.mind_folder(_weights(settings))):
        return None
    if (lacks := minds.notice(settings.weights)) is not None:
        reporter.note(lacks)
    return minds.load_mind(settings.weights)


def _planner(settings: Settings, env: Any) -> Planner:
    from embodied.agents.minds import mind_folder
    from embodied.evaluation.policies import PolicyFactory

    weights = "" if settings.policy == "oracle" else str(mind_folder(_weights(settings)))
    factory = PolicyFactory(settings.policy, weights, gallery=lambda: env, world=settings.world)
    return factory.planner(settings.seed, env)[0]


def _told(settings: Settings, scene: list[dict] | None, mind: MindAgent | None) -> tuple[str, dict[str, Any]]:
    """The task and the options of a reset: a scene that was told, one that suits what a mind understands, or one with
    what the words name."""
    from embodied.cli.talk import options_of, suited_scene
    from embodied.planning.instruction import InstructionError, clean_instruction

    if scene is None and mind is None:
        task, required = SCENES[settings.world](settings.instruction)
        return task, {"instruction": settings.instruction, **({"require": required} if required else {})}
    if scene is None:
        try:
            goal = mind.understander.understand(clean_instruction(settings.instruction)).goal
        except InstructionError:
            goal = None
        scene = suited_scene(goal, settings.seed)
    return "tabletop", options_of(settings.instruction, scene)


def _converse(env: Any, planner: Planner, reporter: Reporter, settings: Settings, options: dict[str, Any]) -> None:
    """The instruction, and whatever is said after it in the same scene."""
    from embodied.cli.talk import Person
    from embodied.planning.closed_loop import run as closed_loop

    is_mind = hasattr(planner, "begin")
    person = Person(settings.replies, is_typing=is_mind and not settings.replies and sys.stdin.isatty())
    text, seed, history = settings.instruction, settings.seed, list[Any]()
    while text is not None:
        if is_mind:
            planner.begin()
        reporter.turn(text)
        for step in closed_loop(env, planner, seed=seed, options=options, history=history,
                                max_calls=settings.max_calls):
            reporter.tell(step)
            history += [step.transition] if step.transition is not None else []
            if step.end is None and hasattr(planner, "correct"):
                _reply(step, planner, reporter, person)
        text = person.next_turn() if is_mind else None
        seed, options = None, {"instruction": text}


def _reply(step: Step, planner: Any, reporter: Reporter, person: Person) -> None:
    """What people say to a question, or while it works."""
    is_question = step.transition is None and step.plan.question is not None
    said = [person.answer()] if is_question else person.interjections(reporter.calls)
    for words in filter(None, said):
        planner.correct(words)
        reporter.heard(words)


def tamp_scene_for(instruction: str) -> tuple[str, list[str]]:
    """As `scene_for`, of PaLM-E's table; of words that it does not know, a scene with the blocks whose colors they
    name."""
    from envs.tasks.phrasings import words
    from envs.tasks.scene import COLORS
    from envs.tasks.tamp_rewordings import understand

    understood = understand(instruction)
    if understood is not None:
        family, roles = understood
        return family, list(dict.fromkeys(roles.values()))
    return "grasp", [f"{word} block" for word in dict.fromkeys(words(instruction)) if word in COLORS][:5]


def kitchen_scene_for(instruction: str) -> tuple[str, list[str]]:
    """As `scene_for`, of the kitchen; of words that it does not know, a scene with the things that they name."""
    from envs.tasks.kitchen.instructions import NEEDED, WANTED
    from envs.tasks.kitchen.phrasings import things_named, understand
    from envs.tasks.kitchen.scene import CLASSES

    understood = understand(instruction)
    if understood is None:
        return "kitchen_noun", sorted(things_named(instruction))[:5]
    family, form, roles = understood
    needed = [word for role, word in roles.items() if role.startswith("thing")]
    kind = WANTED.get(form) or roles.get("kind")  # one of a class, at least, where any of it will do
    return family, list(dict.fromkeys([*needed, *filter(None, [NEEDED.get(form)]), *CLASSES.get(kind, ())[:1]]))


def board_scene_for(instruction: str) -> tuple[str, list[str]]:
    """As `scene_for`, of the pushing board; of words that it does not know, a scene with the blocks that they name."""
    from envs.tasks.board_words import understand
    from envs.words import plain_words
    from envs.world.toys import TOY_NAMES

    understood = understand(instruction)
    if understood is not None:
        task, roles = understood
        return task, list(dict.fromkeys(roles[role] for role in ("block", "other") if role in roles))
    said = map(" ".join, itertools.pairwise(plain_words(instruction) or ()))
    named = [name for name in dict.fromkeys(said) if name in TOY_NAMES]
    before = [sum(other.split(" ")[0] == name.split(" ")[0] for other in named[:place])
              for place, name in enumerate(named)]
    return "block_to_block", [name for name, others in zip(named, before, strict=True) if others < 2]  # of a color


def scene_for(instruction: str) -> tuple[str, list[str]]:
    """The task whose scenes suit the instruction, and the known objects that it names ("cube" is a block)."""
    from envs.tasks.families import TASK_OF_FORM
    from envs.tasks.phrasings import understand, words
    from envs.tasks.scene import COLORS

    understood = understand(instruction)
    if understood is not None:
        form, roles = understood
        return TASK_OF_FORM[form], list(dict.fromkeys(roles.values()))
    kinds = {"block": "block", "cube": "block", "bowl": "bowl", "dish": "bowl"}
    said = words(instruction)
    named = [f"{c} {kinds[n]}" for c, n in itertools.pairwise(said) if c in COLORS and n in kinds]
    return "put_in_bowl", list(dict.fromkeys(named))[:6]


SCENES = {"tabletop": scene_for, "tamp": tamp_scene_for, "board": board_scene_for, "kitchen": kitchen_scene_for}
"""World -> what chooses a scene that suits an instruction."""
