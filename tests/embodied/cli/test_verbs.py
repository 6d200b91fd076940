"""Verbs on the real table, with the oracle where no trained weights are needed."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import av
import gymnasium
import pytest

from embodied.agents.shipped import weights_path
from embodied.cli.demo import board_scene_for, scene_for, tamp_scene_for
from embodied.cli.main import main
from envs.isolation.env import IsolatedEnv

SMALL = ("video.width=160", "video.height=120", "video.fps=2", "env.image_size=64")


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_demo_does_what_is_said_and_leaves_a_film(tmp_path, capsys):
    argv = ["demo", "put the purple cube in the cyan dish", "policy=oracle", "hydra.run.dir=here", *SMALL]
    assert main(argv) == 0
    shown = capsys.readouterr().out
    assert "pick" in shown and "place_in" in shown and "success" in shown
    assert "planned by the oracle (PRIVILEGED" in shown
    with av.open(str(tmp_path / "here" / "demo.mp4")) as video:
        assert video.streams.video[0].codec_context.name == "h264" and video.streams.video[0].frames > 5
    assert (tmp_path / "here" / "demo.png").stat().st_size > 1000


@pytest.mark.parametrize(("words", "scene"), [
    ("how would you stack the white block on the red one?", ("build", ["white block", "red block"])),
    ("Q: How to grasp the cyan object?", ("grasp", ["cyan block"])),
    ("is there the red block below the blue block?", ("below", ["red block", "blue block"])),
    ("juggle the red and the green block, then the red one", ("grasp", ["red block", "green block"])),
    ("do something", ("grasp", []))])
def test_a_scene_of_the_palm_e_table_has_what_is_asked_about(words: str, scene: tuple):
    assert tamp_scene_for(words) == scene


def test_the_demo_of_the_palm_e_table_by_the_oracle(tmp_path, capsys):
    words = "how would you put the white cube on the red cube?"
    assert main(["demo", words, "world=tamp", "policy=oracle", "hydra.run.dir=here", *SMALL]) == 0
    told = capsys.readouterr().out
    assert "place on red block" in told and "success" in told and (tmp_path / "here" / "demo.mp4").exists()


def test_the_demo_calls_half_an_instruction_no_success(capsys, monkeypatch):
    """Somebody who brings one of two blocks and says that all is done."""
    from embodied.agents.oracle import OraclePlanner
    from embodied.planning.language import Plan

    class Hasty(OraclePlanner):
        def plan(self, instruction, observation, history=()):
            env = self._env.unwrapped
            env.instruct("put the red block in the blue bowl")
            calls = env.expert_plan()
            env.instruct(instruction)
            return Plan(() if history else tuple(calls))

    monkeypatch.setattr("embodied.agents.oracle.OraclePlanner", Hasty)
    argv = ["demo", "put the red block and the green block in the blue bowl", "policy=oracle",
            "hydra.run.dir=here", *SMALL]
    assert main(argv) == 0
    shown = capsys.readouterr().out
    assert "place in" in shown and "done, but not judged" in shown and "success" not in shown


def test_a_rollout_is_recorded_and_goes_on_where_it_stopped(tmp_path, capsys):
    argv = ["rollout", "policy=oracle", "task=stack", "worlds=0", "hydra.run.dir=here", "env.image_size=64"]
    assert main([*argv, "episodes=1"]) == 0
    first = (tmp_path / "here" / "episodes.jsonl").read_text()
    assert main([*argv, "episodes=2", "video_every=2"]) == 0
    assert (tmp_path / "here" / "episodes.jsonl").read_text().startswith(first)
    summary = json.loads((tmp_path / "here" / "summary.json").read_text())
    assert summary["success_rate"] == 1.0 and summary["episodes"] == 2 and set(summary["per_task"]) == {"stack"}
    assert summary["privileged"] and "PRIVILEGED" in capsys.readouterr().out
    assert len(list((tmp_path / "here" / "videos").glob("*.mp4"))) == 1
    before = contents(tmp_path / "here")
    assert main([*argv, "episodes=2", "max_calls=3"]) == 1
    assert "another run (different: max_calls)" in capsys.readouterr().err and contents(tmp_path / "here") == before


@pytest.mark.weights
def test_an_evaluation_that_is_refused_changes_nothing(tmp_path, capsys):
    """Not even the ledger of the policy that comes before the one whose ledger is another's."""
    folder = tmp_path / "here"
    (folder / "episodes").mkdir(parents=True)
    for name in ("config.yaml", "evaluate.log"):
        (folder / name).write_text("of the first")
    (folder / "episodes" / "random.jsonl").write_text('{"max_calls": 3}\n')
    before = contents(folder)
    assert main(["evaluate", "episodes=1", "workers=0", "hydra.run.dir=here"]) == 1
    assert "random.jsonl holds results of another run" in capsys.readouterr().err and contents(folder) == before


