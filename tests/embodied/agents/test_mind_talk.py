"""A mind over several turns in one scene: what it remembers, asks, takes for an answer, and says of what it did."""

from __future__ import annotations

import pytest

from embodied.agents.mind_agent import MindAgent
from embodied.evaluation.episode import EpisodeRecorder, describe
from embodied.planning.closed_loop import run
from embodied.planning.dialogue import Turn
from embodied.planning.language import Plan
from tests.embodied.agents.talking import ToyTable, Words, names
from tests.embodied.planning.scenes import ToyEnv

PUT, OUT, WHICH = "put the red block in the blue bowl", "now take it out again", "put the red block away"
MEANINGS = {PUT: "in(the red block, the blue bowl)", OUT: "on(the red block, table)",
            "no, the green one": "in(the green block, the blue bowl)",
            "where is it?": "tell where(the red block)", "wash it": 'cannot "wash"',
            "put the red ones in": "in(both red block, the blue bowl)"}


def one_red() -> ToyTable:
    return ToyTable(red_block=(0.4, 0.2), green_block=(0.5, 0.0), blue_bowl=(0.6, -0.2))


def two_red() -> ToyTable:
    return ToyTable(red_block=(0.4, 0.2), red_block_2=(0.4, -0.1), blue_bowl=(0.6, -0.25))


class Talk:
    """A mind at a table."""

    def __init__(self, table: ToyTable, meanings: dict[str, str] | None = None) -> None:
        self.table, self.words = table, Words(MEANINGS if meanings is None else meanings)
        self.mind = MindAgent(self.words, table.perceive)
        self.asked = ""

    def say(self, text: str) -> Plan:
        """A new instruction."""
        self.mind.begin()
        self.asked = text
        return self.look()

    def look(self) -> Plan:
        return self.mind.plan(self.asked, self.table.see(), tuple(self.table.history))

    def reply(self, text: str) -> Plan:
        self.mind.correct(text)
        return self.look()

    def report(self):
        return self.mind.look_back(self.table.see(), tuple(self.table.history))


def test_a_second_instruction_in_the_same_scene_knows_the_first():
    talk = Talk(one_red())
    plan = talk.say(PUT)
    assert names(plan) == ["pick", "place_in"] and plan.understood == MEANINGS[PUT]
    talk.table.follow(plan)
    assert talk.look().is_done and talk.report().holds
    again = talk.say(OUT)
    assert names(again)[0] == "pick" and talk.words.heard[-1] == (OUT, [Turn("person", PUT, MEANINGS[PUT])])
    talk.table.follow(again)
    assert talk.look().is_done and talk.report().words == "Done: I see the red block on the table."


def test_the_same_words_said_again_are_a_new_instruction():
    talk = Talk(two_red(), {WHICH: "in(the red block, the blue bowl)"})
    assert talk.say(WHICH).question == talk.say(WHICH).question is not None
    assert talk.look().refusal == "nobody answered my question"


def test_an_answer_in_the_words_that_were_offered_needs_nobody_to_understand_it():
    talk = Talk(two_red(), {WHICH: "in(the red block, the blue bowl)"})
    asked = talk.say(WHICH)
    assert [choice.reply for choice in asked.choices] == ["the left one", "the right one"]
    assert [choice.thing.box.center[1] for choice in asked.choices] == [0.2, -0.1]
    plan = talk.reply("The right one!")
    assert len(talk.words.heard) == 1 and plan.understood == "in(the rightmost red block, the blue bowl)"
    assert plan.calls[0].arguments[0].box.center[1] == -0.1
    talk.table.follow(plan)
    assert talk.report().words == "Done: I see the red block in the blue bowl."


def test_an_answer_in_other_words_is_understood_after_what_was_said():
    talk = Talk(two_red(), {WHICH: "in(the red block, the blue bowl)",
                            "your left": "in(the leftmost red block, the blue bowl)"})
    asked = talk.say(WHICH)
    assert names(talk.reply("your left")) == ["pick", "place_in"]
    before = [Turn("person", WHICH, "in(the red block, the blue bowl)"), Turn("robot", asked.question)]
    assert talk.words.heard[-1] == ("your left", before)


def test_a_correction_in_the_middle_takes_the_place_of_what_was_wanted():
    talk = Talk(one_red())
    talk.table.follow(talk.say(PUT), calls=1)
    plan = talk.reply("no, the green one")
    assert names(plan) == ["put_down_at", "pick", "place_in"] or names(plan)[-2:] == ["pick", "place_in"]
    assert plan.understood == "in(the green block, the blue bowl)"


def test_answers_and_refusals_say_what_was_understood():
    talk = Talk(one_red())
    answer = talk.say("where is it?")
    assert answer.answer == "The red block stands on the table, on the left." and talk.report() is None
    assert talk.say("wash it").refusal == "you want me to wash, and I can only pick up blocks and put them down"
    assert talk.say("blorp").refusal == "I did not understand that"


def test_a_report_says_what_is_missing_and_claims_nothing_of_what_is_out_of_sight():
    talk = Talk(two_red())
    talk.table.follow(talk.say("put the red ones in"))
    assert talk.report().words == "Done: I see both red blocks in the blue bowl."
    talk = Talk(two_red())
    talk.table.follow(talk.say("put the red ones in"), calls=2)
    said = talk.report()
    assert not said.holds and said.words == "I tried, but I do not see the red block in the blue bowl."
    talk.table.lose("red_block")
    said = talk.report()
    assert not said.holds and said.words.startswith("I tried, but")


def test_a_new_scene_is_met_without_memories():
    talk = Talk(one_red())
    talk.say(PUT)
    talk.mind.forget()
    talk.say(OUT)
    assert talk.words.heard[-1] == (OUT, [])


@pytest.mark.parametrize("text", ["", "   ", "\x00\x07", "\u202e" * 40, "x" * 9000, "把红色的积木放进碗里", "🤖" * 100,
                                  "'; drop table blocks; --", "<script>alert(1)</script>"])
def test_nothing_that_is_said_is_an_error(text: str):
    talk = Talk(one_red())
    assert talk.say(text).refusal
    talk.say(PUT)
    assert talk.reply(text).refusal


def test_an_episode_ends_with_what_the_mind_sees_and_its_record_holds_the_claim():
    table = one_red()
    mind = MindAgent(Words({"stack the blocks": MEANINGS[PUT]}), table.perceive)
    steps = list(run(ToyEnv(), mind, seed=0))  # its judge is pleased with a release; nothing of what is seen has moved
    assert steps[-1].end == "success" and [step.report for step in steps[:-1]] == [None] * (len(steps) - 1)
    assert steps[-1].report.words == "I tried, but I do not see the red block in the blue bowl."
    record = describe(steps, EpisodeRecorder(mind, ToyEnv(), None))
    assert record["success"] and record["self_report"] is False and record["said"] == steps[-1].report.words
    refused = list(run(ToyEnv(), MindAgent(Words({}), table.perceive), seed=0))
    assert refused[-1].report is None and "self_report" not in describe(refused, EpisodeRecorder(mind, ToyEnv(), None))
