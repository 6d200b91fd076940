"""The agent over recorded answers: what it asks, how it grounds, and everything that it refuses before any motion."""

from __future__ import annotations

from dataclasses import replace

import pytest

from embodied.agents.backends.replay import ReplayBackend
from embodied.agents.language_agent import (
    EXAMPLE,
    NOTHING_IN_SIGHT,
    TOO_LONG,
    TRIES,
    UNREADABLE,
    LanguageAgent,
    another,
    in_vain,
)
from embodied.planning.closed_loop import play
from embodied.planning.language import Plan
from embodied.planning.scene import WHOLE_IMAGE
from embodied.planning.spoken import describe
from embodied.planning.understanding import refuse
from embodied.prompt import MAX_OBJECTS, Entity, Image, Prompt, PromptTooLongError, Sample, Text
from envs.interface import Outcome, SkillCall, Transition
from envs.skills.signatures import BOARD, KITCHEN, TAMP
from tests.embodied.planning.scenes import FULL_HAND_M, ToyEnv, bowl, colored, observation, slot, transition

LEFT, RIGHT = slot(0.4, 0.2), slot(0.6, -0.2)
PLAN = " pick(obj_1); place_in(obj_2); done()"


def agent(*replies: str, slots=(LEFT, RIGHT), vocabulary=(), **settings) -> tuple[LanguageAgent, ReplayBackend]:
    backend = ReplayBackend(replies, lambda _: slots, vocabulary=vocabulary)
    return LanguageAgent(backend, **{"unclear": None, **settings}), backend  # the judge has tests of its own


def text_of(prompt: Prompt) -> str:
    return "".join(s.text for s in prompt.segments if isinstance(s, Text))


def entities(prompt: Prompt) -> list:
    return [s.slot for s in prompt.segments if isinstance(s, Entity)]


def test_a_plan_comes_back_grounded():
    planner, backend = agent(PLAN)
    plan = planner.plan("put the red block in the bowl", observation())
    assert [(c.skill, c.arguments[0].words, c.arguments[0].box) for c in plan.calls] == [
        ("pick", "obj_1", LEFT.box), ("place_in", "obj_2", RIGHT.box)]
    assert (plan.text, plan.sample.is_constrained) == (PLAN, True)
    assert plan.thinking_s > 0 and entities(backend.asked[0][0]) == [LEFT, RIGHT]


def test_an_unreadable_answer_is_asked_for_once_more_under_the_grammar():
    planner, backend = agent("Sure, I will!", PLAN, constrained=False)
    assert planner.plan("tidy up", observation()).calls
    assert [grammar is None for _, grammar in backend.asked] == [True, False]


@pytest.mark.parametrize(("constrained", "asked"), [(True, 1), (False, 2)])
def test_answers_that_stay_unreadable_become_a_refusal(constrained: bool, asked: int):
    planner, backend = agent(" pick(obj_1); pla", " pick(obj_1); pla", constrained=constrained)
    plan = planner.plan("tidy up", observation())
    assert (plan.calls, plan.refusal, plan.text) == ((), UNREADABLE, " pick(obj_1); pla")
    assert "closed by done()" in describe(plan) and len(backend.asked) == asked


def test_an_unknown_word_is_named_before_anything_is_asked():
    planner, backend = agent(PLAN, vocabulary=["put", "the", "red", "block"])
    plan = planner.plan("put the red blok", observation())
    assert plan.refusal == "I do not know the word 'blok'" and not backend.asked
    assert describe(plan) == "No: I do not know the word 'blok'. Did you mean 'block'? I know: block, put, red, the."


@pytest.mark.parametrize(("words", "refusal"), [
    ("grasp the red object", None), ("grasp the purple object", "I see no purple object"),
    ("stack the blue object on the green one", "I see no green object"), ("what is on the table?", None)])
def test_a_table_that_is_asked_about_is_not_asked_for_a_color_that_is_not_there(words: str, refusal: str | None):
    seen = (colored(LEFT, (200, 20, 20)), colored(RIGHT, (20, 20, 200)))
    for unclear, said in ((refuse, refusal), (None, None)):
        backend = ReplayBackend([" pick(obj_1); done()"], lambda _: seen, language=TAMP)
        plan = LanguageAgent(backend, unclear=unclear).plan(words, observation())
        assert plan.refusal == said and len(backend.asked) == (said is None)


