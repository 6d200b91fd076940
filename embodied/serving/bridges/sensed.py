"""What a client's robot senses, as openpi's flat keys, read into an Observation or refused with a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from embodied.planning.instruction import INSTRUCTION_LIMIT
from embodied.planning.observation_check import fault
from embodied.serving.bridges.episodes import Marks
from embodied.serving.views import LEAST_PX, STEP_PX
from envs.interface import Observation
from envs.names import hint

CAMERAS = ("front", "top")
"""What the planner learned to see through; both are needed."""
_SIDES_PX = (LEAST_PX, 1024)
_BEYOND = 0.05  # rad or m that a joint may be measured beyond its limits
_FARTHEST_M = 20.0
_NAME_CHARACTERS = 200
_WIDEST_M, _OVERLAP_M = 0.5, 0.005  # between fingers; a little less than nothing is measured where they meet
_RIGID = 1e-3  # of a pose: how far its axes may be from square


class UnfitError(ValueError):
    """An observation that nothing can be done with; the text says what was expected."""


def spec(joint_names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Key -> dtype, shape, unit and meaning of all that an observation holds; every key is needed."""
    def of(dtype: str, shape: list[Any], unit: str, meaning: str) -> dict[str, Any]:
        return {"dtype": dtype, "shape": shape, "unit": unit, "meaning": meaning}

    keys = {"prompt": of("str", [], "", "what the robot shall do, in plain English"),
            "observation/joint_pos": of("float64", [len(joint_names)], "rad, m", "where the joints stand, as measured"),
            "observation/tool_pose": of("float64", [7], "m", "position and quaternion x y z w of the point between the "
                                                             "finger tips, in the frame of the robot's base"),
            "observation/gripper_width_m": of("float64", [1], "m", "between the fingers, as measured"),
            "observation/time_s": of("float64", [1], "s", "of the robot's clock: by how much it went on, as many "
                                     "actions were carried out")}
    for name in CAMERAS:
        keys |= {f"observation/rgb/{name}": of("uint8", ["H", "W", 3], "", f"colour; H, W multiples of {STEP_PX}, of "
                                               f"all cameras alike"),
                 f"observation/depth/{name}": of("float32", ["H", "W"], "m", "along the optical axis, 0 = no return"),
                 f"observation/cameras/{name}/intrinsics": of("float64", [3, 3], "px", "pinhole matrix"),
                 f"observation/cameras/{name}/pose": of("float64", [4, 4], "m", "camera (x right, y down, z forward) "
                                                                                "in the frame of the robot's base")}
    return keys


OPTIONAL = {
    "reset": {"dtype": "bool", "shape": [], "unit": "", "meaning": "true with the first observation of an episode, "
              "false with the others: what was planned and done before is forgotten"},
    "episode": {"dtype": "str or int", "shape": [], "unit": "", "meaning": "a name; another one is another episode. "
                "With this key or reset nothing is guessed, but that a clock that goes back begins an episode"}}
"""Keys that a message may have."""


def read(message: Any, low: np.ndarray, high: np.ndarray) -> tuple[str, Observation, Marks]:
    """Prompt and observation of a message, and what it says of its episode. low, high: float64[J], limits of the
    joints. Raises UnfitError."""
    known = spec([""] * len(low))
    if not isinstance(message, dict):
        raise UnfitError(f"expected a map of observation keys, got {type(message).__name__}; keys: {', '.join(known)}")
    _check_keys(message, known)
    prompt = _prompt(message["prompt"])
    raw = _raw(message, prompt)
    trouble = fault(raw) or _implausible(raw, low, high)
    if trouble is not None:
        raise UnfitError(f"observation: {trouble}")
    return prompt, Observation.from_dict(raw), _marks(message)


def _marks(message: Mapping[str, Any]) -> Marks:
    reset, episode = message.get("reset"), message.get("episode")
    if not isinstance(reset, bool | None):
        raise UnfitError(f"reset: expected true or false, got {type(reset).__name__}")
    is_name = isinstance(episode, int | str | None) and not isinstance(episode, bool)
    if not is_name or len(str(episode)) > _NAME_CHARACTERS:
        raise UnfitError(f"episode: expected a number or a name of up to {_NAME_CHARACTERS} characters, got "
                         f"{type(episode).__name__}")
    return Marks(episode, reset)


