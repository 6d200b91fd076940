"""SayCan: what the language says times what works here, over the shipped model and over made-up scenes."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from embodied.agents.affordance import LIKELY, UNLIKELY, affordance, why_not
from embodied.agents.saycan_agent import Option, SayCanAgent, options_in
from embodied.agents.scene_state import SceneState, read_scene
from embodied.agents.shipped import load_agent
from embodied.planning.perception import Perception
from embodied.planning.scene import OBJECTS, write_prompt
from embodied.prompt import Slot
from envs.interface import SEED_RANGES, Box, Observation
from envs.skills.signatures import TABLETOP
from tests.embodied.planning.languages import MANY_SHAPES
from tests.embodied.planning.scenes import observation

CROP = np.full((32, 32, 3), 120, np.uint8)


def thing(x: float, z: float = 0.02, width_m: float = 0.04) -> Slot:
    return Slot(CROP, Box((x, 0.0, z), (width_m, width_m, 0.04)))


BASE, TOP, BOWL, FAR = thing(0.5), thing(0.5, 0.06), thing(0.65, width_m=0.13), thing(0.9)
NAMES = {"bowl": "obj_1", "base": "obj_2", "far": "obj_3", "top": "obj_4"}  # as the perception orders them


def state(is_holding: bool = False) -> SceneState:
    return SceneState(Perception((BOWL, BASE, FAR, TOP)), is_holding)


@pytest.mark.parametrize(("skill", "thing_named", "is_holding", "reason"), [
    ("pick", "top", False, None), ("pick", "base", False, "something rests on it"),
    ("pick", "bowl", False, "it is too wide for the hand"), ("pick", "far", False, "it is out of reach"),
    ("pick", "top", True, "the hand is full"), ("place_in", "bowl", True, None),
    ("place_in", "bowl", False, "the hand is empty"), ("place_in", "top", True, "it is no container"),
    ("place_on", "top", True, None), ("place_on", "base", True, "something rests on it already"),
    ("place_on", "bowl", True, "it has no flat top"), ("put_down_beside", "bowl", True, None)])
def test_reasons_against_a_skill_are_read_off_the_boxes(skill, thing_named, is_holding, reason):
    skill, names = TABLETOP.skills[skill], [NAMES[thing_named]]
    assert why_not(skill, names, state(is_holding)) == reason
    assert affordance(skill, names, state(is_holding)) == (LIKELY if reason is None else UNLIKELY)


def test_every_skill_on_every_object_is_an_option():
    options = options_in(state(), TABLETOP)
    objects = sum(bool(s.parameters) for s in TABLETOP.skills.values())
    assert len(options) == 4 * objects + len(TABLETOP.skills) - objects + 1 and Option(None) in options


def test_a_skill_on_two_objects_is_an_option_for_each_pair():
    texts = [option.text for option in options_in(state(), MANY_SHAPES)]
    assert " put_between(obj_2, obj_1" in texts and not any("obj_1, obj_1" in text for text in texts)
    assert not any(text.startswith((" say", " lift")) for text in texts), "words and numbers have no end"


@pytest.fixture(scope="module")
def backend():
    return load_agent().backend


@pytest.fixture(scope="module")
def scene(backend):
    """A real table: its instruction, and what is seen of it."""
    env = gymnasium.make("envs:embodied/PutInBowl-v0")
    raw, _ = env.reset(seed=SEED_RANGES["validation"].start)
    env.close()
    return raw["instruction"], read_scene(backend.perceive, Observation.from_dict(raw), TABLETOP)


@pytest.mark.weights
def test_log_probabilities_are_those_of_decoding(backend, scene):
    instruction, seen = scene
    prompt = write_prompt(instruction, seen.perception)
    answer = backend.complete(prompt, None, max_new_tokens=8, seed=0)
    length = next(i for i in range(1, len(answer.token_ids) + 1)
                  if "obj_" in backend.processor.decode(answer.token_ids[:i]))
    begun = backend.processor.decode(answer.token_ids[:length])
    scores = backend.log_probabilities(prompt, [begun, " done()"])  # rows of unlike length are padded
    assert scores[0] == pytest.approx(sum(answer.log_probs[:length]), abs=1e-3) and scores[0] > scores[1]


@pytest.mark.weights
def test_what_cannot_be_done_is_not_chosen(backend, scene):
    """The prompt tells of an empty hand, so language wants to pick; the hand is full, and affordance forbids it."""
    instruction, seen = scene
    scored = SayCanAgent(backend).score(write_prompt(instruction, seen.perception), replace(seen, is_holding=True))
    assert sum(s.said for s in scored) == pytest.approx(1.0)
    by_language = max(scored, key=lambda s: s.score("language"))
    assert by_language.option.skill == "pick" and by_language.can == UNLIKELY
    by_ability = max(scored, key=lambda s: s.score("affordance"))
    assert by_ability.can == LIKELY and by_ability.option.skill != "pick"
    assert by_language.score("saycan") == pytest.approx(by_language.said * UNLIKELY)


@pytest.mark.weights
def test_it_plans_one_step_and_refuses_as_the_agent_does(backend):
    agent = SayCanAgent(backend)
    assert agent.plan("fetch the banana", observation()).refusal == "I do not know the word 'fetch'"
    assert agent.plan("", observation()).refusal == "the instruction is empty"
    with pytest.raises(ValueError, match="scoring one of"):
        SayCanAgent(backend, scoring="hope")


@pytest.mark.parametrize(("instruction", "refusal"), [
    ("put the red block by the blue bowl", "I did not understand what to do with the red block"),
    ("put the purple block in the blue bowl", "I see no purple block")])
def test_steps_are_held_against_the_words(instruction: str, refusal: str):
    class Scorer:
        """Sees a red block and a blue bowl; likes the first option best, and so on."""

        scene, language, names_by_number = OBJECTS, TABLETOP, False
        slots = (replace(thing(0.65, width_m=0.13), crop=np.full((8, 8, 3), (20, 40, 210), np.uint8)),
                 replace(thing(0.5), crop=np.full((8, 8, 3), (220, 20, 20), np.uint8)))

        def perceive(self, _):
            return self.slots

        def log_probabilities(self, _, options):
            return [-float(n) for n in range(len(options))]

        def unknown_words(self, _):
            return []

    agent = SayCanAgent(Scorer(), scoring="language")
    assert agent.plan(instruction, observation()).refusal == refusal
    plan = agent.plan("put the red block in the blue bowl", observation())  # the likeliest would pick the bowl
    assert [(c.skill, c.arguments[0].words) for c in plan.calls] == [("pick", "obj_2")]
