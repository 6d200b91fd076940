"""What chat models are told: the function library, colours and kinds, marked pictures, examples, memory, budgets."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from embodied.agents.prompting.budget import Budget, BudgetTracker, OverBudgetError
from embodied.agents.prompting.library import manner, quote, response_format, tools
from embodied.agents.prompting.memory import Memory
from embodied.agents.prompting.reply import Rules, read_text
from embodied.agents.prompting.scene import describe_scene, picture_url
from embodied.agents.prompting.turns import shipped_examples
from embodied.agents.scene_state import SceneState
from embodied.planning.looks import color_of, kind_of, without_parts
from embodied.planning.perception import Perception
from embodied.prompt import Image, Slot
from envs.interface import Box, Camera, Observation
from envs.skills.signatures import BOARD, KITCHEN, TABLETOP, PlanLanguage
from envs.tasks.scene import COLORS
from tests.embodied.planning.languages import ALL, MANY_SHAPES
from tests.embodied.planning.scenes import observation, transition


def crop(*colors: tuple[int, int, int]) -> np.ndarray:
    """Stripes of these colours, black around them."""
    picture = np.zeros((12, 12, 3), np.uint8)
    for place, color in enumerate(colors):
        picture[2:10, 2 + 2 * place:4 + 2 * place] = color
    return picture


def slot(color: tuple[int, int, int], size: tuple[float, ...], at: tuple[float, ...] = (0.5, 0, 0.02)) -> Slot:
    return Slot(crop(color, color, color), Box(at, size))


@pytest.mark.parametrize("shade", [0.5, 0.7, 1.0])
@pytest.mark.parametrize("word", list(COLORS))
def test_the_colors_of_the_table_have_their_words_in_any_light(word: str, shade: float):
    assert color_of(crop(tuple(int(255 * shade * c) for c in COLORS[word]))) == word


def test_pixels_vote_for_the_color():
    assert color_of(crop((200, 20, 20), (200, 20, 20), (20, 30, 190))) == "red"
    assert color_of(np.zeros((8, 8, 3), np.uint8)) == "dark" and color_of(crop((60, 60, 60))) == "grey"


@given(st.lists(st.integers(0, 255), min_size=48, max_size=48))
def test_any_crop_has_a_color(values: list[int]):
    assert color_of(np.array(values, np.uint8).reshape(4, 4, 3)).isalpha()


def test_kinds_are_told_by_size():
    sizes = (0.04, 0.04, 0.04), (0.13, 0.13, 0.04), (0.08, 0.07, 0.02)
    assert [kind_of(slot((9, 9, 9), size)) for size in sizes] == ["block", "bowl", "thing"]


def test_a_bowl_s_floor_is_no_thing_of_its_own():
    bowl, floor = slot((200, 20, 20), (0.13, 0.13, 0.04)), slot((190, 20, 20), (0.08, 0.07, 0.02), (0.5, 0, 0.01))
    block = slot((200, 20, 20), (0.04, 0.04, 0.04), (0.5, 0.01, 0.03))
    assert without_parts([bowl, floor, block]) == [bowl, block]


def test_the_scene_is_told_in_metres_with_what_rests_on_what():
    slots = (slot((20, 30, 180), (0.13, 0.13, 0.04)), slot((200, 20, 20), (0.04, 0.04, 0.04), (0.5, 0.01, 0.03)))
    told = describe_scene(SceneState(Perception.of(slots, observation(), TABLETOP)))
    assert '- obj_1: "blue bowl", size 0.13 x 0.13 x 0.04, at x 0.50 y 0.00 z 0.02, on the table' in told
    assert '- obj_2: "red block", size 0.04 x 0.04 x 0.04, at x 0.50 y 0.01 z 0.03, on obj_1' in told
    assert told.endswith("The hand is empty.")
    assert "nothing is in sight" in describe_scene(SceneState(Perception(()), is_holding=True))


def test_names_are_drawn_where_the_objects_stand():
    pose = np.diag([1.0, -1.0, -1.0, 1.0])  # looks down from one metre
    pose[2, 3] = 1.0
    camera = Camera(np.array([[96.0, 0, 48], [0, 96.0, 48], [0, 0, 1]]), pose)
    seen = Observation({"front": np.full((96, 96, 3), 200, np.uint8)}, {}, {"front": camera}, np.zeros(7), np.zeros(7),
                       0.08, 0.0)
    slots = (slot((200, 20, 20), (0.04, 0.04, 0.0), (0.25, 0.0, 0.0)),)
    perception = Perception(slots, image=Image("front", seen.rgb["front"]))
    url = picture_url(perception, seen)
    shown = np.asarray(PillowImage.open(io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,")))))
    rows, columns = np.nonzero((shown != 200).any(axis=2))
    assert shown.shape == (576, 576, 3)
    assert abs(rows.mean() - 288) < 8 and abs(columns.mean() - 432) < 8  # 96 px at 1 m: 0.25 m is 24 px, times 6


@pytest.mark.parametrize("language", [*ALL.values()])
def test_library_schema_and_tools_name_the_same_functions(language: PlanLanguage):
    told = manner(language)
    schema = response_format(language, ("obj_1",), 5)["json_schema"]["schema"]
    offered = schema["properties"]["calls"]["items"]["anyOf"]
    named = [o["properties"]["skill"]["enum"][0] for o in offered]
    assert set(named) == {*language.skills, "ask", "refuse"} and all(f"\n{name}(" in told for name in named)
    assert {t["function"]["name"] for t in tools(language, ("obj_1",))} == {*named, "done"}


def test_rules_are_told_where_there_are_skills_that_could_offend_against_them():
    assert "robot arm at a table" in manner(TABLETOP) and "put that down beside something" in manner(TABLETOP)
    assert "obj_1, obj_2" not in manner(KITCHEN).split("Rules:")[1].split("Reply")[0]
    assert "before the next pick" in manner(KITCHEN) and "each release" not in manner(BOARD)


def test_a_number_is_asked_for_within_its_bounds():
    schema = json.dumps(response_format(MANY_SHAPES, ("obj_1",), 5))
    assert '"turn_rad": {"type": "number", "minimum": -1.57, "maximum": 1.57}' in schema


def test_where_nothing_is_in_sight_no_object_can_be_named():
    schema = json.dumps(response_format(TABLETOP, (), 5))
    assert "home" in schema and "pick" not in schema


@given(st.text())
def test_quoted_text_is_one_string_on_one_line(text: str):
    quoted = quote(text, 50)
    assert "\n" not in quoted and len(json.loads(quoted)) <= 50 and quoted.splitlines() == [quoted]


def test_every_shipped_example_reads_as_a_plan():
    examples = shipped_examples(TABLETOP)
    assert len(examples) >= 5 and any(not e.calls for e in examples)
    for example in examples:
        names = [line.split(":")[0][2:] for line in example.told.splitlines() if line.startswith("- obj_")]
        assert len(read_text(example.as_json(), Rules(TABLETOP, names)).calls) == len(example.calls)


def test_memory_recalls_the_likest_and_forgets_the_oldest(tmp_path):
    memory = Memory(tmp_path / "deep" / "memory.json", limit=3)
    for number in range(5):
        memory.keep(f"put the red block in bowl {number}", "success")
    memory.keep("dance", "refused: no", [transition("pick", status="failed", reason="it slipped")])
    again = Memory(tmp_path / "deep" / "memory.json", limit=3)
    assert again.notes == memory.notes and len(again.notes) == 3
    assert [n.instruction[-1] for n in again.recall("put the red block in bowl 3")] == ["3", "4"]
    assert again.recall("dance")[0].troubles == ("pick failed: it slipped",) and again.recall("sing") == []


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"instruction": 1, "end": "", "troubles": []}]', "[" * 5000,
                                     "\x00",
                                     '[{"instruction": "a"}]', '{"instruction": 1}'])
def test_a_file_that_is_no_memory_is_refused_by_name(tmp_path, content: str):
    path = tmp_path / "memory.json"
    path.write_text(content)
    if content == "{}":
        assert Memory(path).notes == []
        return
    with pytest.raises(ValueError, match=r"memory\.json"):
        Memory(path)


def test_a_purse_counts_what_thinking_takes_and_not_what_the_world_takes():
    now = [0.0]
    tracker = BudgetTracker(Budget(plan_s=10, episode_s=15.5), lambda: now[0])
    tracker.open_plan()
    now[0] = 4.0
    assert tracker.seconds_left() == 6.0
    tracker.close_plan()
    now[0] = 1000.0  # the robot moves
    tracker.open_plan()
    now[0] = 1009.0
    assert tracker.seconds_left() == 1.0
    now[0] = 1011.0
    with pytest.raises(OverBudgetError, match="the budget of 10 s a plan is spent"):
        tracker.seconds_left()