class Numbered(ReplayBackend):
    """Learned instructions about obj_1, obj_2 .. alone."""

    names_by_number = True


SAYS = [' answer("A: The obj 1 is red."); done()', ' answer("A: The obj 2 is blue."); done()']


@pytest.mark.parametrize(("said", "plan", "refusal"), [
    (SAYS, " pick(obj_2); place_on(obj_1); done()", None),
    (SAYS[:1] * 2, None, "I cannot tell which thing is blue"),
    ([SAYS[1], ' answer("A: The obj 2 is blue."); done()'], None, "I cannot tell which thing is blue")])
def test_who_learned_numbers_alone_is_asked_of_what_color_each_thing_is(said, plan, refusal):
    seen = (colored(LEFT, (200, 20, 20)), colored(RIGHT, (20, 20, 200)))
    backend = Numbered([*said, *([plan] if plan else [])], lambda _: seen, language=TAMP,
                       vocabulary=["stack", "the", "obj_1", "on", "obj_2"])
    planned = LanguageAgent(backend).plan("stack the blue block on the red one", observation())
    asked = [prompt.segments[0].text for prompt, _ in backend.asked]
    assert planned.refusal == refusal and "the obj_2?" in asked[1]
    assert len(asked) == len(said) + (plan is not None)
    assert plan is None or "stack the obj_2 on the obj_1\n" in asked[2]
    juggled = LanguageAgent(backend).plan("juggle the red block", observation())
    assert juggled.refusal == "I do not know the word 'juggle'"


def test_its_answers_speak_of_things_as_they_were_asked_about():
    seen = (colored(LEFT, (200, 20, 20)), colored(RIGHT, (20, 20, 200)))
    backend = Numbered([*SAYS, ' answer("A: No, the obj 2 is not below the obj 1."); done()'], lambda _: seen,
                       language=TAMP)
    plan = LanguageAgent(backend).plan("is the blue block below the red one?", observation())
    assert plan.calls[0].arguments == ("A: No, the blue object is not below the red object.",)
    assert len(plan.samples) == 3  # the questions for colors were asked, too


@pytest.mark.parametrize(("words", "asked", "refusal"), [
    ("is the obj_1 red?", 2, "I know things by number, and 'red' names none here"),
    ("grasp the obj_1", 1, None)])
def test_colors_that_name_nothing_are_not_passed_on(words: str, asked: int, refusal: str | None):
    seen = (colored(LEFT, (200, 20, 20)), colored(RIGHT, (20, 20, 200)))
    backend = Numbered([*SAYS, "x"] if refusal else [" pick(obj_1); done()"], lambda _: seen, language=TAMP)
    assert LanguageAgent(backend).plan(words, observation()).refusal == refusal and len(backend.asked) == asked


MANY = [f"z{a}{b}" for a in "abcdefg" for b in "abcdefghijk"]


@pytest.mark.parametrize(("vocabulary", "says"), [
    ([*EXAMPLE.split(), *MANY[:70]], f"I know 77 words and understand, for example, '{EXAMPLE}'"),
    (MANY, "I know 77 words, such as "),
])
def test_a_refusal_does_not_list_every_word(vocabulary, says):
    planner, _ = agent(PLAN, vocabulary=vocabulary)
    hint = planner.plan("juggle", observation()).hint
    assert hint.startswith(says) and len(hint) < 120


@pytest.mark.parametrize(("instruction", "refusal"), [
    ("  \n", "the instruction is empty"), ("a " * 800, "the instruction has 1599 characters, the limit is 1000")])
def test_instructions_that_cannot_be_read_are_refused(instruction: str, refusal: str):
    planner, backend = agent(PLAN)
    assert planner.plan(instruction, observation()).refusal == refusal and not backend.asked


def test_nothing_in_sight_is_a_refusal():
    planner, _ = agent(PLAN, slots=())
    assert planner.plan("tidy up", observation()).refusal == NOTHING_IN_SIGHT


def test_a_prompt_beyond_the_model_is_a_refusal():
    planner, backend = agent()

    def complete(*_, **__) -> Sample:
        raise PromptTooLongError("the prompt has 900 tokens, the model takes 512")

    backend.complete = complete
    assert planner.plan("tidy up", observation()).refusal == TOO_LONG


