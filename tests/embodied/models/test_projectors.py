"""Projectors: shapes, what each reads, and what they start as."""

from __future__ import annotations

import pytest
import torch

from embodied.models.configuration import PalmEConfig
from embodied.models.encoding import ProjectorSizes, pooled
from embodied.models.known_keys import PROJECTORS
from embodied.models.projectors import make_projector
from embodied.models.scene_encoders import find_encoder

NAMED = [name for name in PROJECTORS if name != "own"]
SIZES = ProjectorSizes(vision_width=12, geometry_size=11, width=16, language_width=20, soft_tokens=4, scale=0.02)


@pytest.mark.parametrize("name", NAMED)
def test_soft_tokens_come_of_what_was_seen_and_of_what_was_measured(name):
    torch.manual_seed(0)
    projector = make_projector(name, find_encoder("slots"), SIZES)
    tokens, geometry = torch.randn(3, 9, 12), torch.randn(3, 11)
    made = projector(tokens, geometry)
    assert made.shape == (3, 4, 20) and made.std() < 0.2  # as small as words
    for other in (projector(tokens.flip(0), geometry), projector(tokens, geometry.flip(0))):
        assert not torch.allclose(made, other, atol=1e-6)


@pytest.mark.parametrize("name", NAMED)
def test_one_source_is_enough(name):
    """Without a tower (state vectors), and without measurements (whole images)."""
    blind = ProjectorSizes(0, 11, 16, 20, 2, 0.02)
    assert make_projector(name, find_encoder("state"), blind)(None, torch.randn(3, 11)).shape == (3, 2, 20)
    image = ProjectorSizes(12, 0, 16, 20, 4, 0.02)
    assert make_projector(name, find_encoder("image"), image)(torch.randn(2, 16, 12), torch.zeros(2, 0)).shape == (
        2, 4, 20)


def test_squares_are_pooled_as_squares():
    grid = torch.arange(16.0).reshape(1, 16, 1)
    assert pooled(grid, 4).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert pooled(grid[:, :6], 2).flatten().tolist() == [1.0, 4.0]
    assert pooled(grid, 1).item() == 7.5


def test_an_unknown_projector_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"projector.*linear"):
        PalmEConfig(projector="quadratic")
