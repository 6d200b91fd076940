"""The check that every observation passes before a planner sees it: finite numbers, agreed dtypes and shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

_VECTORS = (("joint_pos", (None,)), ("tool_pose", (7,)), ("gripper_width_m", (1,)), ("time_s", (1,)))
_CALIBRATION = (("intrinsics", (3, 3)), ("pose", (4, 4)))


def fault(raw: Mapping[str, Any]) -> str | None:
    """What is wrong with an observation of a skill-level environment, as a clause; None when it can be trusted."""
    try:
        return next(_faults(raw), None)
    except (KeyError, TypeError, AttributeError) as missing:
        return f"nonfinite or malformed observation, {type(missing).__name__} at {missing}"


def _faults(raw: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(raw["instruction"], str):
        yield f"nonfinite or malformed observation, instruction is {type(raw['instruction']).__name__}, expected str"
    for name, value, dtype, shape in _fields(raw):
        if not isinstance(value, np.ndarray) or value.dtype != dtype or not _fits(value.shape, shape):
            yield f"nonfinite or malformed observation, {name} is {_form(value)}, expected {_wanted(dtype, shape)}"
        elif not np.isfinite(value).all():
            yield f"nonfinite observation, {name}"


def _fields(raw: Mapping[str, Any]) -> Iterator[tuple[str, Any, type, tuple[int | None, ...]]]:
    """(name, value, dtype, shape) of each array; None in a shape stands for any length above 0."""
    for camera in raw["rgb"]:
        yield f"rgb.{camera}", raw["rgb"][camera], np.uint8, (None, None, 3)
        yield f"depth.{camera}", raw["depth"][camera], np.float32, raw["rgb"][camera].shape[:2]
        for name, shape in _CALIBRATION:
            yield f"cameras.{camera}.{name}", raw["cameras"][camera][name], np.float64, shape
    for name, shape in _VECTORS:
        yield name, raw[name], np.float64, shape


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    if len(shape) != len(wanted):
        return False
    return all(n == w or (w is None and n > 0) for n, w in zip(shape, wanted, strict=True))


def _form(value: Any) -> str:
    return f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else type(value).__name__


def _wanted(dtype: type, shape: tuple[int | None, ...]) -> str:
    return f"{np.dtype(dtype)}[{', '.join('N' if n is None else str(n) for n in shape)}]"
