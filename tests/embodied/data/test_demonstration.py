"""A recorded demonstration can be learned from: whoever does what was done at the nearest moment of it, repeats it.

The world is deterministic and every control period of it is recorded here, so that the policy, beginning where the
recording began, finds the recorded moment at each step, and with it the command that led on.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import gymnasium
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embodied.data.lerobot_check import check
from embodied.data.lerobot_meta import ACTION, DATA, INFO, STATE
from embodied.data.recordings import publish
from embodied.data.spool import Spool
from embodied.serving.hosting import make_hosted
from embodied.serving.shared_state import NEVER_NS, SharedState
from envs.interface import ENV_IDS

TASK, SEED, CONTROL_HZ = "put_in_bowl", 2_000_001, 20
SMALL = {"cameras": ["front"], "image_size": 32}
ID = "rec_0123456789ab"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """The dataset of a session in which the expert acted, with a row each control period and no pictures."""
    folder = tmp_path_factory.mktemp("demonstration")
    board = SharedState(folder / "board", is_new=True)
    board.write(speed=0.0, lease_until_ns=NEVER_NS, server_until_ns=NEVER_NS)
    env = make_hosted(env_id=ENV_IDS[TASK], board=str(folder / "board"), spool=str(folder / "spool"),
                      record_fps=CONTROL_HZ, **SMALL)
    facts = env.introduce()
    Spool.create(folder / "spool", len(facts["joint_low"]), (), CONTROL_HZ,
                 {"joint_names": facts["joint_names"], "robot": facts["robot"]})
    env.reset(seed=SEED)
    while plan := env.expert_plan():
        env.step(env.encode(plan[0]))
    assert env.is_success
    env.close()
    return publish(folder / "spool", folder / "recordings", ID).dataset


class Nearest:
    """Does what was done in the recorded frame that is nearest to the present moment, by joints, gripper and time."""

    def __init__(self, dataset: Path) -> None:
        table = pq.read_table(dataset / DATA)
        state, self.action, time_s = (np.array(table[key].to_pylist()) for key in (STATE, ACTION, "timestamp"))
        self.moments = np.column_stack([state, time_s])

    def act(self, observation: dict, time_s: float) -> np.ndarray:
        now = np.concatenate([observation["joint_pos"], observation["gripper_width_m"], [time_s]])
        return self.action[np.linalg.norm(self.moments - now, axis=1).argmin()]


def test_a_nearest_neighbour_policy_repeats_a_recorded_demonstration(dataset):
    """Judged by the simulator. It may take a second longer."""
    env = gymnasium.make("envs:embodied/TabletopJoint-v0", task=TASK, **SMALL)
    observation, _ = env.reset(seed=SEED)
    policy, is_done = Nearest(dataset), False
    for period in range(len(policy.action) + CONTROL_HZ):
        observation, _, is_done, _, _ = env.step(policy.act(observation, period / CONTROL_HZ))
        if is_done:
            break
    env.close()
    assert is_done


def test_the_dataset_says_what_an_action_is_and_whose(dataset):
    info = json.loads((dataset / INFO).read_text())
    assert info["robot_type"] == "panda" and check(dataset).faults == ()
    assert "action[t] is commanded once observation.state[t] is seen" in info["features"][ACTION]["info"]["description"]


def shifted(dataset: Path, key: str, frames: int, names: list[str] | None = None) -> None:
    """Shifts a column, or some joints of it, to later frames, and forgets the digests."""
    table = pq.read_table(dataset / DATA)
    values = np.array(table[key].to_pylist(), np.float32)
    known = json.loads((dataset / INFO).read_text())["features"][key]["names"]
    for place in range(values.shape[1]) if names is None else map(known.index, names):
        values[:, place] = np.roll(values[:, place], frames)
    kind = table.schema.field(key)
    column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
    pq.write_table(table.set_column(table.schema.get_field_index(key), kind, column), dataset / DATA)
    (dataset / "meta/sha256.json").unlink()


@pytest.mark.parametrize(("key", "frames", "names", "said"), [
    (ACTION, 1, None, "is where the joint already is at t"), (STATE, -1, None, "is where the joint already is at t"),
    (ACTION, -1, None, "leads to t + 2"), (STATE, 1, None, "leads to t + 2"),
    (ACTION, 1, ["panda_joint4"], "is where the joint already is at t")])
def test_a_shifted_column_is_found(dataset, tmp_path, key, frames, names, said):
    copy = shutil.copytree(dataset, tmp_path / "copy")
    shifted(copy, key, frames, names)
    faults = check(copy).faults
    assert f"episode 0: the action of {(names or ['panda_joint1'])[0]} is shifted: action[t] {said}" in faults[0]
    assert names is None or len(faults) == len(names)


def test_actions_that_mean_something_else_are_held_to_what_no_command_can_be(dataset, tmp_path):
    """An arm that follows late is no fault of its recording; one that is already there is."""
    for frames, is_sound in ((-1, True), (1, False)):
        copy = shutil.copytree(dataset, tmp_path / f"copy{frames}")
        shifted(copy, ACTION, frames)
        info = json.loads((copy / INFO).read_text())
        info["features"][ACTION]["info"] = {"description": "what a hand on a real arm sent"}
        (copy / INFO).write_text(json.dumps(info))
        assert (not check(copy).faults) == is_sound
