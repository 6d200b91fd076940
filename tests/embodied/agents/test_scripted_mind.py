"""Over HTTP to a server that reads prompts, and back into the world: every task, and each form of reply."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from embodied.agents.chat_agent import load_chat_agent
from embodied.agents.saycan_agent import SayCanAgent
from embodied.agents.shipped import load_agent
from embodied.planning.closed_loop import play
from envs.interface import SEED_RANGES, TASK_IDS
from envs.tasks.phrasings import PHRASINGS, say

pytestmark = pytest.mark.weights
FIRST = SEED_RANGES["validation"].start


@pytest.fixture(scope="module")
def scripted():
    spec = importlib.util.spec_from_file_location(
        "scripted_mind", Path(__file__).parents[3] / "scripts" / "scripted_mind.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def base_url(scripted):
    server = scripted.serve()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def perceive():
    return load_agent().backend.perceive


@pytest.mark.parametrize("task", list(TASK_IDS))
def test_an_instruction_becomes_motions_that_fulfil_it(task: str, base_url: str, perceive):
    agent, env = load_chat_agent(base_url, "scripted", perceive=perceive), gymnasium.make(f"envs:{TASK_IDS[task]}")
    summary = play(env, agent, seed=FIRST + 2)
    env.close()
    agent.endpoint.close()
    assert summary.is_success and summary.end == "success", summary


@pytest.mark.parametrize("reply_format", ["tools", "text"])
def test_other_forms_of_reply_and_streams_work_as_well(reply_format: str, base_url: str, perceive):
    pieces: list[str] = []
    agent = load_chat_agent(base_url, "scripted", perceive=perceive, reply_format=reply_format, on_text=pieces.append)
    env = gymnasium.make(f"envs:{TASK_IDS['put_in_bowl']}")
    assert play(env, agent, seed=FIRST + 1).is_success and "".join(pieces)
    env.close()
    agent.endpoint.close()


@pytest.mark.slow
def test_it_is_as_good_as_the_oracle_over_many_seeds(base_url: str, perceive):
    """40 of 40: the oracle's own rate on these seeds."""
    agent = load_chat_agent(base_url, "scripted", perceive=perceive)
    for number, task in enumerate(TASK_IDS):
        env = gymnasium.make(f"envs:{TASK_IDS[task]}")
        for seed in range(FIRST + 100 * number, FIRST + 100 * number + 8):
            assert play(env, agent, seed=seed).is_success, (task, seed)
        env.close()
    agent.endpoint.close()


def test_saycan_fulfils_an_instruction():
    env = gymnasium.make(f"envs:{TASK_IDS['unblock']}")
    assert play(env, SayCanAgent(load_agent().backend), seed=FIRST + 4).is_success
    env.close()


@pytest.mark.parametrize("form", list(PHRASINGS))
def test_its_simple_rules_read_every_wording(form: str, scripted):
    """The rules are the server's own; the project's table of wordings only asks."""
    roles = {"in": ("red block", "blue bowl"), "on": ("red block", "blue block"), "sort": ()}
    named = {"in": {"block": "red block", "bowl": "blue bowl"}, "on": {"block": "red block", "base": "blue block"},
             "tower": {"low": "red block", "middle": "blue block", "high": "cyan block"}, "sort": {}}[form]
    wanted = {"in": [roles["in"]], "on": [roles["on"]], "sort": [("red block", "red bowl")],
              "tower": [("blue block", "red block"), ("cyan block", "blue block")]}[form]
    rng = np.random.default_rng(0)
    looks = {f"obj_{i}": name for i, name in enumerate(("red block", "blue block", "cyan block", "red bowl"))}
    for _ in range(200):
        instruction = say(form, named, rng)
        scene = scripted.Scene(instruction.lower(), looks, dict.fromkeys(looks), None)
        assert scripted.goal(scene) == wanted, instruction


@pytest.mark.slow
def test_the_command_line_rolls_out_a_chat_model(base_url: str, tmp_path):
    command = [sys.executable, "-m", "embodied.cli.main", "rollout", "policy=chat", f"chat.base_url={base_url}",
               "chat.model=scripted", f"chat.memory_file={tmp_path}/memory.json", "episodes=2", "worlds=0",
               f"hydra.run.dir={tmp_path}/run"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["success_rate"] == 1.0
    assert [note["end"] for note in json.loads((tmp_path / "memory.json").read_text())] == ["success"] * 2
    unaddressed = subprocess.run([*command[:5], "episodes=1", f"hydra.run.dir={tmp_path}/other"], capture_output=True,
                                 text=True)
    assert unaddressed.returncode != 0 and "chat.base_url is missing" in unaddressed.stdout + unaddressed.stderr
