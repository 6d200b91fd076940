"""A package offers names of its modules, each imported when it is first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import envs.world
from envs.reexport import lazily


def test_a_name_comes_from_its_module():
    from envs.world.world import World

    assert envs.world.World is World and lazily("envs.world", {"World": "world"})("World") is World


def test_a_name_that_is_not_offered_is_answered_with_those_that_are():
    with pytest.raises(AttributeError, match=r"'envs\.world' has no attribute 'Word'; it has \[.*'World'\]"):
        _ = envs.world.Word


def test_entering_a_package_imports_none_of_its_modules():
    code = "import sys, envs.world; print([m for m in sys.modules if m.startswith('envs.world.')])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"
