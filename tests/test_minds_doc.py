"""What docs/minds.md shows works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from embodied.cli.settings import ChatSettings

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "minds.md").read_text()


@pytest.mark.weights
def test_the_first_lines_reach_a_mind_by_prompt_and_act(tmp_path):
    server = subprocess.Popen([sys.executable, str(ROOT / "scripts" / "scripted_mind.py"), "--port", "0"],
                              stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().split()[0].removeprefix("base_url=")
        code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL).group(1)
        assert "http://127.0.0.1:8100/v1" in code
        ran = subprocess.run([sys.executable, "-c", code.replace("http://127.0.0.1:8100/v1", address)], cwd=tmp_path,
                             capture_output=True, text=True, timeout=300)
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()
    assert ran.returncode == 0, ran.stderr
    assert '"skill": "pick"' in ran.stdout


def test_every_setting_that_the_page_names_exists():
    named = set(re.findall(r"chat\.(\w+)", PAGE))
    assert named and named <= set(ChatSettings.__dataclass_fields__), named
