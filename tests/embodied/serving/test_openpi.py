"""The openpi bridge, over a real socket: a robot elsewhere does its task, and whatever else comes gets a sentence."""

from __future__ import annotations

import copy
import os
import re
import signal
import threading
import time
from types import SimpleNamespace

import gymnasium
import msgpack
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import embodied
from embodied.serving.bridges import openpi
from embodied.serving.inference_server import InferenceServer
from envs.interface import SEED_RANGES
from tests.embodied.serving.openpi_client import ENV_ID, PATIENCE_PERIODS, PolicyClient, drive, flat, pack, unpack

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def served():
    """Address of a server with the bridge alone, and what its clients share."""
    app = FastAPI()
    app.include_router(openpi.router)
    inference = InferenceServer(embodied.load_agent("tabletop-tiny").backend)
    app.state.manager = SimpleNamespace(inference=inference, weights_name="tabletop-tiny")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield SimpleNamespace(url=f"ws://127.0.0.1:{port}/openpi", room=app.state.openpi)
    pid = app.state.openpi.studio._env.unwrapped.pid
    server.should_exit = True
    thread.join()
    inference.close()
    with pytest.raises(ProcessLookupError):  # its world went with it
        os.kill(pid, 0)


@pytest.fixture
def client(served):
    client = PolicyClient(served.url)
    yield client
    client.close()


@pytest.fixture(scope="module")
def env():
    env = gymnasium.make(ENV_ID)
    yield env
    env.close()


@pytest.fixture(scope="module")
def moment(env):
    """An observation as a message."""
    return flat(env.reset(seed=SEED_RANGES["test"][0])[0])


def test_metadata_say_what_to_send_and_what_comes_back(client, moment):
    told = client.metadata
    assert set(told["observation"]) == set(moment)
    for key, value in moment.items():
        assert told["observation"][key]["dtype"] == (value.dtype.name if isinstance(value, np.ndarray) else "str")
    actions = told["actions"]
    assert actions["shape"] == [10, 9] and actions["control_hz"] == 20
    assert len(actions["names"]) == len(actions["units"]) == len(actions["low"]) == 9
    assert told["model"] == "tabletop-tiny" and len(told["weights_sha256"]) == 64


def test_the_hash_tells_weights_apart():
    import torch

    backends = [SimpleNamespace(model=torch.nn.Linear(2, 2)) for _ in range(2)]
    first, second = (openpi.weights_sha256(backend) for backend in backends)
    backends[1].model.load_state_dict(backends[0].model.state_dict())
    assert first != second and openpi.weights_sha256(backends[1]) == first
    assert openpi.weights_sha256(SimpleNamespace()) is None


def test_a_reply_is_a_chunk_of_targets_that_a_robot_can_follow(client, moment):
    answer = client.infer(moment)
    actions, told = answer["actions"], client.metadata["actions"]
    assert actions.dtype == np.float32 and actions.shape == (10, 9)
    assert (actions >= np.float32(told["low"])).all() and (actions <= np.float32(told["high"])).all()
    assert np.abs(actions[0] - moment["observation/joint_pos"]).max() < 0.1
    assert answer["server_timing"]["infer_ms"] > 0 and answer["skill"] == "pick" and answer["plan"]
    assert client.infer(moment)["server_timing"]["prev_total_ms"] > 0


def test_a_robot_elsewhere_does_its_task(client, env):
    went = drive(client, env, number=3)
    assert went["is_success"], went


def test_chunks_need_not_be_used_up(served, env):
    client = PolicyClient(f"{served.url}?horizon=25")
    went = drive(client, env, number=4, used=6)
    client.close()
    assert went["is_success"], went


