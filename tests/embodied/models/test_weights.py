"""Weights as bytes: they come back bit for bit, tied ones once, and those of another model change nothing."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load, save

from embodied.models.weights import load_weights, weights_to_bytes


class Tied(torch.nn.Module):
    """An embedding that is its own head, a layer, and a buffer."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.embed, self.head = torch.nn.Embedding(5, width), torch.nn.Linear(width, 5, bias=False)
        self.head.weight = self.embed.weight
        self.middle = torch.nn.Linear(width, width)
        self.register_buffer("origin", torch.arange(3.0))


def test_they_come_back_bit_for_bit_into_the_same_tensors():
    source, target = Tied(), Tied()
    kept = target.embed.weight
    content = weights_to_bytes(source)
    assert set(load(content)) == {"embed.weight", "middle.weight", "middle.bias", "origin"}
    load_weights(target, content)
    assert target.embed.weight is kept is target.head.weight
    assert all(torch.equal(a, b) for a, b in zip(source.state_dict().values(), target.state_dict().values(),
                                                 strict=True))


def test_a_tied_tensor_may_come_by_either_name():
    source, target = Tied(), Tied()
    given = load(weights_to_bytes(source))
    load_weights(target, save({**{k: v for k, v in given.items() if k != "embed.weight"},
                               "head.weight": given["embed.weight"]}))
    assert torch.equal(target.embed.weight, source.embed.weight)


def without(name: str) -> bytes:
    return save({k: v for k, v in load(weights_to_bytes(Tied())).items() if k != name})


@pytest.mark.parametrize(("weights", "message"), [
    (lambda _: without("middle.bias"), r"missing: middle\.bias; give"),
    (lambda _: save({**load(weights_to_bytes(Tied())), "more": torch.ones(1)}), "unexpected: more"),
    (lambda _: weights_to_bytes(Tied(4)), r"misshapen: .*middle\.bias"),
    (lambda _: b"no such thing", "safetensors' form"),
    (lambda folder: folder / "nothing.safetensors", "safetensors' form"),
])
def test_what_does_not_fit_changes_nothing(weights, message, tmp_path):
    model = Tied()
    before = weights_to_bytes(model)
    with pytest.raises(ValueError, match=message):
        load_weights(model, weights(tmp_path))
    assert weights_to_bytes(model) == before
