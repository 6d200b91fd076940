"""Tools that cannot rise, tools alone, orders in words, and things by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embodied.agents.oracle import OraclePlanner
from embodied.planning.closed_loop import run, summarize
from envs.foreign.adapter import ForeignEnv
from envs.foreign.description import TOOL, Reading
from envs.foreign.detour import detour
from envs.foreign.skills import Hand, move_to
from envs.foreign.words import instructions, ordered
from envs.interface import Box, Referent, SkillCall
from tests.envs.foreign.flat import Flat
from tests.envs.foreign.plain import Plain

DISC = (0.03,) * 3
SEEN = Reading(np.array([0.2, 0.0, 0.02]), 0.0, {"red disc": Box((0.0, 0.0, 0.02), DISC),
                                                 "blue disc": Box((0.1, 0.0, 0.02), DISC)}, {})


@pytest.fixture
def env() -> ForeignEnv:
    env = ForeignEnv(Flat(), image_size=16)
    env.reset(seed=3)
    return env


def call(env: ForeignEnv, skill: str, *arguments: object) -> dict:
    return env.step(env.encode(SkillCall(skill, arguments)))[-1]["outcome"]


def test_a_tool_that_cannot_rise_goes_around_and_pushes():
    wins = 0
    for seed in range(10):
        env = ForeignEnv(Flat(), image_size=16)
        wins += summarize(list(run(env, OraclePlanner(env), seed=seed))).is_success
    assert wins == 10


def test_the_way_around_keeps_clear_of_things():
    corners = detour(SEEN, np.array([-0.1, 0.0]))
    way = np.concatenate([np.linspace(a, b, 50) for a, b in zip([SEEN.tool_m[:2], *corners], corners, strict=False)])
    assert np.allclose(corners[-1], (-0.1, 0.0)) and len(corners) > 1
    for box in SEEN.objects.values():
        assert np.linalg.norm(way - box.center[:2], axis=1).min() > 0.03
    assert len(detour(SEEN, np.array([0.2, 0.2]))) == 1, "nothing stands between"


def test_the_tool_alone_is_moved(env: ForeignEnv):
    before = {name: box.center for name, box in env.reading.objects.items()}
    assert call(env, "move_to", Referent("there", box=Box((-0.15, 0.0, 0.3), DISC)))["status"] == "done"
    assert env.reading.tool_m == pytest.approx((-0.15, 0.0, 0.02), abs=0.005)
    assert {name: box.center for name, box in env.reading.objects.items()} == before


@pytest.mark.parametrize(("words", "name", "xy"), [
    ("push the red disc to x 12 cm, y -4 cm", "red disc", (0.12, -0.04)),
    ("Slide the blue disc over the table to x 0 cm, y 5 cm.", "blue disc", (0.0, 0.05)),
    ("push the red disc 5 cm away and 12 cm to the left", "red disc", (0.05, 0.12)),
    ("push the red disc 3 cm to the right", "red disc", (0.0, -0.03)),
    ("push the red disc to the blue disc", "red disc", (0.06, 0.0)),
    ("move the tool 10 cm nearer", TOOL, (0.1, 0.0))])
def test_orders_in_words_are_read(words: str, name: str, xy: tuple[float, float]):
    found, place = ordered(words, SEEN)
    assert (found, place.center[:2]) == (name, pytest.approx(xy))


@pytest.mark.parametrize(("words", "reason"), [
    ("push the green disc 5 cm away", "expected one of ['red disc', 'blue disc', 'tool'], got 'green disc'"),
    ("push the red disc to the moon", "got 'moon'"), ("lift the red disc", "expected words such as"),
    ("push the red disc", "expected words such as"), ("", "expected words such as"),
    ("push the red disc to the red disc", "expected another place than its own"),
    ("push the red disc 0 cm away", "expected another place than its own"),
    ("move the tool to x 900 cm, y 0 cm", "expected a place within 1 m"),
    (f"move the tool to x {'9' * 400} cm, y 0 cm", "expected words such as"),
    ("push the red disc to x 1 cm, y 2 cm, then the blue disc", "expected words such as")])
def test_orders_that_are_not_understood_move_nothing(env: ForeignEnv, words: str, reason: str):
    before = env.reading.tool_m.copy()
    outcome = call(env, "push", words)
    assert outcome["status"] == "refused" and reason in outcome["reason"]
    assert env.reading.tool_m == pytest.approx(before, abs=1e-9)


def test_names_are_read_as_they_are_written():
    names = ("Cube A", "key to the door", "a+b (x)")
    reading = Reading(SEEN.tool_m, 0.0, {name: Box((0.1 * i, 0.1, 0.0), DISC) for i, name in enumerate(names)}, {})
    for name in reading.objects:
        assert ordered(f"push the {name} 5 cm away", reading)[0] == name
    assert ordered("push the cube a to the key to the door", reading)[0] == "Cube A"


@pytest.mark.parametrize("name", [TOOL, "Tool", "goal", "goal of the cube"])
def test_no_thing_may_be_called_as_something_else(name: str):
    class Misnamed(Flat):
        def read(self, observation: dict[str, np.ndarray]) -> Reading:
            seen = super().read(observation)
            return Reading(seen.tool_m, 0.0, {name: next(iter(seen.objects.values()))}, {})

    with pytest.raises(ValueError, match=rf"flat: expected objects called otherwise .* got '{name.lower()}'"):
        ForeignEnv(Misnamed(), image_size=16).reset(seed=1)


def test_the_tool_goes_last_over_what_stands_between_and_carries_nothing():
    class Both(Plain):
        skills = ("pick", "place_at", "move_to")

        def read(self, observation: dict[str, np.ndarray]) -> Reading:
            seen = super().read(observation)
            disc = seen.goals["disc"]
            return Reading(seen.tool_m, seen.width_m, seen.objects,
                           {TOOL: Box((*disc.center[:2], disc.center[2] - 0.01), disc.size), "disc": disc})

    env = ForeignEnv(Both(), image_size=16)
    env.reset(seed=2)
    assert [c.skill for c in env.expert_plan()] == ["pick", "place_at", "move_to"]
    assert not any("on" in text.split() for text in instructions(env.reading, lifts=True))


def test_a_tool_that_can_rise_passes_over_things():
    reading = Reading(np.array([-0.2, 0.0, 0.02]), 0.0, {"cube": Box((0.0, 0.0, 0.02), (0.04,) * 3)}, {})
    motion, heights = move_to(reading, Hand(), Box((0.2, 0.0, 0.02), DISC)), []
    command = next(motion)
    for _ in range(200):
        reading = replace(reading, tool_m=reading.tool_m + np.clip(command.tool_m - reading.tool_m, -0.02, 0.02))
        heights += [reading.tool_m[2]] if abs(reading.tool_m[0]) < 0.04 else []
        try:
            command = motion.send(reading)
        except StopIteration as end:
            assert end.value.status == "done"
            break
    else:
        pytest.fail("the motion does not end")
    assert heights and min(heights) > 0.05


def test_a_robot_of_words_alone_is_told_in_words():
    class Told(Flat):
        skills = ("push",)

    env = ForeignEnv(Told(), image_size=16)
    env.reset(seed=2)
    plan = env.expert_plan()
    assert [c.skill for c in plan] == ["push"] and plan[0].arguments[0].startswith("move the red disc to x 15 cm")
    assert env.step(env.encode(plan[0]))[-1]["outcome"]["status"] == "done"


def test_nothing_is_named_before_there_is_a_scene():
    with pytest.raises(ValueError, match="got none; reset first"):
        ForeignEnv(Flat(), image_size=16).encode(SkillCall("push_to", (Referent("red disc"), Referent("goal"))))


def test_an_order_in_words_is_carried_out(env: ForeignEnv):
    x, y = env.reading.objects["blue disc"].center[:2]
    assert call(env, "push", "push the blue disc 6 cm to the left")["status"] == "done"
    assert env.reading.objects["blue disc"].center[:2] == pytest.approx((x, y + 0.06), abs=0.02)


def test_things_are_pointed_at_by_name(env: ForeignEnv):
    assert call(env, "push_to", Referent("red disc"), Referent("goal"))["status"] == "done"
    assert env.is_success
    with pytest.raises(ValueError, match=r"'red disc', 'blue disc', 'goal'.*got 'red disk'; did you mean 'red disc'"):
        env.encode(SkillCall("push_to", (Referent("red disk"), Referent("goal"))))


def test_the_benchmarks_own_sentence_is_the_instruction(env: ForeignEnv):
    assert env.instruction == Flat.sentence
    for text, is_judged in ((Flat.sentence.upper(), True), ("take the blue disc home", False)):
        env.reset(seed=3, options={"instruction": text})
        assert env.is_judged is is_judged


def test_who_cannot_lift_is_never_told_to():
    class Raised(Flat):
        height_m, sentence = 0.2, None

    env = ForeignEnv(Raised(), image_size=16)
    env.reset(seed=1)
    texts = instructions(env.reading, lifts=False)
    assert texts and not any(word in text.replace("without lifting it", "") for text in texts
                             for word in ("lift", "hold", "air", "above", "on top"))


def test_a_tool_that_cannot_rise_grasps_nothing():
    class Wrong(Flat):
        skills = ("pick", "push_to")

    with pytest.raises(ValueError, match=r"expected a tool that can rise for \['pick'\]"):
        ForeignEnv(Wrong(), image_size=16)


def test_a_goal_of_the_tool_is_reached_and_worded():
    class Reach(Plain):
        skills = ("move_to",)

        def read(self, observation: dict[str, np.ndarray]) -> Reading:
            seen = super().read(observation)
            return Reading(seen.tool_m, 0.0, {}, {TOOL: seen.goals["disc"]})

    env = ForeignEnv(Reach(), image_size=16)
    env.reset(seed=2)
    assert "tool" in env.instruction and "cm above the table" in " ".join(instructions(env.reading, lifts=False))
    plan = env.expert_plan()
    assert [c.skill for c in plan] == ["move_to"]
    *_, info = env.step(env.encode(plan[0]))
    assert info["outcome"]["status"] == "done" and info["progress"] > 0.9
