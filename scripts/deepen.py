"""Gives the decoder of a mind more layers that change nothing until they learn, so that a trained one can grow.

    python -m scripts.deepen mind-tiny OUT --after 1,3     # a copy of layer 1 after it, and of layer 3

A new layer is a copy of the one before it whose two outputs are zero, so that it adds nothing to what passes it (block
expansion: Wu et al. 2024, arXiv:2401.02415). Unlike there, all layers learn afterwards. Decoders of the Llama type.
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

from torch import nn

from embodied.agents.confidence import beside_weights
from embodied.agents.shipped import weights_folder
from embodied.models.loading import load, save
from embodied.models.planner import PalmEForConditionalGeneration


def main() -> None:
    """Read the command line, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="a mind, shipped or a folder")
    parser.add_argument("out", type=Path, help="a new checkpoint folder")
    parser.add_argument("--after", required=True, help="layers that are copied, from 0, with commas")
    asked = parser.parse_args()
    folder = weights_folder(asked.weights)
    model, processor = load(folder)
    try:
        deepen(model, sorted({int(place) for place in asked.after.split(",")}))
    except ValueError as error:
        parser.error(f"--after: {error}")
    save(model, processor, asked.out, beside=beside_weights(folder))
    print(f"{asked.out}: {model.language.config.num_hidden_layers} layers")


def deepen(model: PalmEForConditionalGeneration, after: list[int]) -> None:
    """Put a copy that adds nothing after each of these layers. ValueError for layers that there are not, and for a
    decoder of another type."""
    decoder = model.language.model
    if model.language.config.model_type != "llama":
        raise ValueError(f"expected a decoder of the Llama type, got {model.language.config.model_type}")
    if not_there := [place for place in after if not 0 <= place < len(decoder.layers)]:
        raise ValueError(f"expected layers 0 .. {len(decoder.layers) - 1}, got {not_there[0]}")
    layers = [layer for place, old in enumerate(decoder.layers)
              for layer in ([old, _silent(old)] if place in after else [old])]
    for place, layer in enumerate(layers):
        layer.self_attn.layer_idx = place
    decoder.layers = nn.ModuleList(layers)
    model.language.config.num_hidden_layers = model.config.text_config.num_hidden_layers = len(layers)


def _silent(layer: nn.Module) -> nn.Module:
    new = copy.deepcopy(layer)
    for last in (new.self_attn.o_proj, new.mlp.down_proj):
        nn.init.zeros_(last.weight)
    return new


if __name__ == "__main__":
    main()
