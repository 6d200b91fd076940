"""PaLM-E's questions: the judge, the counts, and what is asked of whom. The world is the real one."""

import math
from dataclasses import replace

import gymnasium
import pytest

from embodied.agents.eyes import true_eyes
from embodied.agents.judgement import chance_of_yes
from embodied.data.pool import map_seeds
from embodied.data.queries import gist_of_words
from embodied.evaluation import policies
from embodied.evaluation.palm_e.asking import ACTED, STILL, Asker, AskSpec
from embodied.evaluation.palm_e.rows import BASELINES, ask_rows, check_free, rows_of, summarise
from embodied.evaluation.palm_e.tables import calibration, f1, f1_of, halves, majority_of, per_task, share
from embodied.planning.language import Plan, words_said
from embodied.planning.perception import nearest_slot
from envs.interface import SEED_RANGES, Observation, SkillCall
from envs.skills.signatures import TAMP
from tests.embodied.agents.test_judgement import Sure
from tests.embodied.planning.scenes import observation

FIRST = SEED_RANGES["test"].start
ENV = {"image_size": 48}


def answer(family, truth, right):
    return {"family": family, "truth": truth, "right": right, "said": "", "plan_s": 0.01}


def test_the_label_itself_is_right_of_every_family():
    still = Asker(AskSpec("oracle", "", STILL, env=ENV))
    asked = [found for seed in range(FIRST, FIRST + 8) for found in still.ask(seed)["asked"]]
    assert {found["family"] for found in asked} == set(STILL) and all(found["right"] for found in asked)
    acted = Asker(AskSpec("oracle", "", ACTED, env=ENV))
    asked = [found for seed in range(FIRST, FIRST + 8) for found in acted.ask(seed)["asked"]]
    assert {found["family"] for found in asked} == set(ACTED) and all(found["right"] for found in asked)
    assert {found["truth"] for found in asked} == {"A: Yes.", "A: No."}


def test_every_other_answer_is_wrong():
    """The right answer to another question, another plan, words in the place of a plan, nothing at all."""
    env = gymnasium.make("envs:embodied/Tamp-v0", naming="index", questions=list(STILL), labels=48, **ENV)
    for seed in range(FIRST, FIRST + 4):
        asks = env.reset(seed=seed)[1]["labels"]["asks"]
        unwrapped = env.unwrapped
        for query in asks:
            right = unwrapped.expert_answer(query)
            assert unwrapped.is_right(query, right)
            assert not unwrapped.is_right(query, "") and not unwrapped.is_right(query, "I do not know.")
            if query["is_question"]:
                assert not unwrapped.is_right(query, []) and not unwrapped.is_right(query, flipped(right))
            else:
                assert not unwrapped.is_right(query, query["answer"]) and bool(right) != unwrapped.is_right(query, [])
                assert not right or not unwrapped.is_right(query, right[1:])
    env.close()


def flipped(text: str) -> str:
    """An answer of the same family that is not the same."""
    for one, other in (("Yes", "No"), ("No", "Yes"), ("left", "right"), ("right", "center"), ("center", "left")):
        if one in text:
            return text.replace("not ", "").replace(one, other)
    return "A: It is red." if "red" not in text.split(" is ")[-1] else "A: It is blue."


class Yes:
    """Says yes to everything, and knows of another scene, which the factory of it looked at first."""

    def __init__(self, policy, weights, gallery, world):
        gallery().reset(seed=FIRST + 99)

    def planner(self, seed, env):
        return self, None

    def plan(self, instruction, observation, history):
        self.heard = history
        return Plan((SkillCall("answer", ("A: Yes.",)),))


def test_an_answer_is_judged_in_the_scene_that_was_asked_about(monkeypatch):
    monkeypatch.setattr("embodied.evaluation.palm_e.asking.PolicyFactory", Yes)
    asker, told = Asker(AskSpec("shuffled", "", STILL, env=ENV)), Asker(AskSpec("oracle", "", STILL, env=ENV))
    asked, right = asker.ask(FIRST)["asked"], told.ask(FIRST)["asked"]
    assert asker.env.unwrapped.world.names() == told.env.unwrapped.world.names()
    assert [found["family"] for found in asked] == [found["family"] for found in right]
    words = [[gist_of_words(found["truth"]) for found in said if found["family"] not in ("grasp", "build")]
             for said in (asked, right)]
    assert words[0] == words[1]
    assert not any("obj_" in found["truth"] for found in asked if found["family"] != "color")  # as it was asked
    yes_no = [found for found in asked if found["truth"].startswith(("A: Yes", "A: No"))]
    assert yes_no and all(found["right"] == found["truth"].startswith("A: Yes") for found in yes_no)
    assert not any(found["right"] for found in asked if found not in yes_no)


def test_what_a_controller_says_of_the_last_call_is_not_told_where_that_is_asked(monkeypatch):
    monkeypatch.setattr("embodied.evaluation.palm_e.asking.PolicyFactory", Yes)
    asker, heard = Asker(AskSpec("model", "", ACTED, env=ENV)), []
    for seed in range(FIRST, FIRST + 8):
        asker.ask(seed)
        heard.append(asker._factory.heard)
    assert any(heard) and all(history[-1].outcome.status == "done" for history in heard if history)


def test_only_words_of_a_plan_are_words():
    said = Plan((SkillCall("answer", ("A: Yes.",)),))
    assert words_said(said, TAMP) == "A: Yes." and words_said(Plan((), answer="two"), TAMP) == "two"
    assert words_said(Plan(()), TAMP) is None
    assert words_said(Plan((SkillCall("answer", ("A: Yes.",)), SkillCall("home", ()))), TAMP) is None


