"""Every snippet of the README and of docs/ works as it stands there: Python is run, commands are composed, files exist.

The snippets of one page run one after the other in one interpreter, in a folder of their own. Where a page speaks of a
server or an endpoint on this machine, one of the tests stands there instead.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from embodied.cli.configs import config_dir
from embodied.cli.main import VERBS, _sort_arguments
from embodied.cli.overrides import check
from embodied.cli.secret_settings import merged, withhold
from embodied.typed import read
from tests.embodied.serving.served import TOKEN, Served

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
SERVER, MIND = "http://127.0.0.1:8420", "http://127.0.0.1:8100/v1"


def blocks(page: Path, *languages: str) -> list[str]:
    return [text for language, text in re.findall(r"```(\w*)\n(.*?)```", page.read_text(), re.DOTALL)
            if language in languages]


def commands(page: Path) -> list[str]:
    """Lines of shell blocks, and code in a page's text that is a command of ours."""
    lines = [line for block in blocks(page, "bash", "") for line in block.splitlines()]
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    inline = re.findall(rf"`(embodied (?:{'|'.join(VERBS)})\b[^`<]*|(?:python )?(?:\./)?scripts/[^`<]*)`", prose)
    return [line for line in [*lines, *inline] if re.match(r"(\S+/)?(embodied |python scripts/|\./scripts/)", line)]


WITH_PYTHON = [page for page in PAGES if blocks(page, "python")]
COMMANDS = sorted({(page.name, command) for page in PAGES for command in commands(page)})


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What stands where the pages say that a server and an endpoint stand; started when first asked for."""
    with ExitStack() as ends:
        yield _Places(ends)


class _Places(dict):
    def __init__(self, ends: ExitStack) -> None:
        self._ends = ends

    def __missing__(self, place: str) -> str:
        self[place] = {SERVER: self._serve, MIND: self._think}[place]()
        return self[place]

    def _serve(self) -> str:
        return self._ends.enter_context(Served()).url

    def _think(self) -> str:
        mind = self._ends.enter_context(subprocess.Popen(
            [sys.executable, str(ROOT / "scripts" / "scripted_mind.py"), "--port", "0"], stdout=subprocess.PIPE,
            text=True))
        self._ends.callback(mind.terminate)
        return mind.stdout.readline().split()[0].removeprefix("base_url=")


@pytest.mark.weights
@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.stem)
def test_python_runs(page: Path, places, tmp_path):
    code = "\n".join(blocks(page, "python"))
    for place in (SERVER, MIND):
        if place in code:
            code = code.replace(place, places[place])
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300,
                         env={**_environment(), "EMBODIED_TOKEN": TOKEN}, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    if page.name == "README.md":
        assert re.search(r"-> +pick\(obj_\d+\); place_in\(obj_\d+\)", ran.stdout)
        assert "let go inside the container" in ran.stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_shell_can_be_read(page: Path):
    for block in blocks(page, "bash"):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True, capture_output=True)


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=lambda value: value[:60].replace("/", "|"))
def test_commands_are_understood(page: str, command: str, monkeypatch):
    """Verbs by composing their configuration, without running them; scripts by their files and options."""
    words = [word for word in shlex.split(command, comments=True) if word not in ("&", "|")]
    if words[0].endswith("embodied"):
        monkeypatch.setenv("OPENAI_API_KEY", "a key")
        _compose(words[1], words[2:])
        return
    script = next(word for word in words if "scripts/" in word)
    text = (ROOT / script).read_text()
    if script.endswith(".py"):
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        assert not [option for option in options if f'"{option}"' not in text]


def _compose(name: str, rest: list[str]) -> None:
    if "--help" in rest or name in ("<verb>", "--help"):
        return
    verb = importlib.import_module(f"embodied.cli.{name}")
    overrides, text, flags = _sort_arguments(verb, rest)
    public, secrets = withhold(verb.Settings, [o for o in overrides if not o.endswith("...")])
    for values in check(config_dir(), name, public, "multirun" in flags):
        read(verb.Settings, merged(values, {**secrets, **({verb.TAKES_TEXT: text} if text else {})}))


def test_every_verb_is_in_the_readme():
    named = set(re.findall(r"`embodied (\w+)", (ROOT / "README.md").read_text()))
    assert named == set(VERBS)


def test_the_readme_has_one_table_of_commands_and_its_links_lead_somewhere():
    text = (ROOT / "README.md").read_text()
    assert text.count("| command | what it does |") == 1
    assert not re.search(r"\|\n\n\|", text), "a table is torn"
    assert not [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not (ROOT / link).exists()]
