"""Eyes by name: a segmenter alone, or that of a whole model; altered ones are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from embodied.agents.eyes import Eyes, check_eyes, eyes_folder, load_eyes
from embodied.agents.shipped import WEIGHTS
from embodied.models.checkpoint_checks import CheckpointError

pytestmark = pytest.mark.weights


def test_shipped_eyes_are_a_segmenter_alone_and_cost_what_the_planners_do() -> None:
    perceive = load_eyes("eyes")
    segmenter = perceive.__self__.segmenter

    assert isinstance(perceive.__self__, Eyes)
    assert sum(p.numel() for p in segmenter.parameters()) < 215_000
    assert eyes_folder("eyes") == WEIGHTS / "eyes"


def test_the_eyes_of_a_model_are_its_segmenter() -> None:
    check_eyes("tabletop-tiny")
    assert eyes_folder("tabletop-tiny") == WEIGHTS / "tabletop-tiny"


def test_altered_eyes_are_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(WEIGHTS / "eyes", tmp_path / "eyes")
    weights = bytearray((folder / "segmenter.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "segmenter.safetensors").write_bytes(weights)

    with pytest.raises(CheckpointError, match="SHA-256"):
        load_eyes(folder)


def test_eyes_that_are_not_there_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="expected one of"):
        check_eyes("nobodys")