def test_what_is_in_the_hand_is_remembered_from_the_pick():
    planner, backend = agent(" place_in(obj_1); done()")
    plan = planner.plan("tidy up", observation(FULL_HAND_M), [transition("pick", RIGHT, width_m=FULL_HAND_M)])
    prompt, grammar = backend.asked[0]
    assert entities(prompt)[-1] == RIGHT and "In hand: " in text_of(prompt)
    assert plan.calls[0].arguments[0].box == LEFT.box and "plan: free" in grammar


def test_the_last_failure_is_told():
    planner, backend = agent(PLAN)
    failed = transition("pick", LEFT, status="failed", reason="the gripper closed on nothing")
    planner.plan("tidy up", observation(), [failed])
    assert "Last: pick failed: the gripper closed on nothing." in text_of(backend.asked[0][0])


def test_a_crowd_is_cut_to_the_largest_objects():
    crowd = [slot(0.3 + 0.02 * j, area_px=j) for j in range(20)]
    planner, backend = agent(" done()", slots=crowd)
    assert planner.plan("tidy up", observation()).is_done
    assert {s.area_px for s in entities(backend.asked[0][0])} == set(range(20 - MAX_OBJECTS, 20))


def test_an_image_seeing_agent_points():
    backend = ReplayBackend([" pick(<loc_32><loc_0>); done()"], lambda _: [], scene=WHOLE_IMAGE)
    plan = LanguageAgent(backend).plan("tidy up", observation())
    assert plan.calls[0].arguments[0].pixel == (4, 0)
    assert [s.camera for s in backend.asked[0][0].segments if isinstance(s, Image)] == ["front"]


def test_it_closes_the_loop():
    planner, backend = agent(PLAN, PLAN, " done()")
    summary = play(ToyEnv(goal=3), planner, seed=0)
    assert (summary.end, summary.calls, summary.replans, len(backend.asked)) == ("done", 4, 2, 3)


RED, BLUE = colored(LEFT, (220, 20, 20)), colored(bowl(RIGHT), (20, 40, 210))
INSTRUCTION = "put the red block in the blue bowl"


def test_a_plan_against_the_words_is_asked_for_again_without_what_was_wrong():
    other = colored(slot(0.5, 0.0), (20, 150, 30))
    planner, backend = agent(" pick(obj_3); place_in(obj_1); done()", " pick(obj_2); place_in(obj_1); done()",
                             slots=(RED, BLUE, other), unclear=refuse)
    plan = planner.plan(INSTRUCTION, observation())
    assert [c.arguments[0].box for c in plan.calls] == [RED.box, BLUE.box]
    first, second = (grammar for _, grammar in backend.asked)
    assert 'grasping "obj_3' in first and 'grasping "obj_3' not in second


def test_plans_that_stay_against_the_words_become_a_refusal_of_the_first():
    planner, backend = agent(*WRONG, slots=(RED, BLUE), unclear=refuse)
    plan = planner.plan(INSTRUCTION, observation())
    assert plan.refusal == "I would only move the red block about"
    assert not plan.calls and len(backend.asked) == TRIES == len(WRONG)


def test_who_says_again_what_was_turned_down_is_not_asked_once_more():
    planner, backend = agent(*[ASIDE] * TRIES, slots=(RED, BLUE), unclear=refuse)
    assert planner.plan(INSTRUCTION, observation()).refusal and len(backend.asked) == 2


RIGHT_PLAN, ASIDE = " pick(obj_2); place_in(obj_1); done()", " pick(obj_2); put_down_beside(obj_1); done()"
WRONG = [ASIDE, " refuse(I see no bowl)", " pick(obj_1); place_in(obj_2); done()",
         " pick(obj_2); place_on(obj_1); done()", " done()"]


class Counting(ReplayBackend):
    """Each answer read ten tokens and wrote three, the end token among them."""

    def complete(self, prompt: Prompt, grammar: str | None, **settings) -> Sample:
        answer = super().complete(prompt, grammar, **settings)
        return replace(answer, token_ids=(1, 2, 3), prompt_tokens=10)