def _check_keys(message: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    missing = [key for key in known if key not in message]
    if missing:
        raise UnfitError(f"expected {len(known)} keys, {len(missing)} are missing: {', '.join(missing)}")
    for key in message:
        if key not in known and key not in OPTIONAL:
            meant = hint(str(key), [*known, *OPTIONAL])
            raise UnfitError(f"expected keys of the metadata's observation and optional, got {str(key)[:60]!r}{meant}")


def _prompt(value: Any) -> str:
    """Text, or bytes that are text."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str) or not text.strip() or len(text) > INSTRUCTION_LIMIT:
        raise UnfitError(f"prompt: expected text of 1 to {INSTRUCTION_LIMIT} characters, got "
                         f"{f'{len(text)} characters' if isinstance(text, str) else type(value).__name__}")
    return text


def _raw(message: Mapping[str, Any], prompt: str) -> dict[str, Any]:
    """The message in the form of our environments' observations; what cannot be read stays as it is, for `fault`."""
    def numbers(key: str) -> Any:
        return _as_numbers(message[f"observation/{key}"])

    cameras = {name: {part: numbers(f"cameras/{name}/{part}") for part in ("intrinsics", "pose")} for name in CAMERAS}
    body = {key: numbers(key) for key in ("joint_pos", "tool_pose", "gripper_width_m", "time_s")}
    return {"rgb": {name: message[f"observation/rgb/{name}"] for name in CAMERAS},
            "depth": {name: _as_depth(message[f"observation/depth/{name}"]) for name in CAMERAS},
            "cameras": cameras, "instruction": prompt, **body}


def _as_numbers(value: Any) -> Any:
    """float64[...] of numbers in whatever form, at least one axis."""
    try:
        array = np.asarray(value)
        return np.atleast_1d(array.astype(np.float64)) if array.dtype.kind in "iuf" else value
    except (TypeError, ValueError):  # lists of unequal length
        return value


def _as_depth(value: Any) -> Any:
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        return value
    with np.errstate(over="ignore"):
        return value.astype(np.float32)


def _implausible(raw: Mapping[str, Any], low: np.ndarray, high: np.ndarray) -> str | None:
    """Why finite numbers of the right shapes cannot be a robot's, as a clause."""
    joints, width_m, time_s = raw["joint_pos"], float(raw["gripper_width_m"][0]), float(raw["time_s"][0])
    if joints.shape != low.shape:
        return f"joint_pos: expected {low.size} joints, got {joints.size}"
    if (joints < low - _BEYOND).any() or (joints > high + _BEYOND).any():
        return f"joint_pos: expected joints within their limits, got {np.round(joints, 3).tolist()}"
    if not -_OVERLAP_M <= width_m <= _WIDEST_M:
        return f"gripper_width_m: expected metres in [0, {_WIDEST_M}], got {width_m:.4g}"
    if not 0.0 <= time_s < 1e9:
        return f"time_s: expected seconds from 0 on, got {time_s:.4g}"
    if len({image.shape for image in raw["rgb"].values()}) > 1:
        return f"rgb: expected images of one size, got {[list(i.shape) for i in raw['rgb'].values()]}"
    return next(filter(None, (_implausible_camera(raw, name) for name in CAMERAS)), None)


def _implausible_camera(raw: Mapping[str, Any], name: str) -> str | None:
    height, width = raw["rgb"][name].shape[:2]
    least, most = _SIDES_PX
    if height % STEP_PX or width % STEP_PX or not least <= min(height, width) <= max(height, width) <= most:
        return (f"rgb.{name}: expected sides that are multiples of {STEP_PX} in [{least}, {most}], got {height} x "
                f"{width}")
    depth = raw["depth"][name]
    if depth.min() < 0 or depth.max() > _FARTHEST_M:
        return f"depth.{name}: expected metres in [0, {_FARTHEST_M}], 0 = no return; are these millimetres?"
    pinhole, pose = raw["cameras"][name]["intrinsics"], raw["cameras"][name]["pose"]
    if not (pinhole[0, 0] > 1 and pinhole[1, 1] > 1 and np.allclose(pinhole[2], [0, 0, 1])):
        return f"cameras.{name}.intrinsics: expected [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in pixels"
    turn = pose[:3, :3]
    is_rigid = np.abs(pose).max() < _FARTHEST_M and np.allclose(turn @ turn.T, np.eye(3), atol=_RIGID)
    if not (is_rigid and np.linalg.det(turn) > 0 and np.allclose(pose[3], [0, 0, 0, 1])):
        return f"cameras.{name}.pose: expected a rotation and a place in metres, the camera in the base's frame"
    return None
