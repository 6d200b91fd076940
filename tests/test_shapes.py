"""Shapes are enforced while tests run, and nothing of it is there in production."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Float, TypeCheckError

from embodied.compat import guard_torchvision
from embodied.training.objectives.losses import naming_loss, segmenter_loss, token_cross_entropy
from envs.interface import Box, Camera
from tests import shapes
from tests.test_start import loaded_by

guard_torchvision()

ROOT = Path(__file__).parents[1]
CAMERA = Camera(np.eye(3), np.eye(4))
IMAGE = torch.zeros(2, 16, 16)
TARGETS = {"foreground": IMAGE, "weights": IMAGE, "votes": torch.zeros(2, 4, 16, 16)}

WRONG = {
    "a depth image of three axes": lambda: CAMERA.lift(np.zeros((4, 4, 1), np.float32)),
    "points with four numbers": lambda: CAMERA.project(np.zeros((5, 4))),
    "a pose of three rows": lambda: Camera(np.eye(3), np.eye(4)[:3]),
    "points in a row of their own": lambda: Box.from_points(np.zeros((1, 5, 3))),
    "logits of other positions": lambda: token_cross_entropy(torch.zeros(3, 7), torch.zeros(4, dtype=torch.int64)),
    "targets that are no whole numbers": lambda: token_cross_entropy(torch.zeros(3, 7), torch.zeros(3)),
    "soft tokens without their axis": lambda: naming_loss(torch.zeros(2, 8), torch.ones(9, 8),
                                                          torch.ones(2, 1, dtype=torch.int64)),
    "words of another width": lambda: naming_loss(torch.zeros(2, 1, 8), torch.ones(9, 4),
                                                  torch.ones(2, 1, dtype=torch.int64)),
    "votes with the axis last": lambda: segmenter_loss(IMAGE, torch.zeros(2, 16, 16, 4), TARGETS),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_a_wrong_shape_is_an_error(call):
    with pytest.raises(TypeCheckError):
        call()


def test_a_projector_refuses_tokens_of_another_number_of_pictures():
    from embodied.models.encoding import ProjectorSizes
    from embodied.models.scene_encoders import find_encoder

    encoder = find_encoder("slots")
    sizes = ProjectorSizes(vision_width=6, geometry_size=encoder.geometry_size, width=8, language_width=8,
                           soft_tokens=1, scale=0.02)
    projector, tokens = encoder.make_projector(sizes), torch.zeros(2, 4, 6)
    assert projector(tokens, torch.zeros(2, encoder.geometry_size)).shape == (2, 1, 8)
    with pytest.raises(TypeCheckError, match=r"(?s)SlotProjector\.forward.*'geometry'"):
        projector(tokens, torch.zeros(1, encoder.geometry_size))  # would be broadcast


def test_the_planner_refuses_labels_of_another_length():
    from embodied.models.planner import PalmEForConditionalGeneration

    ids = torch.zeros(2, 5, dtype=torch.int64)
    with pytest.raises(TypeCheckError, match=r"(?s)PalmEForConditionalGeneration\.forward.*'labels'"):
        PalmEForConditionalGeneration.forward(None, input_ids=ids, labels=ids[:, 1:])


def modules() -> list[Path]:
    paths = [ROOT / one.replace(".", "/") for one in shapes.CHECKED]
    return [file for path in paths for file in ([*path.rglob("*.py")] if path.is_dir() else [path.with_suffix(".py")])]


def test_every_kind_that_the_code_writes_is_checked():
    for house in ("embodied", "envs"):
        for path in (ROOT / house).rglob("*.py"):
            for names in re.findall(r"from jaxtyping import (.+)", path.read_text()):
                assert path in modules(), f"{path}: its shapes are checked by nothing; add it to tests.shapes.CHECKED"
                assert set(names.split(", ")) <= set(shapes.KINDS), path


def test_a_shape_that_cannot_be_read_stops_the_tests():
    def scaled(image: Float[Picture, "H W"]):  # noqa: F821 - that is the point
        return image

    with pytest.raises(NameError, match="Picture"):
        shapes.checked(scaled)


def test_the_decorator_stands_innermost_and_only_where_shapes_are():
    text = "@other\ndef f(a: Float[Tensor, 'B T']): ...\ndef g(a: int): ...\n@dataclass\nclass R:\n    a: Int[X, ' N']"
    function, plain, record = shapes.with_checks(ast.parse(text)).body
    assert [ast.unparse(one) for one in function.decorator_list] == ["other", "_checked_shapes"]
    assert plain.decorator_list == []
    assert [ast.unparse(one) for one in record.decorator_list] == ["_checked_fields", "dataclass"]


@pytest.mark.weights
def test_nothing_is_checked_in_production():
    code = "import embodied; from embodied.models.planner import PalmEForConditionalGeneration as M; " \
           "embodied.load_agent(); assert not hasattr(M.forward, '__wrapped__')"
    assert loaded_by(code, ["jaxtyping", "beartype"]) == []
