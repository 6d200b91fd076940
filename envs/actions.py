"""Skill calls as gymnasium actions: one form for every plan language, any number of arguments of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from envs.interface import Box, Referent, SkillCall
from envs.names import unknown
from envs.skills.signatures import Parameter, Signature
from envs.spaces import AnyText

FAR_M = 1.0
"""Of a box from the origin, along each axis: nothing beyond is pointed at."""


class ActionError(ValueError):
    """An action that is no call; the message says why, as a clause."""


class CallActions:
    """The actions of a robot's skills, P rows for the most arguments of a kind that one of the skills takes:

    skill: int64, index of `skills`. box: float32[P, 7], m and rad, of an object that was measured; zeros for none.
    camera: int64[P] and pixel: int64[P, 2], column and row: where an object without a box is seen. text: P texts.
    number: float64[P].

    The arguments of a kind stand in their order in the first rows; the other rows are not read. A part that none of the
    skills needs is left out, and every other part is there in every action; text may be missing from that of a skill
    which takes none.
    """

    def __init__(self, signatures: Iterable[Signature], cameras: Sequence[str] = (), image_size: int = 0) -> None:
        """cameras: names of those whose pixels can be pointed at; none where depth is not known. image_size: side of
        their square images, pixels."""
        self.skills: Mapping[str, Signature] = {s.name: s for s in signatures}
        self._names, self._cameras = tuple(self.skills), tuple(cameras)
        self._rows = {kind: max((_kinds(s).count(kind) for s in self.skills.values()), default=0)
                      for kind in ("object", "text", "number")}
        self._image_size = image_size
        self.space = spaces.Dict(self._parts())

    def _parts(self) -> dict[str, spaces.Space]:
        """Part of an action -> its space."""
        objects, texts, numbers = self._rows.values()
        parts: dict[str, spaces.Space] = {"skill": spaces.Discrete(len(self._names))}
        if objects:
            parts["box"] = spaces.Box(-FAR_M, FAR_M, (objects, 7), np.float32)
        if objects and self._cameras:
            parts["camera"] = spaces.MultiDiscrete([len(self._cameras)] * objects)
            parts["pixel"] = spaces.MultiDiscrete(np.full((objects, 2), self._image_size))
        if texts:
            parts["text"] = spaces.Tuple([AnyText() for _ in range(texts)])
        if numbers:
            bounds = [(p.low, p.high) for s in self.skills.values() for p in s.parameters if p.kind == "number"]
            parts["number"] = spaces.Box(min(low for low, _ in bounds), max(high for _, high in bounds), (numbers,),
                                         np.float64)
        return parts

    def encode(self, call: SkillCall) -> dict[str, Any]:
        """The action of a call; a box goes before a pixel. Raises ValueError for a skill that the robot has not, for
        arguments that are not those of the skill, and for objects that are measured nowhere."""
        if call.skill not in self.skills:
            raise ValueError(f"expected a skill of {list(self.skills)}, got {call.skill!r}")
        if reason := self.skills[call.skill].misfit(call.arguments):
            raise ValueError(f"expected {call.skill} with arguments of kinds {_kinds(self.skills[call.skill])}, got a "
                             f"call that {reason}")
        action, rows = self._blank(self._names.index(call.skill)), self._rows_of(call.skill)
        for (parameter, row), argument in zip(rows, call.arguments, strict=True):
            if parameter.kind == "object":
                self._point(action, row, argument)
            else:
                action[parameter.kind][row] = argument
        return {**action, "text": tuple(action["text"])} if "text" in action else action

    def _blank(self, skill: int) -> dict[str, Any]:
        """An action of a skill without arguments; its texts are a list."""
        empty = {key: np.zeros(part.shape, part.dtype) for key, part in self.space.items() if part.shape}
        texts = {"text": [""] * self._rows["text"]} if self._rows["text"] else {}
        return {"skill": np.int64(skill), **empty, **texts}

    def _point(self, action: dict[str, Any], row: int, referent: Referent) -> None:
        """Writes into an action where an object was measured."""
        if referent.box is not None:
            action["box"][row] = referent.box.as_vector()
        elif referent.pixel is not None and self._cameras:
            camera = referent.camera or self._cameras[0]
            if camera not in self._cameras:
                raise ValueError(unknown(camera, self._cameras, what="camera"))
            action["camera"][row], action["pixel"][row] = self._cameras.index(camera), referent.pixel
        elif referent.pixel is None:
            raise ValueError(f"expected an object with a box or a pixel, got {referent.words!r}, measured nowhere")

    def decode(self, action: Mapping[str, Any]) -> SkillCall:
        """The call of an action, objects by box or pixel, without words. Raises ActionError."""
        if not isinstance(action, Mapping) or not {*self.space} - {"text"} <= {*action} <= {*self.space}:
            got = ", ".join(sorted(map(str, action))) if isinstance(action, Mapping) else type(action).__name__
            raise ActionError(f"the action is malformed: expected the parts {', '.join(self.space)}, got {got}")
        skill = self._names[_whole(action["skill"], "skill", len(self._names))]
        arguments = tuple(self._read(action, parameter, row) for parameter, row in self._rows_of(skill))
        if reason := self.skills[skill].misfit(arguments):
            raise ActionError(f"{skill}, {reason}")
        return SkillCall(skill, arguments)

    def _rows_of(self, skill: str) -> list[tuple[Parameter, int]]:
        """Each parameter of a skill, and the row of its kind that holds its argument."""
        kinds = _kinds(self.skills[skill])
        return [(p, kinds[:place].count(p.kind)) for place, p in enumerate(self.skills[skill].parameters)]

    def _read(self, action: Mapping[str, Any], parameter: Parameter, row: int) -> Referent | str | float:
        if parameter.kind == "object":
            return self._referent(action, row)
        if parameter.kind == "text":
            return _texts(action.get("text"), self._rows["text"])[row]
        return float(self._array(action, "number")[row])

    def _referent(self, action: Mapping[str, Any], row: int) -> Referent:
        vector = self._array(action, "box")[row]
        if vector.any():
            return Referent("", box=Box.from_vector(vector))
        if not self._cameras:
            raise ActionError("the call says of no box where it means, and pixels have no depth here")
        camera = self._cameras[_whole(self._array(action, "camera")[row], "camera", len(self._cameras))]
        column, row = (_whole(value, "pixel") for value in self._array(action, "pixel")[row])
        return Referent("", camera=camera, pixel=(column, row))

    def _array(self, action: Mapping[str, Any], part: str) -> np.ndarray:
        """float64[P, ...]: a part of an action. Raises ActionError for another shape, and for what is no number."""
        shape = self.space[part].shape
        return _made(lambda: np.asarray(action[part], np.float64), part, shape)


def _kinds(signature: Signature) -> list[str]:
    return [p.kind for p in signature.parameters]


def _made(make: Callable[[], np.ndarray], part: str, shape: tuple[int, ...]) -> np.ndarray:
    try:
        array = make()
    except (TypeError, ValueError, OverflowError):
        raise ActionError(f"the action is malformed: {part} holds no numbers") from None
    if array.shape != shape:
        raise ActionError(f"the action is malformed: expected {part} of shape {list(shape)}, got {list(array.shape)}")
    return array


def _texts(value: Any, count: int) -> tuple[str, ...]:
    if not isinstance(value, tuple | list) or len(value) != count or not all(isinstance(v, str) for v in value):
        raise ActionError(f"the action is malformed: expected text of {count} text{'s' * (count > 1)} in a tuple")
    return tuple(value)


def _whole(value: Any, part: str, end: int | None = None) -> int:
    """A whole number in [0, end) from a number or array of one. Raises ActionError."""
    number = _made(lambda: np.asarray(np.asarray(value, np.float64).item()), part, ()).item()
    if not 0 <= number < (np.inf if end is None else end) or number != int(number):
        raise ActionError(f"the action is malformed: {part} is no whole number"
                          f"{' from 0' if end is None else f' from 0 to {end - 1}'}")
    return int(number)
