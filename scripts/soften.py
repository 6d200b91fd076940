"""Scales down the LoRA adapters of a mind, so that more of its base is left: what they add, times a share.

    python -m scripts.soften FOLDER OUT --share 0.88

Between a base and what it was tuned to lie weights that keep more of what the base knew, and often do better on
words unlike those of the tuning (weight-space ensembles: Wortsman et al. 2022, arXiv:2109.01903).
`embodied evaluate suite=retention weights=OUT` says how much of the base is kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from embodied.agents.confidence import beside_weights
from embodied.agents.shipped import weights_folder
from embodied.models.loading import load, save
from embodied.models.planner import PalmEForConditionalGeneration


def main() -> None:
    """Read the command line, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="a mind, shipped or a folder")
    parser.add_argument("out", type=Path, help="a new checkpoint folder")
    parser.add_argument("--share", type=float, required=True, help="of what the adapters add, 0 .. 1")
    asked = parser.parse_args()
    folder = weights_folder(asked.weights)
    model, processor = load(folder)
    try:
        count = soften(model, asked.share)
    except ValueError as error:
        parser.error(str(error))
    save(model, processor, asked.out, beside=beside_weights(folder))
    print(f"{asked.out}: {count} adapters at {asked.share:g} of what they added")


@torch.no_grad()
def soften(model: PalmEForConditionalGeneration, share: float) -> int:
    """Multiply what each LoRA adapter of the language model adds by a share, in place; returns how many there are.
    ValueError for a share outside 0 .. 1, a model without adapters, and DoRA's, whose lengths do not scale so."""
    if not 0 <= share <= 1:
        raise ValueError(f"--share: expected 0 .. 1, got {share}")
    weights = dict(model.language.named_parameters())
    ups = [weight for name, weight in weights.items() if ".lora_B." in name]
    if not ups or any(".lora_magnitude_vector." in name for name in weights):
        raise ValueError(f"expected a model with LoRA adapters, got one with {'DoRA adapters' if ups else 'none'}")
    for weight in ups:
        weight.mul_(share)
    return len(ups)


if __name__ == "__main__":
    main()