def test_a_plan_is_asked_for_with_the_seed_of_its_call_else_with_the_agents_own():
    replies = [" pick(obj_2); put_down_beside(obj_1); done()", " pick(obj_2); place_in(obj_1); done()"] * 2
    planner = LanguageAgent(Counting(replies, lambda _: (RED, BLUE)), seed=5)
    for given, seed in (({}, 5), ({"seed": 8}, 8)):
        assert [sample.seed for sample in planner.plan(INSTRUCTION, observation(), **given).samples] == [seed] * 2


@pytest.mark.parametrize(("replies", "settings", "tries"), [
    ([" pick(obj_2); place_in(obj_1); done()"], {"unclear": refuse}, 1),
    ([" pick(obj_2); put_down_beside(obj_1); done()", " pick(obj_2); place_in(obj_1); done()"], {"unclear": refuse}, 2),
    (WRONG, {"unclear": refuse}, TRIES),
    (["Sure, I will!", " pick(obj_2); place_in(obj_1); done()"], {"unclear": None, "constrained": False}, 2),
    (["Sure, I will!"] * 2, {"unclear": None, "constrained": False}, 2),
    (["Sure!", " pick(obj_2); put_down_beside(obj_1); done()", " pick(obj_2); place_in(obj_1); done()"],
     {"unclear": refuse, "constrained": False}, 3)])
def test_tokens_of_answers_that_were_turned_down_count(replies: list[str], settings: dict, tries: int):
    backend = Counting(replies, lambda _: (RED, BLUE))
    plan = LanguageAgent(backend, **settings).plan(INSTRUCTION, observation())
    assert len(backend.asked) == tries == len(plan.samples)
    assert (plan.prompt_tokens, plan.answer_tokens) == (10 * tries, 2 * tries)


class Drawing(ReplayBackend):
    """Gives its answers all at once where it is asked for several."""

    temperature = 1.0

    def draw(self, prompt: Prompt, grammar: str | None, count: int, *, max_new_tokens: int, seed: int) -> list[Sample]:
        return [self.complete(prompt, grammar, max_new_tokens=max_new_tokens, seed=seed) for _ in range(count)]


@pytest.mark.parametrize(("replies", "stands", "told"), [
    ([ASIDE, RIGHT_PLAN, ASIDE, RIGHT_PLAN], RIGHT_PLAN, [RIGHT_PLAN, ASIDE, ASIDE]),
    ([ASIDE] * 4, None, [ASIDE] * 4),
    (["pick(obj", ASIDE, RIGHT_PLAN, ASIDE], RIGHT_PLAN, [RIGHT_PLAN, "pick(obj", ASIDE, ASIDE])])
def test_of_several_answers_at_once_the_first_that_nothing_speaks_against_is_done(replies, stands, told):
    backend = Drawing(replies, lambda _: (RED, BLUE))
    plan = LanguageAgent(backend, draws=4).plan(INSTRUCTION, observation())
    stood = {ASIDE: 1, "pick(obj": 0}
    assert [(sample.text, sample.stood) for sample in plan.samples] == [(text, stood.get(text)) for text in told]
    assert (plan.text == stands and plan.calls) if stands else plan.refusal == "I would only move the red block about"


@pytest.mark.parametrize(("temperature", "asked"), [(1.0, 3), (0.0, TRIES)])
def test_how_often_is_asked_while_the_backend_samples_can_be_chosen(temperature, asked):
    backend = Drawing(WRONG, lambda _: (RED, BLUE))
    backend.temperature = temperature
    assert LanguageAgent(backend, tries=3).plan(INSTRUCTION, observation()).refusal and len(backend.asked) == asked


def test_who_does_not_sample_asks_one_by_one_and_who_is_not_judged_draws_one():
    backend = Drawing([RIGHT_PLAN], lambda _: (RED, BLUE))
    backend.temperature = 0.0
    assert LanguageAgent(backend, draws=4).plan(INSTRUCTION, observation()).calls and len(backend.asked) == 1
    with pytest.raises(ValueError, match="draws=4: expected 1 of a planner whose plans nobody judges"):
        LanguageAgent(backend, draws=4, unclear=None)


def test_what_was_not_understood_is_refused_before_the_model_is_asked():
    planner, backend = agent(slots=(RED, BLUE), unclear=refuse)
    plan = planner.plan("put the red block by the blue bowl", observation())
    assert plan.refusal == "I did not understand what to do with the red block" and not backend.asked


