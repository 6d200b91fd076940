"""The agent that understands people: plans, questions, refusals and answers by what it perceives, and dialogue."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from embodied.agents.mind_agent import MindAgent
from embodied.planning.closed_loop import run
from embodied.planning.dialogue import Reading
from embodied.planning.language import Plan
from embodied.prompt import Slot
from envs.goals.spelling import read
from tests.embodied.planning.scenes import FULL_HAND_M, ToyEnv, bowl, colored, observation, slot, transition

RED, GREEN, BLUE, WHITE = (220, 20, 20), (20, 150, 40), (20, 40, 210), (240, 240, 240)
LEFT, RIGHT = colored(slot(0.5, 0.2), RED), colored(slot(0.5, -0.2), RED)
LONE = colored(slot(0.42, 0.1), GREEN)
BOWL, OTHER = bowl(colored(slot(0.6, 0.0), BLUE)), bowl(colored(slot(0.6, 0.25), WHITE))
SCENE = [LEFT, RIGHT, LONE, BOWL, OTHER]


class Dictionary:
    """Understands what it was told that words mean."""

    def __init__(self, meanings: dict[str, str], confidence: float = 1.0) -> None:
        self.meanings, self.confidence, self.before = meanings, confidence, []

    def understand(self, text: str, before: Sequence = ()) -> Reading:
        self.before = list(before)
        return Reading(read(self.meanings[text]) if text in self.meanings else None, self.confidence)


def agent(meanings: dict[str, str], slots: Sequence[Slot] = SCENE, confidence: float = 1.0) -> MindAgent:
    return MindAgent(Dictionary(meanings, confidence), lambda seen: list(slots))


def said(goal: str, slots: Sequence[Slot] = SCENE) -> Plan:
    return agent({"say": goal}, slots).plan("say", observation())


def test_a_goal_becomes_calls_on_what_is_seen():
    plan = said("in(the green block, the blue bowl)")
    assert [c.skill for c in plan.calls] == ["pick", "place_in"]
    assert plan.calls[0].arguments[0].box == LONE.box
    assert plan.calls[1].arguments[0].box == BOWL.box
    assert plan.understood == "in(the green block, the blue bowl)"


def test_two_that_fit_are_asked_about():
    plan = said("in(the red block, the blue bowl)")
    assert plan.question == "Which red block do you mean, the left one or the right one?"
    assert {r.box for r in plan.about} == {LEFT.box, RIGHT.box}


@pytest.mark.parametrize(("goal", "reason"), [
    ("in(the purple block, the blue bowl)", "I see no purple block"),
    ("on(the blue bowl, the green block)", "I cannot move bowls, and the blue bowl is one"),
    ("in(the green block, the leftmost red block)", "I can put things only into bowls, and the red block is none"),
    ("on(the green block, the green block)", "that contradicts itself about the green block"),
    ("in(3 red block, the blue bowl)", "I see fewer red blocks than that"),
    ('cannot "wash"', "you want me to wash, and I can only pick up blocks and put them down"),
    ("unclear", "I did not understand that"),
    ("nothing", "I heard nothing to do in that"),
])
def test_refusals_say_what_is_true(goal, reason):
    assert said(goal).refusal == reason


@pytest.mark.parametrize(("goal", "answer"), [
    ("tell count(red block)", "I see 2 red blocks."),
    ("tell what(red block)", "I see both red blocks."),
    ("tell whether in(the green block, the blue bowl)", "No, the green block is not in the blue bowl."),
    ("tell color(the leftmost bowl)", "It is white."),
])
def test_questions_are_answered_without_motion(goal, answer):
    plan = said(goal)
    assert not plan.calls
    assert not plan.is_done
    assert plan.answer == answer


def test_what_holds_already_needs_no_calls():
    plan = said("beside(the green block, the blue bowl)", [colored(slot(0.5, 0.05), GREEN), BOWL])
    assert plan.is_done


def test_what_shall_go_onto_what_is_in_the_hand_is_planned_once_that_was_put_down():
    seen = list(SCENE)
    mind = MindAgent(Dictionary({"lift it": "held(the green block)",
                                 "stack it": "on(the leftmost red block, the green block)"}), lambda _: list(seen))
    mind.plan("lift it", observation())
    seen[:] = [slot for slot in SCENE if slot is not LONE]
    mind.begin()
    plan = mind.plan("stack it", observation(FULL_HAND_M), [transition("pick", LONE, width_m=FULL_HAND_M)])
    assert not plan.refusal and plan.calls and plan.calls[0].skill.startswith("put_down")
    assert all(call.skill != "place_on" for call in plan.calls)


def test_words_that_are_not_understood_are_refused_and_nothing_moves():
    mind = agent({"say": "in(the green block, the blue bowl)"}, confidence=0.2)
    plan = mind.plan("say", observation())
    assert plan.refusal == "I did not understand that"
    assert plan.hint == "Did you mean: put the green block in the blue bowl?"


@pytest.mark.parametrize(("goal", "refusal", "hint"), [
    ("in(3 red block, the blue bowl)", "I see fewer red blocks than that",
     "I am not sure that I understood you. Did you mean: put three red blocks in the blue bowl?"),
    ("tell color(3 red block)", "I see fewer red blocks than that", "I am not sure that I understood you."),
    ('cannot "wash"', "I did not understand that", ""), ("nothing", "I did not understand that", ""),
    ("in(a red block, the bowl)", "I did not understand that", "Did you mean: put a red block in the bowl?")])
def test_a_guess_that_could_not_be_done_anyway_is_refused_for_that(goal, refusal, hint):
    """And for nothing else: what is sure of the words alone is not sure of a guess."""
    plan = agent({"say": goal}, confidence=0.2).plan("say", observation())
    assert (plan.refusal, plan.hint, plan.calls) == (refusal, hint, ())


@pytest.mark.parametrize(("goal", "skill"), [
    ("left_of(the green block, the leftmost red block)", "put_down_left_of"),
    ("right_of(the green block, the blue bowl)", "put_down_right_of"),
    ("at(the green block, right)", "put_down_at"),
])
def test_sides_and_parts_of_the_table_are_places_that_a_mind_can_put_things_at(goal, skill):
    assert [c.skill for c in said(goal).calls] == ["pick", skill]


def test_a_text_that_cannot_be_taken_in_is_refused_for_that_reason():
    class Full:
        def understand(self, text, before=()):
            return Reading(None, 0.0, why_not="that is longer than what I learned to understand (300 tokens)")

    plan = MindAgent(Full(), lambda seen: list(SCENE)).plan("say", observation())
    assert plan.refusal.startswith("that is longer than what I learned to understand")


def test_an_answer_to_a_question_is_heard_with_what_was_said_before():
    mind = agent({"put it in": "in(the red block, the blue bowl)",
                  "the one on the left": "in(the leftmost red block, the blue bowl)"})
    assert mind.plan("put it in", observation()).question is not None
    mind.correct("the one on the left")
    plan = mind.plan("put it in", observation())
    assert plan.calls[0].arguments[0].box == LEFT.box
    assert [turn.speaker for turn in mind.understander.before] == ["person", "robot"]


def test_a_question_that_nobody_answers_ends_in_a_refusal():
    steps = list(run(ToyEnv(), agent({"stack the blocks": "in(the red block, the blue bowl)"}), seed=0))
    assert steps[0].plan.question is not None
    assert steps[-1].end == "refused: nobody answered my question"


def test_a_correction_while_it_works_changes_the_goal():
    mind = agent({"first": "in(the green block, the blue bowl)", "no": "in(the green block, the white bowl)"})
    first = mind.plan("first", observation())
    assert first.calls[1].arguments[0].box == BOWL.box
    mind.correct("no")
    assert mind.has_news
    second = mind.plan("first", observation(), [transition("pick", LEFT, status="failed")])
    assert second.calls[1].arguments[0].box == OTHER.box


def test_an_answer_ends_the_episode():
    steps = list(run(ToyEnv(), agent({"stack the blocks": "tell count(bowl)"}), seed=0))
    assert steps[-1].end == "answered: I see 2 bowls."
    assert steps[-1].transition is None
