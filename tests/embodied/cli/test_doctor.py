"""What the doctor says of weights: minds are checked whole, and what stands on a base is not loaded for it."""

from __future__ import annotations

import shutil

import pytest

from embodied.agents import minds
from embodied.agents.mind_card import CARD, write_card
from embodied.agents.shipped import weights_path
from embodied.bases.cache import MANIFEST, place_of
from embodied.cli.doctor import _weights

pytestmark = pytest.mark.weights


@pytest.fixture
def mind(tmp_path, monkeypatch):
    """Makes a folder of a mind; the cache is empty."""
    monkeypatch.setenv("EMBODIED_CACHE", str(tmp_path / "cache"))

    def make(base: str | None):
        folder = shutil.copytree(weights_path("tabletop-tiny"), tmp_path / "mind")
        (folder / CARD).write_text(write_card(base))
        return folder

    return make


def test_a_mind_on_a_base_is_not_loaded(mind, monkeypatch):
    folder = mind("small")
    monkeypatch.setattr("embodied.models.loading.load", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(ValueError, match="embodied bases fetch small"):
        _weights(str(folder))
    place_of("small").mkdir(parents=True)
    (place_of("small") / MANIFEST).write_text("{}")
    check = _weights(str(folder))
    assert check.state == "ok" and "a mind on the base small, which is here" in check.detail


def test_a_mind_whose_eyes_are_missing_is_broken(mind):
    folder = mind(None)
    (folder / CARD).write_text('{"eyes": "none"}')
    with pytest.raises(ValueError, match="none"):
        _weights(str(folder))


def test_the_second_best_mind_says_what_it_lacks(mind, monkeypatch):
    folder = mind(None)
    monkeypatch.setattr(minds, "mind_folder", lambda weights: folder)
    monkeypatch.setattr(minds, "notice", lambda weights: None)  # whatever is shipped beside it
    assert _weights("mind").state == "ok" and "M parameters" in _weights("mind").detail
    monkeypatch.setattr(minds, "notice", lambda weights: "it lacks its base")
    assert _weights("mind").state == "note" and _weights("mind").detail.endswith("it lacks its base")
