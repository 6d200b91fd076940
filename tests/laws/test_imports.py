"""Who may import whom, read from the syntax trees."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.laws.architecture import HOME, LEAVES, MAY_IMPORT, TORCH_ALLOWED, TORCH_FREE

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("envs/**/*.py"), *ROOT.glob("embodied/**/*.py")])


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Every module that a file imports anywhere, `from a import b` as both a and a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the whole name"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def is_within(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def room_of(module: str) -> str | None:
    return max((room for room in MAY_IMPORT if is_within(module, room)), key=len, default=None)


def is_allowed(target: str, room: str) -> bool:
    """Whether `room` may import `target`: a room by the law, or the bare package that holds it."""
    lawful = [*MAY_IMPORT[room], *LEAVES, room]
    return "*" in lawful or target in {"embodied", "envs"} or any(is_within(target, r) for r in lawful)


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_rooms_import_only_what_the_law_allows(path: Path):
    room = room_of(module_name(path))
    if room is None:
        assert module_name(path) in {"embodied", "envs"}, f"{path} is in no room of the law"
        return
    ours = {name for name in imports(path) if room_of(name) or name in {"embodied", "envs"}}
    unlawful = sorted(name for name in ours if not is_allowed(name, room))
    assert not unlawful, f"{room} may not import {unlawful}"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_libraries_stay_at_home(path: Path):
    module = module_name(path)
    for name in imports(path):
        homes = HOME.get(name.split(".")[0])
        is_at_home = homes is None or any(is_within(module, home) for home in homes)
        assert is_at_home, f"{module} imports {name}; home: {homes}"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_torch_stays_out_of_the_world_and_of_plans(path: Path):
    module = module_name(path)
    if any(is_within(module, free) for free in TORCH_FREE) and module not in TORCH_ALLOWED:
        assert not {name for name in imports(path) if name.split(".")[0] in {"torch", "transformers", "timm"}}


def test_the_law_would_be_broken_by_a_trespass(tmp_path: Path):
    trespasser = tmp_path / "trespasser.py"
    trespasser.write_text("def f():\n    from embodied.models import planner\n    import pybullet\n")
    assert not is_allowed("embodied.models.planner", "envs.tasks")
    assert imports(trespasser) == {"embodied.models", "embodied.models.planner", "pybullet"}


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_leaf_imports_nothing_of_ours(leaf: str):
    path = ROOT / f"{leaf.replace('.', '/')}.py"
    assert not {name for name in imports(path) if room_of(name)}


@pytest.mark.parametrize("package", ["embodied", "envs"])
def test_importing_a_house_loads_no_heavy_library(package: str):
    heavy = ["torch", "transformers", "timm", "ray", "hydra", "pybullet", "matplotlib", "scipy"]
    code = f"import sys, {package}; print([m for m in {heavy} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
