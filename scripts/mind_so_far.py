"""Publishes what a training of the stage `understand` has learned so far, while it goes on.

    python scripts/mind_so_far.py outputs/train/understand_small-local OUT    # OUT: a checkpoint folder, as of the end

The weights are those of the newest whole checkpoint, not of the best measurement till then: the learning rate falls,
and later ones are better as a rule.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from embodied.training import checkpoint
from embodied.training.mind_stage import publish_to
from embodied.training.run_folder import RunFolder
from embodied.training.settings import read_settings

STAGE = "understand"


def main() -> None:
    """Read the command line, find the checkpoint and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a run folder")
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    outward = {"threads": 1, "workers": 0, "log_every": 1, "device": "cpu"}
    settings = read_settings({**outward, **json.loads((asked.run / "recipe.json").read_text())})
    run = RunFolder(asked.run, settings)
    newest = checkpoint.newest_valid(run.checkpoints(STAGE))
    if newest is None:
        raise SystemExit(f"{run.checkpoints(STAGE)}: expected a whole checkpoint, got none yet; try again later")
    publish_to(asked.out, run, STAGE, settings.stages[STAGE], newest)
    print(f"step {checkpoint.step_of(newest)} of {settings.stages[STAGE].steps}")


if __name__ == "__main__":
    main()
