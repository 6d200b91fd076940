"""What frozen eyes cost a training that looks at each crop once, and one that looks every time.

    python scripts/bench/eyes.py [--episodes 24] [--epochs 2]

One JSON line for each epoch: examples a second of our loop, on one thread, with the tiny planner's language model
behind eyes of DINOv2 ViT-S's sizes (8 levels, 56 px, random weights: what is measured does not depend on them), from
crops that are not tinted. Both sides take turns, epoch by epoch; `ratio` is remembering over looking.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from embodied.compat import guard_torchvision  # noqa: E402

guard_torchvision()

import torch  # noqa: E402

from embodied.cli.configs import config_dir  # noqa: E402
from embodied.cli.overrides import compose  # noqa: E402
from embodied.cli.train import Settings, recipe  # noqa: E402
from embodied.data.batches import Sampler  # noqa: E402
from embodied.data.collect import CollectSpec, collect  # noqa: E402
from embodied.data.dataset import Dataset  # noqa: E402
from embodied.data.detections import detect_dataset  # noqa: E402
from embodied.data.examples import Examples  # noqa: E402
from embodied.data.jitter import Jitter  # noqa: E402
from embodied.data.mixture import Mixture  # noqa: E402
from embodied.models.building import Facts  # noqa: E402
from embodied.training.collate import collate_examples, sampled_by  # noqa: E402
from embodied.training.perception import make_perfect_detector  # noqa: E402
from embodied.training.planner_stage import let_learn, new_planner  # noqa: E402
from embodied.training.run_folder import RunFolder  # noqa: E402
from embodied.typed import read  # noqa: E402
from scripts.bench.train import Ours, Subject  # noqa: E402

EYES = {"source": "transformers", "image_size": 56, "levels": 8, "is_frozen": True,
        "encoder": {"model_type": "dinov2", "hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6,
                    "patch_size": 14, "image_size": 518}}
BATCH_SIZE = 32


def subject_of(folder: Path, dataset: Path, remembers: bool) -> Subject:
    """A new planner behind the eyes, with the examples of a dataset. Objects are where the simulator's masks say."""
    opened = Dataset(dataset)
    detections = detect_dataset(opened, "masks", make_perfect_detector, {}, workers=0)
    examples = Mixture([Examples(opened, detections, jitter=Jitter(light=0.0))])
    settings = recipe(read(Settings, compose(config_dir(), "train", ["experiment=tabletop_tiny",
                                                                     f"data.folder={dataset}"]), ""))
    settings.model.vision.clear()
    settings.model.vision.update(EYES)
    model, processor = new_planner(RunFolder(folder, settings), examples, Facts())
    let_learn(model)
    if remembers:
        model.vision.remember()
    everything = range(len(examples))
    lengths, views = sampled_by(examples, everything, processor)
    sampler = Sampler(lengths, batch_size=BATCH_SIZE, seed=0, views=views)
    return Subject(model.train(), collate_examples(examples, everything, processor, seed=0), sampler,
                   lengths.tolist(), threads=1)


def epoch(side: Ours) -> float:
    """Examples a second of an epoch."""
    steps, began_s = side.subject.sampler.per_epoch, time.perf_counter()
    side.advance(steps)
    return steps * BATCH_SIZE / (time.perf_counter() - began_s)


def main() -> None:
    """Print a line for every epoch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=24, help="still scenes that are made")
    parser.add_argument("--epochs", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        dataset = Path(folder) / "dataset"
        collect(CollectSpec(), dataset, episodes=asked.episodes, executed_fraction=0.0, workers=0)
        sides = {name: Ours(subject_of(Path(folder), dataset, name == "once")) for name in ("once", "each_time")}
        for number in range(1, asked.epochs + 1):
            found: dict[str, Any] = {name: epoch(side) for name, side in sides.items()}
            per_s = {f"{name}_per_s": round(value, 1) for name, value in found.items()}
            print(json.dumps({"what": "frozen_eyes", "epoch": number, **per_s, "load": round(os.getloadavg()[0], 1),
                              "ratio": round(found["once"] / found["each_time"], 2)}), flush=True)


if __name__ == "__main__":
    main()
