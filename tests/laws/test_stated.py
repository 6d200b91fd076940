"""Public functions and records say the shapes and units of what they take and give."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.stated import places, shares

LEAST = {"embodied.models": 0.9, "embodied.prompt": 0.9, "embodied.serving": 0.9, "embodied.training": 0.9}
"""Room -> the least share of its places that state them."""

EXAMPLE = '''
"""Text."""

def told(points: np.ndarray, wait_s: float, part: float) -> np.ndarray:
    """float64[P]: distances. points: float64[P, 3]. part: a share of them."""

def shaped(points: Float[np.ndarray, "P 3"]) -> None: ...

def same(points: np.ndarray) -> float:
    """See `told`."""

def silent(points: np.ndarray, wait: float) -> float:
    """It's what comes of it."""

def plain(count: int) -> str: ...

def _own(points: np.ndarray) -> float: ...

class Record:
    size: float  # m
    speed: float
    """rad/s"""
    weight: float = Field(1.0, description="in kg")
    number: float
'''


@pytest.fixture(scope="module")
def found():
    return list(places())


@pytest.mark.parametrize("room", LEAST)
def test_a_room_says_what_its_numbers_are(room: str, found):
    stated, of = shares(found)[room]
    silent = [f"{place.name}: {', '.join(name or 'result' for name in place.silent)}" for place in found
              if place.room == room and place.silent]
    assert stated >= LEAST[room] * of, f"say shape or unit in the docstring or the name of: {'; '.join(silent)}"


def test_what_is_not_said_is_found(tmp_path: Path):
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "example.py").write_text(EXAMPLE)
    found = {place.name.removeprefix("envs.example."): place.silent for place in places(tmp_path)}
    assert found == {"told": (), "shaped": (), "same": (), "silent": ("points", "wait", ""), "Record": ("number",)}
