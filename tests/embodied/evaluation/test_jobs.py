"""Episodes are judged from outside, resumed after a kill, and dealt evenly over tasks."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from embodied.agents.backends.replay import ReplayBackend
from embodied.data.pool import Result
from embodied.evaluation import policies
from embodied.evaluation.episode import EpisodeRecorder, EpisodeRunner, EpisodeSpec, describe, reads
from embodied.evaluation.jobs import STRIDE, EvaluationJob, run_jobs
from embodied.evaluation.ledger import Ledger
from embodied.evaluation.suites import episode_seeds
from embodied.planning.closed_loop import run
from embodied.planning.language import Plan
from envs.interface import SEED_RANGES, Box, Referent, SkillCall
from envs.skills.signatures import TABLETOP
from tests.embodied.evaluation.fakes import TASKS, record
from tests.embodied.planning.scenes import ToyEnv, slot

SPEC = EpisodeSpec("model", TASKS, 2_000_000, "weights")
RED, BOWL = Box((0.5, -0.2, 0.02), (0.04, 0.04, 0.04)), Box((0.5, 0.2, 0.02), (0.13, 0.13, 0.04))


def test_test_seeds_are_dealt_evenly():
    seeds = episode_seeds("test", 0, 200)
    assert set(seeds) <= set(SEED_RANGES["test"]) and len(seeds) == 200
    assert set(Counter(SPEC.task_of(s) for s in seeds).values()) == {40}


@pytest.mark.parametrize(("split", "first", "count"), [("test", 0, 0), ("tset", 0, 5), ("test", 999_999, 5)])
def test_there_are_no_such_seeds(split, first, count):
    with pytest.raises(ValueError, match="expected"):
        episode_seeds(split, first, count)


def test_an_evaluation_goes_on_where_it_stopped(tmp_path):
    seeds, played = episode_seeds("test", 0, 6), []

    def some(make, kwargs, todo):
        played.extend(t % STRIDE for t in todo)
        return [Result(t, value=record(t % STRIDE, success=True)) if t % 2 else Result(t, error="Boom: it broke")
                for t in todo]

    def job(count):
        return [EvaluationJob(SPEC, seeds[:count], tmp_path / "a.jsonl")]

    [first] = run_jobs(job(3), map_seeds=some, weights_sha256="x")
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write('{"seed": 2000003, "torn')  # a kill in the middle of a line
    [whole] = run_jobs(job(6), map_seeds=some, weights_sha256="x")
    assert played == list(seeds) and whole[:3] == first
    assert [r["seed"] for r in whole] == list(seeds)
    assert whole[0]["success"] is False and whole[0]["attribution"] == {"component": "other",
                                                                        "reason": "Boom: it broke"}


def test_jobs_keep_their_records_apart(tmp_path):
    def some(make, kwargs, keys):
        names = [a["policy"] for a in kwargs["specs"]]
        return [Result(t, value=record(t % STRIDE, success=True, policy=names[t // STRIDE])) for t in keys[::-1]]

    specs = [replace(SPEC, policy=c) for c in ("model", "blind")]
    jobs = [EvaluationJob(a, range(2_000_000, 2_000_003), tmp_path / a.policy) for a in specs]
    model, blind = run_jobs(jobs, map_seeds=some, weights_sha256="x")
    assert {r["policy"] for r in model} == {"model"} and {r["policy"] for r in blind} == {"blind"}
    assert [r["seed"] for r in blind] == [2_000_000, 2_000_001, 2_000_002]


def test_results_of_another_run_are_not_mixed_in(tmp_path):
    Ledger(tmp_path / "a.jsonl", {"weights_sha256": "x"}).add({"seed": 1})
    with pytest.raises(ValueError, match="weights_sha256"):
        Ledger(tmp_path / "a.jsonl", {"weights_sha256": "y"})
    assert Ledger(tmp_path / "a.jsonl", {"weights_sha256": "x"}).records == [{"seed": 1}]


class Watched(ToyEnv):
    """A toy whose truth can be asked for."""

    def attribution_view(self):
        left = [("pick", "red block"), ("place_in", "blue bowl")][len([c for c in self.calls]):]
        return {"names": ["red block", "blue bowl"], "boxes": {"red block": RED, "blue bowl": BOWL}, "held": None,
                "wanted": left}


class Fixed:
    """A planner that always says the same, and is told nothing but observations."""

    def __init__(self, *calls: SkillCall):
        self.calls, self.decoded = calls, []

    def plan(self, instruction, observation, history=()):
        self.decoded.append(observation.entities)
        return Plan(self.calls if not history else ())


def test_a_judged_episode_is_plain_json_and_tells_the_planner_nothing():
    env, planner = Watched(), Fixed(SkillCall("pick", (Referent("obj_1", box=BOWL),)))
    recorder = EpisodeRecorder(planner, env, None)
    steps = []
    for step in run(env, recorder, seed=1):
        recorder.saw(step)
        steps.append(step)
    found = json.loads(json.dumps(describe(steps, recorder), allow_nan=False))
    assert found["success"] is False and found["attribution"]["component"] == "planning"
    assert found["calls"][0]["arguments"] == ["obj_1"] and found["end"] == "done"
    assert all(not entities for entities in planner.decoded)


def test_a_won_episode_blames_nobody():
    env, planner = Watched(), Fixed(SkillCall("pick", (Referent("obj_1", box=RED),)),
                                    SkillCall("place_in", (Referent("obj_2", box=BOWL),)))
    recorder = EpisodeRecorder(planner, env, None)
    steps = list(run(env, recorder, seed=1))
    assert describe(steps, recorder)["success"] is True and describe(steps, recorder)["attribution"] is None


def test_a_text_is_read_against_what_was_in_the_scene():
    assert reads("pick(obj_2); done()", TABLETOP, {"obj_1", "obj_2"}, 0)
    assert not reads("pick(obj_3); done()", TABLETOP, {"obj_1", "obj_2"}, 0)
    assert not reads("I would pick obj_1", TABLETOP, {"obj_1"}, 64)


@pytest.mark.parametrize(("policy", "is_constrained", "is_judged"), [
    ("model", True, True), ("unconstrained", False, False), ("blind", True, False), ("shuffled", True, False)])
def test_only_the_model_itself_is_judged(monkeypatch, policy: str, is_constrained: bool, is_judged: bool):
    """Who decodes freely shows what the model is worth alone: nobody turns its plans down, or asks again for others."""
    perceive = ReplayBackend([" done()"], lambda _: [slot(0.4, 0.2)])
    monkeypatch.setattr(policies, "model_backend", lambda *_: perceive)
    planner, _ = policies.PolicyFactory(policy, "shipped", ToyEnv).planner(2_000_000, ToyEnv())
    assert (planner.constrained, planner.unclear is not None) == (is_constrained, is_judged)


def test_a_player_is_made_from_plain_values():
    assert EpisodeRunner(SPEC).spec.task_of(2_000_006) == TASKS[1]
