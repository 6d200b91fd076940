"""Set-up compiles bytecode once, whatever PYTHONDONTWRITEBYTECODE says, and it is read then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UNWRITING = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
UNWRITING.pop("PYTHONPYCACHEPREFIX", None)

PYTHON = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/asked"
case "$*" in *"-m pip"*) exit 0 ;; *) exec {python} "$@" ;; esac
"""
"""A Python that installs nothing."""


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout with one module a package, and an environment with a library in it, one file of which is for another
    Python."""
    for name in ("scripts/setup", "scripts/constraints.txt", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    site = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages" / "library"
    for folder, text in ((tmp_path / "embodied", "A = 1"), (tmp_path / "envs", "A = 1"), (site, "A = 1")):
        folder.mkdir(parents=True)
        (folder / "module.py").write_text(text)
    (site / "other.py").write_text("def f[T](a): match: !")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir()
    python.write_text(PYTHON.format(python=sys.executable))
    python.chmod(0o755)
    return tmp_path


def set_up(checkout: Path) -> str:
    environment = {**UNWRITING, "PYTHON": sys.executable}
    environment.pop("EMBODIED_VENV", None)
    return subprocess.run(["bash", "-c", ". scripts/setup"], cwd=checkout, env=environment, capture_output=True,
                          text=True, check=True).stdout


def test_bytecode_is_compiled_once_and_read_though_none_may_be_written(checkout):
    assert "compiling bytecode" in set_up(checkout)
    folders = [checkout / "embodied", checkout / "envs", *checkout.glob(".venv/lib/*/site-packages/library")]
    assert all(list(folder.glob("__pycache__/module.*.pyc")) for folder in folders)
    ran = subprocess.run([sys.executable, "-v", "-c", "import module"], cwd=folders[-1], env=UNWRITING,
                         capture_output=True, text=True, check=True)
    assert "module.cpython-311.pyc matches" in ran.stderr
    assert set_up(checkout) == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_environment_that_may_only_be_read_is_used_as_it_is(checkout):
    set_up(checkout)
    venv = checkout / ".venv"
    (venv / ".compiled").unlink()
    venv.chmod(0o555)
    try:
        assert set_up(checkout) == ""
    finally:
        venv.chmod(0o755)


def test_what_changed_in_the_checkout_is_compiled_by_the_next_set_up(checkout):
    set_up(checkout)
    (checkout / "envs" / "module.py").write_text("A = 22")
    (checkout / "envs" / "new.py").write_text("A = 1")
    set_up(checkout)
    ran = subprocess.run([sys.executable, "-v", "-c", "import module, new; print(module.A)"], cwd=checkout / "envs",
                         env=UNWRITING, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "22"
    assert ran.stderr.count("cpython-311.pyc matches") >= 2


EMBODIED = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/said"
case "$*" in "bases fetch"*) echo "no network" >&2; exit 1 ;; esac
"""
"""An `embodied` that can fetch nothing."""


@pytest.fixture
def demo(checkout, tmp_path_factory):
    """Runs the demo of a checkout that ships the mind on a base: what was printed, and what `embodied` was told."""
    shutil.copy(ROOT / "scripts" / "demo", checkout / "scripts" / "demo")
    (checkout / "embodied" / "weights" / "mind-small").mkdir(parents=True)
    (checkout / "embodied" / "weights" / "mind-small" / "mind.json").write_text("{}")
    command = checkout / ".venv" / "bin" / "embodied"
    command.write_text(EMBODIED)
    command.chmod(0o755)
    set_up(checkout)
    environment = {name: value for name, value in UNWRITING.items() if name not in ("CI", "EMBODIED_FETCH")}
    environment |= {"PYTHON": sys.executable, "PYTHONPATH": str(ROOT),
                    "EMBODIED_CACHE": str(tmp_path_factory.mktemp("cache"))}

    def run(*words: str, **variables: str) -> tuple[str, list[str]]:
        (command.parent / "said").unlink(missing_ok=True)
        ended = subprocess.run(["bash", "scripts/demo", *words], cwd=checkout, env={**environment, **variables},
                               capture_output=True, text=True, check=True)
        return ended.stdout, (command.parent / "said").read_text().splitlines()

    return run


def test_the_demo_says_that_it_fetches_the_base_and_goes_on_without_a_network(demo):
    printed, said = demo("put it there")
    assert "93 MB" in printed and "EMBODIED_FETCH=no" in printed and len(printed.splitlines()) == 1
    assert said == ["bases fetch small", "demo put it there"]


def test_the_base_is_fetched_once_and_only_where_it_is_wanted(demo, checkout, tmp_path):
    base = tmp_path / "here" / "bases" / "small"
    base.mkdir(parents=True)
    (base / "manifest.json").write_text("{}")
    for words, variables in (((), {"EMBODIED_CACHE": str(tmp_path / "here")}), ((), {"EMBODIED_FETCH": "no"}),
                             ((), {"CI": "true"}), (("weights=shipped",), {}), (("policy=oracle",), {})):
        assert demo(*words, **variables) == ("", [" ".join(["demo", *words])])
    shutil.rmtree(checkout / "embodied" / "weights" / "mind-small")
    assert demo() == ("", ["demo"])