@pytest.mark.parametrize("words", [
    ("demo", "weights=./none"), ("rollout", "weights=./none"), ("rollout", "first=1000000"),
    ("evaluate", "weights=./none"), ("evaluate", "suite.policies=[random]"), ("serve", "weights=./none"),
    ("serve", "host=192.0.2.1"), ("collect", "backend=ray", "workers=256")], ids=" ".join)
def test_a_run_that_is_refused_changes_nothing(tmp_path, words):
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "config.yaml").write_text("of the first")
    assert main([*words, "hydra.run.dir=here"]) in (1, 2)
    assert contents(folder) == {Path("config.yaml"): b"of the first"}


def test_a_dataset_is_mended_and_episodes_of_another_arm_may_not_join_it(tmp_path, capsys):
    argv = ["collect", "data=smoke", "data.folder=here", "data.episodes=1", "data.labels=1", "workers=0",
            "env.image_size=48"]
    assert main(argv) == 0
    assert "1 of 1 queries can be taught" in capsys.readouterr().out
    episode = tmp_path / "here" / "episodes" / "00000000.npz"
    whole = episode.read_bytes()
    episode.write_bytes(whole[:-100])
    assert main(argv) == 0 and episode.read_bytes() == whole
    assert "1 episodes were damaged and are made again: seeds 0" in capsys.readouterr().out
    for other, said in (("robot=iiwa", 'another robot: expected "iiwa", got "panda"'),
                        ("data.executed_fraction=1", "another share of executed episodes")):
        assert main([*argv, other]) == 1 and said in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["demo", "rollout", "evaluate"])