def test_rates_f1_and_the_constant_answer():
    yes, no = "A: Yes, the red object is below the blue object.", "A: No, the red object is not below the blue object."
    records = [{"asked": [answer("below", yes, True), answer("affordance", "A: No.", True)]},
               {"asked": [answer("below", yes, False), answer("affordance", "A: No.", False)]},
               {"asked": [answer("below", no, True), answer("affordance", "A: Yes.", True)]},
               {"asked": [answer("grasp", "A: First grasp the red object.", True),
                          answer("affordance", "A: Yes.", False), answer("affordance", "A: Yes.", True)]}]
    found = per_task(records)
    assert found["q3"]["success_rate"] == pytest.approx(2 / 3, abs=1e-6) and found["q3"]["n"] == 3
    assert found["p1"] == share([{"right": True}]) and "q1" not in found
    judged = found["affordance"]
    assert (judged["n"], judged["f1"], judged["precision"], judged["recall"]) == (4, 0.5, 0.5, 0.5)
    low, high = judged["ci95"]
    assert 0.0 <= low <= 0.5 <= high <= 1.0
    assert majority_of(records, ("below", "grasp"))["q3"]["success_rate"] == pytest.approx(2 / 3, abs=1e-6)
    assert f1_of(records, constant=True)["affordance"]["f1"] == pytest.approx(2 / 3, abs=1e-6)
    assert "p1" not in majority_of(records, ("below", "grasp"))


def test_as_many_failures_are_counted_as_successes():
    answers = [answer("failure", "A: Yes.", True)] * 7 + [answer("failure", "A: No.", True)] * 3
    assert len(halves(answers)) == 6 and f1(halves(answers))["f1"] == 1.0
    silent = [answer("failure", "A: Yes.", False), answer("failure", "A: No.", False)]
    assert f1(silent)["f1"] == 0.0, "who says neither is wrong both ways"
    assert f1_of([{"asked": answers[:7]}]) == {}, "nothing failed: there is nothing to count"


def test_rows_are_asked_once_and_counted_by_size(tmp_path):
    rows = rows_of(["model", "oracle"], "nowhere", ENV, (5, 6), range(FIRST, FIRST + 3), range(FIRST, FIRST + 2),
                   range(FIRST, FIRST + 1), 2)
    names = [row.name for row in rows]
    assert names == ["model-still-3-5", "model-acted-3-5", "oracle-still-3-5", "oracle-acted-3-5", "model-still-6"]
    assert [len(row.seeds) for row in rows] == [3, 2, 2, 2, 1]
    assert rows[-1].spec.env["min_objects"] == rows[-1].spec.env["max_objects"] == 6
    oracles, asked = [row for row in rows if row.spec.policy == "oracle"], []
    for _ in range(2):
        records = ask_rows(oracles, tmp_path, "abc", lambda *args: map_seeds(*args, workers=0), lambda: asked.append(1))
    assert len(asked) == 8 and len(records["oracle-still-3-5"]) == 2
    result = summarise({**records, "model-still-3-5": records["oracle-still-3-5"],
                        "model-still-6": records["oracle-still-3-5"]}, (5, 6))
    assert set(result["objects"]) == {"3-5", "6"} and result["per_task"]["p1"]["success_rate"] == 1.0
    assert set(result["baselines"]) == {"oracle", "majority"} and "oracle" in BASELINES
    check_free(oracles, tmp_path, "abc")
    with pytest.raises(ValueError, match="results of another run"):
        check_free(oracles, tmp_path, "other weights")


def test_calibration_is_the_gap_between_what_was_told_and_what_was_so():
    right, wrong = answer("failure", "A: Yes.", True), answer("failure", "A: No.", False)
    other = answer("affordance", "A: No.", True)
    told = [{**one, "p_yes": chance} for one, chance in ((right, 0.95),) * 3 + ((wrong, 0.95), (other, 0.0))]
    asked = [{"asked": [*told, other]}]
    found = calibration(asked)
    assert found["failure"]["ece"] == pytest.approx(0.2) and found["failure"]["n"] == 4
    assert found["failure"]["brier"] == pytest.approx((3 * 0.05**2 + 0.95**2) / 4)
    assert found["affordance"] == {"ece": 0.0, "brier": 0.0, "n": 1}
    assert calibration([{"asked": [answer("failure", "A: No.", True), answer("color", "A: red.", True)]}]) == {}


def test_what_a_planner_says_is_weighed_behind_the_factory_too(monkeypatch):
    """The backend that a planner is given there listens to another one, which tells probabilities."""
    backend = Sure([], lambda _: (), language=TAMP)
    monkeypatch.setattr(policies, "model_backend", lambda *_: backend)
    planner, _ = policies.PolicyFactory("model", "x/y", lambda: None).planner(0, None)
    assert chance_of_yes(planner, "Was grasp the red object successful?", observation()) == pytest.approx(0.75)


def test_the_simulators_masks_are_those_of_the_moment_that_is_looked_at():
    asker, picked = Asker(AskSpec("oracle", "", ACTED, env={**ENV, "image_size": 96})), 0
    for seed in range(FIRST, FIRST + 6):
        raw, _, history = asker._scene(seed)
        perceive = true_eyes(asker._labels)
        assert perceive(Observation.from_dict(raw))
        for made in history:
            if made.call.skill == "pick":
                meant = made.call.arguments[0].box
                assert math.dist(nearest_slot(perceive(made.before), meant).box.center, meant.center) < 0.02
                picked += 1
    assert picked > 2
    with pytest.raises(KeyError):
        perceive(replace(Observation.from_dict(raw), time_s=-1.0))
