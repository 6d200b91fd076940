"""What the README shows works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()


@pytest.mark.weights
def test_the_five_lines_load_the_model_and_act(tmp_path):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1)
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert "pick(obj_" in ran.stdout and "let go inside the container" in ran.stdout


def test_every_verb_of_the_readme_exists():
    from embodied.cli.main import VERBS

    assert set(re.findall(r"`embodied (\w+)", README)) == set(VERBS)
