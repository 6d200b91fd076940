"""All tests run with shapes checked where arrays enter (tests/shapes.py): a wrong one fails the test. No base is on a
test's machine, whatever its cache holds: what stands on one is neither fetched nor loaded.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import shapes

shapes.install()


@pytest.fixture(scope="session", autouse=True)
def _no_bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMBODIED_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("EMBODIED_FETCH", "no")
        yield