@pytest.mark.parametrize("spelled", [INSTRUCTION.upper(), "Put The Red Block In The Blue Bowl",
                                     f"  {INSTRUCTION}\u200b "])
def test_a_prompt_has_the_one_spelling(spelled: str):
    planner, backend = agent(" pick(obj_2); place_in(obj_1); done()", slots=(RED, BLUE), unclear=refuse)
    assert planner.plan(spelled, observation()).calls
    assert text_of(backend.asked[0][0]).lower().startswith(f"instruction: {INSTRUCTION}\n")


def test_long_words_are_not_quoted_in_part():
    planner, _ = agent(vocabulary=["put"])
    assert planner.plan("put " + "goldenta" * 6, observation()).refusal == "I only know plain English words"


@pytest.mark.parametrize(("calls", "reasons", "expected"), [
    (["find", "find"], ["I saw no mug anywhere"] * 2, "I saw no mug anywhere"),
    (["find"], ["I saw no mug anywhere"], None),  # it may have been overlooked
    (["find", "find"], ["I saw no mug anywhere", "the way is blocked"], None),
    (["go_to", "find"], ["I saw no mug anywhere"] * 2, None),
    (["pick", "pick"], ["the object slipped from the gripper"] * 2, None),  # what slipped may hold next time
])
def test_what_failed_twice_for_one_reason_is_not_begun_again(calls, reasons, expected):
    moment = observation()
    history = [Transition(moment, SkillCall(skill, ("mug",)), Outcome("failed", reason, 9.0), moment, 0.0, False, False)
               for skill, reason in zip(calls, reasons, strict=True)]
    assert in_vain(Plan((SkillCall(calls[-1], ("mug",)),)), history, KITCHEN) == expected
    assert in_vain(Plan((SkillCall("open_drawer"),)), history, KITCHEN) is None
    assert in_vain(Plan(()), history, KITCHEN) is None


def test_what_ran_out_of_time_twice_is_on_its_way():
    moment, call = observation(), SkillCall("push", ("push the red star to the blue cube",))
    outcome = Outcome("timeout", "the red star is still 1 cm short", 4.0)
    late = Transition(moment, call, outcome, moment, 0.0, False, False)
    assert in_vain(Plan((call,)), [late, late], BOARD) is None
    blocked = replace(late, outcome=Outcome("failed", "I see no red star", 0.1))
    assert in_vain(Plan((call,)), [blocked, blocked], BOARD) == "I see no red star"


def pushed(words, status="done"):
    moment = observation()
    return Transition(moment, SkillCall("push", (words,)), Outcome(status, "why", 1.0), moment, 0.0, False, False)


@pytest.mark.parametrize(("text", "history", "asked"), [
    ("sort the blocks", [], None),
    ("sort the blocks", [("push the red star up", "done")], {"push the red star up"}),
    ("sort the blocks", [("push the red star up", "done"), ("push the red moon up", "done")], None),
    ("sort the blocks", [("push the red star up", "timeout")], None),
    ("sort the blocks", [("push the red star up", "failed"), ("push the red moon up", "done")],
     {"push the red star up", "push the red moon up"}),
    ("sort the blocks", [("push the red star up", "refused"), *[("push the red moon up", "done")] * 4], None)])
def test_what_was_just_done_or_failed_of_late_is_not_begun_again(text, history, asked):
    plan, other, barred = Plan((SkillCall("push", ("push the red star up",)),)), Plan(()), []

    def ask(without):
        barred.append(set(without.texts))
        return other

    found = another(plan, text, [pushed(*step) for step in history], BOARD, ask)
    assert barred == ([] if asked is None else [asked])
    assert found.calls == (plan.calls if asked is None else ())


def test_what_named_things_alone_can_ask_for_is_left_as_it_failed():
    plan = Plan((SkillCall("push", ("push the red star to the blue cube",)),))
    other = Plan((SkillCall("push", ("push the red moon to the blue cube",)),))
    text, history = "push the red star to the blue cube", [pushed("push the red star to the blue cube", "failed")]
    assert another(plan, text, history, BOARD, lambda _: other) is plan
    assert another(plan, "push them together", history, BOARD, lambda _: other).calls == other.calls
