"""What docs/minds.md shows exists; its snippets are run with those of all pages (`test_snippets.py`)."""

from __future__ import annotations

import re
from pathlib import Path

from embodied.cli.settings import ChatSettings

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "minds.md").read_text()


def test_every_setting_that_the_page_names_exists():
    named = set(re.findall(r"chat\.(\w+)", PAGE))
    assert named and named <= set(ChatSettings.__dataclass_fields__), named
