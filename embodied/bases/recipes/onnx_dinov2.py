"""The DINOv2 backbone inside a graph of ONNX, written as the `Dinov2Model` of transformers that it was traced from.

The graph's nodes bear the names of the modules that made them; weights of linear layers lie there transposed and
without a name. An ONNX file is a tree of protocol buffers: a few of its fields are read here, and nothing is run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import Dinov2Config

from embodied.bases.catalogue import BaseError

_PART = "backbone."
_SIZES = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6, "patch_size": 14, "image_size": 518}
_PICTURES = {"image_processor_type": "BitImageProcessor", "do_resize": True, "size": {"shortest_edge": 224},
             "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_GRAPH, _NODE, _INITIALIZER = 7, 1, 5  # of a model; of a graph
_INPUT, _NAME, _KIND = 1, 3, 4  # of a node
_DIMS, _TYPE, _TENSOR_NAME, _RAW = 1, 2, 8, 9  # of a tensor
_FLOAT = 1

Fields = Iterator[tuple[int, int | memoryview]]


@dataclass(frozen=True, slots=True)
class _Node:
    name: str
    kind: str
    inputs: tuple[str, ...]


def convert(path: Path, folder: Path) -> None:
    """Write the model. BaseError where the graph holds no DINOv2 of this size."""
    try:
        tensors, nodes = read_graph(path)
        weights = dict(_weights(tensors, nodes))
        Dinov2Config(**_SIZES, architectures=["Dinov2Model"]).save_pretrained(folder)
        (folder / "preprocessor_config.json").write_text(json.dumps(_PICTURES, indent=2) + "\n", encoding="utf-8")
    except (IndexError, ValueError, KeyError) as error:
        raise BaseError(f"{path.name}: expected a DINOv2 in a graph of ONNX, got another or a damaged one ({error})"
                        ) from error
    save_file({name: torch.from_numpy(np.array(array, order="C")) for name, array in weights.items()},
              folder / "model.safetensors", metadata={"format": "pt"})


def _weights(tensors: dict[str, np.ndarray], nodes: list[_Node]) -> Iterator[tuple[str, np.ndarray]]:
    """Name in transformers -> array."""
    for name, array in tensors.items():
        if name.startswith(_PART):
            yield name.removeprefix(_PART), array
    at = "/backbone/"
    for node in nodes:
        if node.kind == "MatMul" and node.name.startswith(at) and node.inputs[1] in tensors:
            module = node.name.removeprefix(at).removesuffix("/MatMul").replace("/", ".")
            yield f"{module}.weight", tensors[node.inputs[1]].T
    of = {node.name: node.inputs for node in nodes}
    places = [tensors[of[f"{at}embeddings/{node}"][0]] for node in ("Concat_6", "Reshape_1")]
    yield "embeddings.position_embeddings", np.concatenate(places, axis=1)
    yield "embeddings.mask_token", np.zeros((1, _SIZES["hidden_size"]), np.float32)  # of its training alone


def read_graph(path: Path) -> tuple[dict[str, np.ndarray], list[_Node]]:
    """Tensors of 32-bit numbers by name, and the nodes. ValueError or IndexError for what is damaged."""
    tensors, nodes = {}, []
    for number, part in _fields(dict(_fields(memoryview(path.read_bytes())))[_GRAPH]):
        if number == _INITIALIZER and (read := _tensor(part)) is not None:
            tensors[read[0]] = read[1]
        elif number == _NODE:
            inside = list(_fields(part))
            texts = {key: str(value, "utf-8") for key, value in inside if key in (_NAME, _KIND)}
            nodes.append(_Node(texts.get(_NAME, ""), texts.get(_KIND, ""),
                               tuple(str(value, "utf-8") for key, value in inside if key == _INPUT)))
    return tensors, nodes


def _tensor(content: memoryview) -> tuple[str, np.ndarray] | None:
    """Name and numbers; None for other types."""
    inside = list(_fields(content))
    found = dict(inside)
    if found.get(_TYPE) != _FLOAT or _RAW not in found:
        return None
    shape = [value for key, value in inside if key == _DIMS]
    return str(found[_TENSOR_NAME], "utf-8"), np.frombuffer(found[_RAW], np.dtype("<f4")).reshape(shape)


def _fields(content: memoryview) -> Fields:
    """(number, value) of a message: a whole number, or the bytes of text, an array or another message."""
    at = 0
    while at < len(content):
        key, at = _whole(content, at)
        if key & 7 == 0:
            value, at = _whole(content, at)
        elif key & 7 in (1, 2, 5):
            length, at = _whole(content, at) if key & 7 == 2 else ({1: 8, 5: 4}[key & 7], at)
            value, at = content[at:at + length], at + length
        else:
            raise ValueError(f"a field of unknown form at byte {at}")
        if at > len(content):
            raise ValueError("truncated")
        yield key >> 3, value


def _whole(content: memoryview, at: int) -> tuple[int, int]:
    """A whole number in base 128, low digits first, and the byte after it."""
    value = shift = 0
    while True:
        value, shift, at = value | (content[at] & 127) << shift, shift + 7, at + 1
        if content[at - 1] < 128:
            return value, at
