"""Give weights another segmenter: `python scripts/put_segmenter.py outputs/train/RUN/segmenter WEIGHTS OUT`.

The planner, its words and all other files stay byte for byte; config.json keeps its form. WEIGHTS: a shipped name or a
folder. OUT: the folder written, whole or not at all; it may be WEIGHTS itself. What the new one sees is what `python
scripts/bench/perceive.py WEIGHTS OUT` says; whether the planner can do with it, `embodied evaluate weights=OUT`.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from embodied.agents.shipped import weights_folder
from embodied.data.files import replaced_folder
from embodied.models.folder import check_folder, write_manifest
from embodied.models.known_keys import OUR_KEYS
from embodied.models.loading import load
from embodied.models.segmenter_files import load_segmenter

PART = "segmenter."


def put(segmenter_folder: Path, weights: Path, out: Path) -> None:
    """Write OUT. CheckpointError for weights that are none; ValueError for a planner that has no segmenter."""
    check_folder(weights)
    segmenter = load_segmenter(segmenter_folder)
    config = json.loads((weights / "config.json").read_text("utf-8"))
    if not config.get("segmenter_config"):
        raise ValueError(f"{weights}: expected a planner that sees objects by a segmenter, got one without")
    sizes = segmenter.config.to_dict() | {"dtype": "float32"}
    config["segmenter_config"] = {key: sizes[key] for key in ("model_type", "dtype", *OUR_KEYS["palm_e_segmenter"])}
    tensors = {name: value for name, value in load_file(weights / "model.safetensors").items()
               if not name.startswith(PART)}
    tensors |= {PART + name: value.contiguous() for name, value in segmenter.state_dict().items()}
    with replaced_folder(out) as draft:
        shutil.copytree(weights, draft, dirs_exist_ok=True)
        (draft / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
        save_file(tensors, draft / "model.safetensors", metadata={"format": "pt"})
        shutil.copymode(weights / "model.safetensors", draft / "model.safetensors")
        write_manifest(draft)
        load(draft)


def main() -> None:
    """Read the three folders of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("segmenter", type=Path, help="of a run: segmenter.json and segmenter.safetensors")
    parser.add_argument("weights", help="a shipped name or a folder")
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    put(asked.segmenter, weights_folder(asked.weights), asked.out)


if __name__ == "__main__":
    main()
