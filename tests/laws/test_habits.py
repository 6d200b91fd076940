"""Habits that the house keeps: no code execution from text, no pickles, no rooms called utils, an agreed root."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from embodied.version import __version__
from tests.laws.test_imports import FILES, ROOT, module_name

BANNED_MODULES = {"pickle", "dill", "cloudpickle", "marshal", "shelve"}
BANNED_CALLS = {"eval", "exec", "__import__"}
AT_ROOT = {"pyproject.toml", "README.md", "embodied", "envs", "configs", "tests", "scripts", "LICENSE", "CHANGELOG.md",
           "CONTRIBUTING.md", "docs"}


def tracked() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    return subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_nothing_runs_code_from_data(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {a.name for a in node.names} | {getattr(node, "module", None) or ""}
            assert not {n.split(".")[0] for n in names} & BANNED_MODULES
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in BANNED_CALLS and called not in {"torch.load", "yaml.load", "hydra.utils.instantiate"}
            assert not any(k.arg == "allow_pickle" and ast.unparse(k.value) == "True" for k in node.keywords)


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_files_stay_readable(path: Path):
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "every file opens by saying what it is for"
    assert len(text.splitlines()) <= 400
    assert "utils" not in path.stem


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_functions_fit_one_thought(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 40, f"{node.name} has {lines} lines"


def test_the_root_holds_what_was_agreed():
    extra = {name.split("/")[0] for name in tracked()} - AT_ROOT
    assert not {name for name in extra if not name.startswith(".")}


def test_simulation_never_reads_the_wall_clock():
    for path in ROOT.glob("envs/**/*.py"):
        assert not re.search(r"\btime\.(time|sleep|monotonic|perf_counter)\(", path.read_text()), path


def test_no_global_random_state():
    for path in FILES:
        drawn = re.search(r"\bnp\.random\.(seed|rand|randn|randint|choice|shuffle|uniform|normal)\(", path.read_text())
        assert not drawn, path


def _renames(node: ast.AST) -> bool:
    """Whether a call renames a file: of a path `rename` or the `replace` with one argument, of `os` either."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    is_of_os, has_one = ast.unparse(node.func.value) == "os", len(node.args) == 1 and not node.keywords
    return node.func.attr == "rename" or (node.func.attr == "replace" and (is_of_os or has_one))


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_files_are_published_by_one_module(path: Path):
    if module_name(path) != "embodied.data.files":
        assert not [node.lineno for node in ast.walk(ast.parse(path.read_text())) if _renames(node)], path


def test_an_error_is_defined_once():
    places: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                places.setdefault(node.name, []).append(module_name(path))
    assert not {name: modules for name, modules in places.items() if len(modules) > 1}


def test_the_distribution_has_the_version_of_the_package():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__
