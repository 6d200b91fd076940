"""All tests run with shapes checked where arrays enter (tests/shapes.py): a wrong one fails the test."""

from __future__ import annotations

from tests import shapes

shapes.install()