def test_missing_weights_are_named(verb, capsys):
    assert main([verb, "weights=./nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_truncated_weights_are_refused(tmp_path, capsys):
    shutil.copytree(weights_path("tabletop-tiny"), tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"\x10\x00")
    assert main(["demo", "weights=./model"]) == 1
    shown = capsys.readouterr().err
    assert "model.safetensors" in shown and "Traceback" not in shown


@pytest.mark.parametrize(("text", "task", "named"), [
    ("put the red block in the blue bowl", "put_in_bowl", ["red block", "blue bowl"]),
    ("Stack the red cube on the green one.", "stack", ["red block", "green block"]),
    ("make me a red block sandwich", "put_in_bowl", ["red block"]),
    ("put the magenta banana in the blue bowl", "put_in_bowl", ["blue bowl"]),
    ("", "put_in_bowl", []),
    ("把红色的方块放进蓝色的碗里", "put_in_bowl", []),
])
def test_the_scene_suits_the_sentence(text, task, named):
    assert scene_for(text) == (task, named)


@pytest.mark.weights
@pytest.mark.parametrize(("text", "reason"), [
    ("put the magenta block in the blue bowl", "magenta"),
    ("put the red banana in the blue bowl", "banana"),
    ("", "empty"),
    ("put the red block in the blue bowl " * 300, "limit"),
    ("把红色的方块放进蓝色的碗里", "know"),
])
def test_what_cannot_be_done_is_refused_in_words(text, reason, capsys):
    from embodied.agents.shipped import shipped_names

    if not shipped_names():
        pytest.skip("this copy ships no weights")
    assert main(["demo", text, "weights=tabletop-tiny", "hydra.run.dir=here", *SMALL]) == 0
    assert reason in capsys.readouterr().out


def test_another_robot_in_a_less_perfect_world_is_a_choice_of_groups(tmp_path, capsys):
    argv = ["rollout", "policy=oracle", "task=stack", "worlds=0", "episodes=1", "hydra.run.dir=here",
            "env.image_size=128", "robot=xarm6", "realism=mild", "env.realism.depth_hole_share=0.001",
            "latency=charged"]
    assert main(argv) == 0
    assert json.loads((tmp_path / "here" / "summary.json").read_text())["success_rate"] == 1.0
    config = (tmp_path / "here" / "config.yaml").read_text()
    assert "robot: xarm6" in config and "depth_hole_share: 0.001" in config
    assert main([*argv[:-4], "robot=xarm"]) == 2
    assert "did you mean 'xarm6'" in capsys.readouterr().err


ISOLATED = ("rollout", "policy=oracle", "task=stack", "hydra.run.dir=here", "env.image_size=64",
            "env.isolated=true", "env.deadline_s=30")


def test_a_crash_of_physics_costs_one_episode_of_a_rollout(tmp_path, monkeypatch):
    """The second call of the second episode finds its world dead."""
    step, seeds = IsolatedEnv.step, []

    def killing(self, action):
        seeds.append(self._seed)
        if seeds[-2:] == [1_000_001] * 2:
            os.kill(self.pid, signal.SIGKILL)
        return step(self, action)

    monkeypatch.setattr(IsolatedEnv, "step", killing)
    assert main([*ISOLATED, "worlds=0", "episodes=3"]) == 0
    lines = [json.loads(line) for line in (tmp_path / "here" / "episodes.jsonl").read_text().splitlines()]
    records = {r["seed"]: r for r in lines if "seed" in r}
    assert [records[s]["success"] for s in (1_000_000, 1_000_001, 1_000_002)] == [True, False, True]
    lost = records[1_000_001]
    assert lost["attribution"]["component"] == "other" and lost["end"] == f"failed: {lost['attribution']['reason']}"
    assert lost["attribution"]["reason"].startswith("physics crashed (SIGKILL) at seed 1000001 in step(skill=")


@pytest.mark.slow
def test_processes_of_a_pool_may_have_worlds_in_processes_of_their_own(tmp_path):
    assert main([*ISOLATED, "worlds=2", "episodes=3", "video_every=3"]) == 0
    assert json.loads((tmp_path / "here" / "summary.json").read_text())["success_rate"] == 1.0
    assert len(list((tmp_path / "here" / "videos").glob("*.mp4"))) == 1


@pytest.mark.weights
def test_other_worlds_are_played_by_the_oracle_and_by_weights_that_know_them(tmp_path, capsys):
    asked = ["rollout", "task=tamp", "task.tasks=[where,grasp]", "episodes=2", "worlds=0", "env.looks=stock"]
    assert main([*asked, "policy=oracle", f"hydra.run.dir={tmp_path}"]) == 0
    assert json.loads((tmp_path / "summary.json").read_text())["success_rate"] == 1.0
    assert main([*asked, f"hydra.run.dir={tmp_path / 'model'}"]) == 0
    assert json.loads((tmp_path / "model" / "summary.json").read_text())["policy"] == "model"
    assert main([*asked, "weights=tabletop-tiny", f"hydra.run.dir={tmp_path / 'other'}"]) == 2
    assert "expected oracle for where" in capsys.readouterr().err
    assert main(["rollout", "task.tasks=[sortt]", f"hydra.run.dir={tmp_path / 'typo'}"]) == 2
    assert "did you mean 'sort'" in capsys.readouterr().err


@pytest.mark.weights
@pytest.mark.parametrize(("asked", "why"), [
    (["world=tamp", "weights=tabletop-tiny"], "no skill answer"), (["world=tamp", "weights=mind-tiny"], "a mind knows"),
    (["world=tabletop", "weights=tamp-tiny"], "expected weights that plan in world=tabletop"),
    (["world=tamp", "scene=here.json"], "scenes of world=tamp are drawn")])
def test_a_demo_is_refused_for_what_does_not_fit_its_world(asked: list[str], why: str, capsys):
    assert main(["demo", "grasp the red object", *asked, "hydra.run.dir=here", *SMALL]) == 2
    assert why in capsys.readouterr().err and not (Path("here") / "demo.mp4").exists()


@pytest.mark.parametrize(("text", "scene"), [
    ("sort the blocks by colour into the corners", ("sort_corners", [])),
    ("Push the red star to the blue cube.", ("block_to_block", ["red star", "blue cube"])),
    ("push the red star to the red star", ("block_to_block", ["red star"])),
    ("nudge the red star, the red moon, the red cube and the green heart about",
     ("block_to_block", ["red star", "red moon", "green heart"]))])
def test_the_board_of_an_instruction_has_what_it_names_and_can_be_laid(text, scene):
    assert board_scene_for(text) == scene
    env = gymnasium.make("envs:embodied/Board-v0", cameras=[])
    env.reset(seed=7, options={"instruction": text, "require": scene[1]})
    assert set(scene[1]) <= set(env.unwrapped.world.names())
    env.close()
