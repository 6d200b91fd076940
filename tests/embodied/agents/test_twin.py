"""A twin is the table that was perceived: what is tried there goes as it would go here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embodied.agents.imagining_agent import ImaginingAgent
from embodied.agents.twin import TableTwin
from embodied.planning.belief import first_look
from embodied.planning.language import Plan
from embodied.planning.perception import Perception
from embodied.prompt import Sample
from envs.goals.retelling import told_again
from envs.goals.scene_spec import SceneError
from envs.interface import Box, Referent, SkillCall
from envs.skills.signatures import TABLETOP
from tests.embodied.planning.scenes import FULL_HAND_M, bowl, colored, observation, slot, transition

RED, BLUE, GREEN = (217, 38, 38), (20, 50, 200), (38, 160, 60)


def block(x, y, rgb, bottom_m=0.0):
    made = colored(slot(x, y), rgb)
    return replace(made, box=Box((x, y, bottom_m + 0.02), (0.04, 0.04, 0.04), 0.3), width_m=0.04)


SLOTS = [block(0.45, 0.15, RED), block(0.55, -0.2, GREEN), colored(bowl(slot(0.6, 0.1)), BLUE)]
INTO = Plan((SkillCall("pick", (Referent("obj_1", box=SLOTS[0].box),)),
             SkillCall("place_in", (Referent("obj_3", box=SLOTS[2].box),))))
WORDS = "put the red block in the blue bowl"


def seen(slots):
    return Perception.of(slots, observation(), TABLETOP)


@pytest.fixture(scope="module")
def twin():
    made = TableTwin()
    yield made
    made.close()


def test_a_perceived_table_is_told_again():
    stacked = [*SLOTS, block(0.55, -0.2, RED, bottom_m=0.04)]
    told = {t.name: t for t in told_again(first_look(stacked).table, {"red block": 0.3})}
    assert told["red block 2"].carrier == "green block" and told["red block 2"].bottom_z_m == pytest.approx(0.04)
    assert (told["red block"].x, told["red block"].yaw_rad, told["green block"].yaw_rad) == (0.45, 0.3, None)
    with pytest.raises(SceneError, match="expected blocks and bowls of"):
        told_again(first_look([block(0.5, 0.0, (5, 5, 5))]).table, {})
    with pytest.raises(SceneError, match="none of them held, got 2, held: red block"):
        told_again(first_look(SLOTS[1:2], held=SLOTS[0]).table, {})


def test_it_says_which_plan_brings_the_task_on(twin):
    wrong = Plan((SkillCall("pick", (Referent("obj_2", box=SLOTS[1].box),)), INTO.calls[1]))
    right, other, nothing = twin.foresee(WORDS, seen(SLOTS), [INTO, wrong, Plan(())])
    assert (right.before, right.after, right.failures, right.along) == (0.0, 1.0, 0, (0.0, 1.0))
    assert nothing.along == ()
    assert other.after < 1.0 and nothing.after == 0.0 and right.probability > other.probability
    assert twin.foresee(WORDS, seen(SLOTS), [INTO]) == [right], "the same again"


def test_what_stands_on_another_thing_stands_there_in_the_twin(twin):
    slots = [SLOTS[1], SLOTS[2], block(0.55, -0.2, RED, bottom_m=0.04)]
    pick = SkillCall("pick", (Referent("obj_3", box=slots[2].box),))
    into = Plan((pick, SkillCall("place_in", (Referent("obj_2", box=slots[1].box),))))
    [foreseen] = twin.foresee(WORDS, seen(slots), [into])
    assert (foreseen.after, foreseen.failures) == (1.0, 0)


def test_later_calls_point_at_where_things_were_put(twin):
    """The green block, put on the red one, is then taken from there."""
    green, red = (Referent(name, box=slot.box) for name, slot in (("obj_2", SLOTS[1]), ("obj_1", SLOTS[0])))
    plan = Plan((SkillCall("pick", (green,)), SkillCall("place_on", (red,)), SkillCall("pick", (green,)),
                 SkillCall("place_in", (Referent("obj_3", box=SLOTS[2].box),))))
    [foreseen] = twin.foresee("put the green block in the blue bowl", seen(SLOTS), [plan])
    assert (foreseen.along, foreseen.failures) == ((0.0, 0.0, 0.0, 1.0), 0)


def test_a_twin_with_nothing_to_say_says_nothing(twin):
    assert twin.foresee("do what I mean", seen(SLOTS), [INTO]) is None
    assert twin.foresee(WORDS, seen([]), [INTO]) is None


def test_a_shifted_twin_is_wrong():
    wrong = TableTwin(shift_m=(0.1, 0.0))
    assert wrong.foresee(WORDS, seen(SLOTS), [INTO])[0].after < 1.0
    wrong.close()


class Backend:
    temperature = 0.0

    def log_probabilities(self, prompt, texts):
        return [{"wrong": -0.1, "right": -2.0}[text] for text in texts]


class Divided:
    """Likes a plan that does nothing, and draws the right one now and then."""

    language = TABLETOP

    def __init__(self):
        self.backend = Backend()

    def plan(self, instruction, observation, history, *, seed=0):
        text, made = ("right", INTO) if self.backend.temperature and seed % 2 else ("wrong", Plan(()))
        return replace(made, sample=Sample(text, None), perception=seen(SLOTS))


def test_an_agent_imagines_before_it_acts(twin):
    agent = ImaginingAgent(Divided(), twin, count=4)
    chosen = agent.plan(WORDS, observation(), ())
    assert chosen == INTO and len(agent.imagined.candidates) == 2 and agent.imagined.chosen == 1
    assert np.isclose(agent.imagined.candidates[0].log_prob, -0.1) and agent.backend.temperature == 0.0
    assert ImaginingAgent(Divided(), None, count=4).plan(WORDS, observation(), ()) == Plan(()), "by the policy alone"
    assert ImaginingAgent(Divided(), twin, count=1).plan(WORDS, observation(), ()) == Plan(())
    assert ImaginingAgent(Divided(), twin, count=4).plan("do what I mean", observation(), ()) == Plan(())
    assert len(chosen.samples) == 2, "what it weighed was asked of the model, too"
    holding = [transition("pick", SLOTS[1], width_m=FULL_HAND_M)]
    assert ImaginingAgent(Divided(), twin, count=4).plan(WORDS, observation(), holding) == Plan(()), "no twin holds"
