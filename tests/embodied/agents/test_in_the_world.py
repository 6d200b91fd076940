"""Agents in the real environment, with borrowed eyes (true boxes): words to slots or pixels to motions to success."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from embodied.agents.backends.replay import ReplayBackend
from embodied.agents.baselines import RandomPlanner
from embodied.agents.language_agent import LanguageAgent
from embodied.agents.oracle import OraclePlanner
from embodied.planning.closed_loop import play, run
from embodied.planning.language import Plan, locations_of, object_names, write
from embodied.planning.perception import order_largest
from embodied.planning.scene import OBJECTS, WHOLE_IMAGE, SceneEncoder
from embodied.prompt import Sample, Slot
from envs.interface import Box, Observation, Referent, SkillCall
from envs.skills.signatures import TABLETOP


@pytest.fixture(scope="module")
def env():
    made = gymnasium.make("envs:embodied/PutInBowl-v0", image_size=128, privileged=True)
    yield made
    made.close()


def true_slots(seen: Observation) -> list[Slot]:
    """A slot for each entity, where it truly is."""
    crop = np.zeros((8, 8, 3), np.uint8)
    return [Slot(crop, Box(tuple(map(float, e[:3])), tuple(map(float, e[7:10])))) for e in seen.entities.values()]


class Ventriloquist(ReplayBackend):
    """Says what the expert would, in the words of the prompt: names of slots, or locations in the image."""

    def __init__(self, env: gymnasium.Env, scene: SceneEncoder) -> None:
        super().__init__([], true_slots, scene=scene)
        self._env = env

    def perceive(self, observation: Observation) -> list[Slot]:
        self.seen = observation
        return super().perceive(observation)

    def complete(self, prompt, grammar, *, max_new_tokens: int, seed: int) -> Sample:
        expert = self._env.unwrapped.expert_plan()
        calls = tuple(SkillCall(c.skill, (Referent(self._name(c.arguments[0].box)),)) for c in expert)
        return Sample(" " + write(Plan(calls)), prompt, grammar)

    def _name(self, box: Box) -> str:
        if not self.scene.finds_objects:
            camera, height_px = self.camera, self.height_px
            column, row = camera.project(np.array([*box.center[:2], box.top_z_m]))
            return locations_of((int(column), int(row)), height_px, height_px)
        slots = order_largest(true_slots(self.seen))
        far = [np.linalg.norm(np.subtract(s.box.center, box.center)) for s in slots]
        return object_names(len(slots))[int(np.argmin(far))]


@pytest.mark.parametrize("scene", [OBJECTS, WHOLE_IMAGE])
def test_words_become_motions_that_succeed(env, scene: SceneEncoder):
    backend = Ventriloquist(env, scene)
    first = Observation.from_dict(env.reset(seed=1)[0])
    backend.camera, backend.height_px = first.cameras[TABLETOP.cameras[0]], first.rgb[TABLETOP.cameras[0]].shape[0]
    summary = play(env, LanguageAgent(backend), seed=1)
    assert summary.is_success and summary.end == "success", summary


def test_the_oracle_succeeds(env):
    assert play(env, OraclePlanner(env), seed=2).is_success


def test_random_plans_run_to_an_end_without_a_crash(env):
    planner = RandomPlanner(ReplayBackend([], true_slots), np.random.default_rng(0))
    steps = list(run(env, planner, seed=3, max_calls=4))
    assert steps[-1].end is not None and all(s.transition for s in steps)


def test_the_same_seed_gives_the_same_episode(env):
    episodes = [[s.transition for s in run(env, OraclePlanner(env), seed=4)] for _ in range(2)]
    for one, other in zip(*episodes, strict=True):
        assert one.call == other.call and one.outcome == other.outcome
        assert all(np.array_equal(one.after.rgb[c], other.after.rgb[c]) for c in one.after.rgb)
