"""Records the numbers anew: `python -m tests.golden.renew --why "the naming loss leaves out special rows"`.

Only where a change is meant to alter them; the reason is kept in the files, and belongs in the change note too.
--only losses, rollouts or shipped renews one file.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from embodied.data.files import write_json
from envs.interface import ENV_IDS
from tests.golden.losses import losses
from tests.golden.machine import machine
from tests.golden.rollouts import by_expert, by_shipped_planners

HERE = Path(__file__).parent


def main() -> None:
    """Write losses.json, rollouts.json and shipped.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--why", required=True, help="what was changed on purpose")
    parser.add_argument("--only", choices=list(RECORDERS))
    asked = parser.parse_args()
    for name in [asked.only] if asked.only else RECORDERS:
        write_json(HERE / f"{name}.json", {"why": asked.why, "machine": machine(), "recorded": RECORDERS[name]()})
        print(f"{name}.json: recorded", flush=True)


def record_losses() -> dict[str, Any]:
    """Ten steps of every objective."""
    with tempfile.TemporaryDirectory() as folder:
        return dict(losses(Path(folder)))


def record_rollouts() -> dict[str, Any]:
    """One rollout of every task by its expert."""
    return {task: by_expert(task) for task in ENV_IDS}


RECORDERS = {"losses": record_losses, "rollouts": record_rollouts, "shipped": by_shipped_planners}

if __name__ == "__main__":
    main()