def test_a_grasp_that_was_spoiled_is_tried_again(client, env):
    raw, info = env.reset(seed=SEED_RANGES["test"][1])
    world, block = env.unwrapped.world, env.unwrapped.scene.goal[0].thing
    is_spoiled = False
    for _ in range(PATIENCE_PERIODS // 10):
        answer = client.infer(flat(raw))
        if not is_spoiled and answer["actions_left"] < 60:  # on its way down
            place, turn = world.pose(block)
            world.move(block, place + np.array([0.0, -0.12 if place[1] > 0 else 0.12, 0.0]), turn)
            is_spoiled = True
        for action in answer["actions"]:
            raw, _, is_over, _, info = env.step(action)
            if is_over:
                break
        if info["is_success"]:
            break
    assert is_spoiled and info["is_success"]


def test_a_block_under_another_is_reached(client, env):
    env.reset(seed=SEED_RANGES["test"][0])
    raw, info = env.unwrapped.instruct("put the red block in the purple bowl")  # a green one stands on it
    plans = []
    for _ in range(PATIENCE_PERIODS // 10):
        answer = client.infer(flat(raw))
        plans.append(answer["plan"])
        if answer["end"] or info["is_success"]:
            break
        for action in answer["actions"]:
            raw, _, _, _, info = env.step(action)
    assert "put_down_beside" in plans[0] and info["is_success"]


def test_it_says_when_nothing_is_left_to_do(client, env):
    raw, info = env.reset(seed=SEED_RANGES["test"][2])
    answer = {"end": ""}
    for _ in range(PATIENCE_PERIODS // 10):
        answer = client.infer(flat(raw))
        if answer["end"]:
            break
        for action in answer["actions"]:
            raw, _, _, _, info = env.step(action)
    assert answer["end"] == "done" and info["is_success"]
    assert np.ptp(answer["actions"], axis=0).max() == 0


def test_a_word_that_is_not_known_is_refused_with_a_hint(client, moment):
    answer = client.infer({**moment, "prompt": "juggle the red block"})
    assert answer["end"].startswith("refused: I do not know the word") and answer["hint"]
    assert np.allclose(answer["actions"], moment["observation/joint_pos"], atol=1e-6)
    assert client.infer(moment)["skill"] == "pick"


def broken(moment, key, value):
    return pack({**moment, key: value})


def without(moment, key):
    return pack({k: v for k, v in moment.items() if k != key})


def as_dtype(name):
    return {b"__ndarray__": True, b"data": b"\0" * 72, b"dtype": name, b"shape": [9]}


NAN_DEPTH, MILLIMETRES = np.full((192, 192), np.nan, np.float32), np.full((192, 192), 900.0, np.float32)
FRONT, TURNED = "observation/rgb/front", np.diag([1.0, 1.0, -1.0, 1.0])
HOSTILE = {
    "text": (lambda m: "hello", "binary msgpack message"),
    "nothing": (lambda m: b"", "one whole msgpack message"),
    "truncated": (lambda m: pack(m)[:-1000], "one whole msgpack message"),
    "a number": (lambda m: msgpack.packb(7), "a map of observation keys"),
    "an empty map": (lambda m: msgpack.packb({}), "are missing: prompt"),
    "an object array": (lambda m: broken(m, "observation/joint_pos", as_dtype("|O")), "plain numbers"),
    "a structured array": (lambda m: broken(m, "observation/joint_pos", as_dtype("|V8")), "plain numbers"),
    "a lying shape": (lambda m: broken(m, FRONT, {**as_dtype("|u1"), b"shape": [192, 192, 3]}),
                     "expected 110592 bytes"),
    "oversized": (lambda m: broken(m, FRONT, np.zeros((2000, 2000, 3), np.uint8)), "at most 8388608 bytes"),
    "a missing image": (lambda m: without(m, FRONT), "1 are missing: observation/rgb/front"),
    "a missing pose": (lambda m: without(m, "observation/cameras/top/pose"), "missing: observation/cameras/top/pose"),
    "a missing prompt": (lambda m: without(m, "prompt"), "missing: prompt"),
    "a misspelt key": (lambda m: broken(m, "observation/joint_poss", np.zeros(9)), "did you mean"),
    "no words": (lambda m: broken(m, "prompt", " "), "prompt: expected text of 1 to"),
    "many words": (lambda m: broken(m, "prompt", "go " * 3000), "prompt: expected text of 1 to"),
    "a number as prompt": (lambda m: broken(m, "prompt", 3), "prompt: expected text"),
    "a grey image": (lambda m: broken(m, FRONT, np.zeros((192, 192), np.uint8)), "rgb.front is uint8"),
    "a float image": (lambda m: broken(m, FRONT, np.zeros((192, 192, 3), np.float32)), "rgb.front is float32"),
    "text as image": (lambda m: broken(m, FRONT, "red"), "rgb.front|malformed"),
    "an odd size": (lambda m: {**m, FRONT: np.zeros((100, 100, 3), np.uint8),
                               "observation/depth/front": np.ones((100, 100), np.float32)}, "images of one size"),
    "depth of another size": (lambda m: broken(m, "observation/depth/top", np.ones((9, 9), np.float32)), "depth.top"),
    "depth that is no number": (lambda m: broken(m, "observation/depth/top", NAN_DEPTH), "nonfinite"),
    "depth in millimetres": (lambda m: broken(m, "observation/depth/top", MILLIMETRES), "millimetres"),
    "joints of another robot": (lambda m: broken(m, "observation/joint_pos", np.zeros(7)), "expected 9 joints, got 7"),
    "joints in degrees": (lambda m: broken(m, "observation/joint_pos", np.full(9, 90.0)), "within their limits"),
    "joints that are no numbers": (lambda m: broken(m, "observation/joint_pos", np.full(9, np.nan)), "nonfinite"),
    "joints in words": (lambda m: broken(m, "observation/joint_pos", ["a"] * 9), "joint_pos is list"),
    "joints of unequal length": (lambda m: broken(m, "observation/joint_pos", [1.0, [2.0]]), "joint_pos is list"),
    "an impossible width": (lambda m: broken(m, "observation/gripper_width_m", -1.0), "gripper_width_m"),
    "a time before all time": (lambda m: broken(m, "observation/time_s", -1.0), "time_s"),
    "a mirrored camera": (lambda m: broken(m, "observation/cameras/top/pose", TURNED), "expected a rotation"),
    "a reset that is neither": (lambda m: broken(m, "reset", 1), "reset: expected true or false"),
    "an episode without a name": (lambda m: broken(m, "episode", [1]), "episode: expected a number or a name"),
    "a key that is nobody's": (lambda m: broken(m, "restet", True), "did you mean 'reset'"),
    "no lens": (lambda m: broken(m, "observation/cameras/top/intrinsics", np.zeros((3, 3))), "intrinsics"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_unfit_gets_a_sentence_and_the_connection_lives(client, moment, name):
    make, expected = HOSTILE[name]
    message = make(moment)
    client.socket.send(pack(message) if isinstance(message, dict) else message)
    answer = client.socket.recv()
    assert isinstance(answer, str) and len(answer) < 900 and re.search(expected, answer), answer
    assert "Traceback" not in answer and ".py" not in answer
    client.socket.send(pack(moment))
    assert unpack(client.socket.recv())["actions"].shape == (10, 9)


def test_nothing_but_rubbish_ends_a_connection(client):
    rng, answers = np.random.default_rng(7), []
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            client.socket.send(rng.bytes(int(rng.integers(0, 300))))
            answers.append(client.socket.recv())
    assert closed.value.rcvd.code == 1008 and len(answers) > 10
    assert all(isinstance(a, str) and "expected" in a and "Traceback" not in a for a in answers)


def test_a_world_that_dies_is_replaced(served, client, moment):
    client.infer(moment)
    os.kill(served.room.studio._env.unwrapped.pid, signal.SIGKILL)
    other = PolicyClient(served.url)
    with pytest.raises(RuntimeError, match="send the observation once more"):
        other.infer(moment)
    assert other.infer(moment)["skill"] == "pick"
    other.close()


def test_only_so_many_clients_are_served(served, client):
    others = [PolicyClient(served.url) for _ in range(openpi.MAX_CLIENTS - served.room.clients)]
    with connect(served.url) as one_more:
        assert "expected fewer than" in one_more.recv()
        with pytest.raises(ConnectionClosed) as closed:
            one_more.recv()
    assert closed.value.rcvd.code == 1013
    for other in others:
        other.close()


def test_a_client_that_leaves_makes_room(served):
    for _ in range(3):
        PolicyClient(served.url).close()
    deadline_s = time.monotonic() + 10
    while served.room.clients and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert served.room.clients == 0


def test_two_robots_are_led_apart(served, moment):
    first, second = PolicyClient(served.url), PolicyClient(served.url)
    other = {**moment, "prompt": "put the orange block in the purple bowl"}
    one, two = first.infer(moment)["actions"], second.infer(other)["actions"]
    assert np.abs(one - two).max() > 1e-3
    for client in (first, second):
        client.close()


@pytest.fixture(scope="module")
def scenes(env):
    """A scene that lacks what the prompt names, and one that has it: (message, message), of the same time."""
    instruction, told = "put the red block in the blue bowl", []
    for seed in range(SEED_RANGES["test"][1], SEED_RANGES["test"][1] + 400):
        raw, _ = env.reset(seed=seed)
        if not told and not {"red block", "blue bowl"} <= set(env.unwrapped.world.names()):
            told.append(flat(copy.deepcopy(raw), instruction))
            break
    raw, _ = env.reset(seed=SEED_RANGES["test"][1], options={"require": ["red block", "blue bowl"]})
    return [*told, flat(copy.deepcopy(raw), instruction)]


def at(message: dict, time_s: float, **more) -> dict:
    return {**message, "observation/time_s": np.array([time_s]), **more}


@pytest.mark.parametrize(("first_s", "then_s", "marks"), [
    (0.05, 0.05, ({}, {})), (100.0, 160.0, ({}, {})), (7.0, 7.5, ({}, {})),
    (7.0, 7.5, ({"episode": 1}, {"episode": 2})), (7.0, 7.5, ({"reset": True}, {"reset": True}))],
    ids=["same time", "later", "soon", "named", "reset"])
def test_a_scene_remembers_nothing_of_the_one_before(served, scenes, first_s, then_s, marks):
    lacks, has = scenes
    for order in ((lacks, has), (has, lacks)):
        client, fresh = PolicyClient(served.url), PolicyClient(served.url)
        client.infer(at(order[0], first_s, **marks[0]))
        got, alone = client.infer(at(order[1], then_s, **marks[1])), fresh.infer(at(order[1], then_s))
        assert [got[k] for k in ("plan", "skill", "end", "actions_left")] == [
            alone[k] for k in ("plan", "skill", "end", "actions_left")] and got["new_episode"]
        assert np.array_equal(got["actions"], alone["actions"])
        client.close()
        fresh.close()


@pytest.mark.slow
def test_most_tasks_are_done(client, env):
    won = [drive(client, env, number)["is_success"] for number in range(20)]
    assert sum(won) >= 18
