"""Slots of what lies on the furniture before which a robot on wheels stands, in the kitchen itself; and that a planner
is shown the same when it acts as when it learned."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from embodied.data.detections import ViewDetections
from embodied.data.episodes import Act, view_of
from embodied.data.remembering import Remembering
from embodied.models.furniture import CROP_SIZE, look
from embodied.models.looking import EYES
from embodied.planning.memory import recall
from embodied.training.perception import name_look
from envs.interface import Observation, Outcome, SkillCall, Transition
from envs.skills.signatures import KITCHEN
from envs.tasks.kitchen import predicates


@pytest.fixture(scope="module")
def episode():
    """Views, their acts, and the transitions of the same calls: three places, the drawer, and a thing picked."""
    env = gymnasium.make("envs:embodied/Kitchen-v0", labels=1)
    raw, info = env.reset(seed=11)
    world, names = env.unwrapped.world, env.unwrapped.scene.names
    there = {place: {n for n in names if predicates.where(world, n) == place}
             for place in ("near counter", "far counter", "table", "drawer")}
    first = next(name for name in names if predicates.where(world, name) == "table")
    views, acts, transitions = [view_of(raw, info["labels"])], [], []
    for skill, *words in (("go_to", "near counter"), ("go_to", "far counter"), ("go_to", "drawer"), ("open_drawer",),
                          ("go_to", "bin"), ("find", first), ("pick", first), ("go_to", "near counter")):
        before, call = raw, SkillCall(skill, tuple(words))
        raw, reward, *_, info = env.step(env.unwrapped.encode(call))
        outcome = Outcome(**info["outcome"])
        views.append(view_of(raw, info["labels"]))
        acts.append(Act(skill, tuple(words), "expert", outcome.status, outcome.reason, outcome.duration_s))
        transitions.append(Transition(Observation.from_dict(before), call, outcome, Observation.from_dict(raw), reward,
                                      False, False))
    env.close()
    return views, acts, transitions, there, first


def test_each_thing_is_one_slot_and_nothing_else_is(episode):
    views, _, _, there, _ = episode
    for place, view in (("near counter", views[1]), ("far counter", views[2]), ("drawer", views[4])):
        seen = name_look(EYES["furniture"], view)
        assert sorted(map(str, seen.names)) == sorted(there[place]) and seen.look.place == place
        assert all(slot.crop.shape == (CROP_SIZE, CROP_SIZE, 3) and slot.crop.any() for slot in seen.slots)
        assert all(-0.7 < slot.box.center[0] < 0.4 and abs(slot.box.center[2]) < 0.2 for slot in seen.slots)


def test_a_shut_drawer_shows_nothing_and_an_open_one_says_so(episode):
    views = episode[0]
    assert look(views[3].observation).slots is None and look(views[3].observation).is_open is False
    assert look(views[4].observation).is_open is True
    assert look(views[5].observation).place == "bin" and look(views[0].observation).place is None


def test_what_is_learned_from_is_what_is_seen_when_it_acts(episode):
    """The memory of the recorded views is that of the episode itself, place for place and step for step."""
    views, acts, transitions, _, first = episode
    memory = Remembering()
    for number, view in enumerate(views):
        detected: ViewDetections = memory.after(view, acts[number - 1] if number else None,
                                                name_look(EYES["furniture"], view))
        now = recall(look, view.observation, transitions[:number], KITCHEN)
        kept = memory.memory
        assert (now.here, now.looked, now.is_open, now.steps, now.held) == (
            kept.here, kept.looked, kept.is_open, kept.steps, kept.held)
        assert [slot.place for slot in now.things] == [slot.place for slot in detected.slots]
        np.testing.assert_allclose([s.box.center for s in now.things], [s.box.center for s in detected.slots])
    assert now.held == first and first not in detected.names and "table" in now.looked
