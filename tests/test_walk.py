"""docs/walk.md tells the truth: a real episode enters its steps in that order, and each step is where the page says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import gymnasium
import pytest

from embodied.agents.shipped import load_agent
from embodied.planning.closed_loop import run

ROOT = Path(__file__).parents[1]
STEP = re.compile(r"^\| \d+ \|[^|]*\| `([\w/]+\.py)` `([\w.]+)` \|", re.MULTILINE)
WISH = "put the red block in the blue bowl"


@pytest.fixture(scope="module")
def entered() -> list[tuple[str, str]]:
    """(file, function) of what an episode of the shipped planner calls of the project, in the order of first calls."""
    agent, env = load_agent(), gymnasium.make("envs:embodied/PutInBowl-v0")
    calls: dict[tuple[str, str], None] = {}

    def note(frame, event, _) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(f"{ROOT}/e"):
            calls.setdefault((frame.f_code.co_filename.removeprefix(f"{ROOT}/"), frame.f_code.co_qualname))

    sys.setprofile(note)
    try:
        options = {"instruction": WISH, "require": ["red block", "blue bowl"]}
        end = [step.ending for step in run(env, agent, seed=1, options=options)][-1]
    finally:
        sys.setprofile(None)
        env.close()
    assert end == "success"
    return list(calls)


def test_an_episode_takes_the_steps_of_the_page_in_their_order(entered):
    steps = STEP.findall((ROOT / "docs/walk.md").read_text())
    assert len(steps) == 15
    assert [step for step in steps if step not in entered] == []
    assert sorted(steps, key=entered.index) == steps


def test_the_world_reads_before_the_mind_is_asked_and_the_mind_cleans_and_reads_in_one_place_each(entered):
    asked = entered.index(("embodied/agents/language_agent.py", "LanguageAgent.plan"))
    cleaned = {file for file, function in entered if function == "clean_instruction"}
    assert cleaned == {"embodied/planning/instruction.py"}
    assert entered.index(("envs/tasks/phrasings.py", "understand")) < asked
    assert entered.index(("embodied/planning/wording.py", "read")) > asked
