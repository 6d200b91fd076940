"""The rows of PaLM-E's tables: who is asked about which scenes, and where the answers are kept meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from embodied.evaluation.jobs import STRIDE, MapSeeds
from embodied.evaluation.ledger import Ledger, results_of
from embodied.evaluation.palm_e.asking import ACTED, STILL, AskSpec, Record, make_askers
from embodied.evaluation.palm_e.tables import RATED, calibration, f1_of, latency, majority_of, per_task

TRAINED = 5
"""Most objects of a scene in training; scenes have 3 of them or more."""
SIZES = range(3, 9)
"""Objects that a scene can have: eight colors, each once."""
BASELINES = ("blind", "shuffled", "oracle")
KINDS = {"still": STILL, "acted": ACTED}
"""Kind of scene -> the families that are asked about it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One policy's answers about scenes of some size. name: of its ledger."""

    name: str
    spec: AskSpec
    seeds: range


def rows_of(policies: Sequence[str], weights: str, env: Mapping[str, Any], objects: Sequence[int], seeds: range,
            baseline_seeds: range, unseen_seeds: range, acted: int) -> list[Row]:
    """The model on scenes of each size, and everybody on those that training has. objects: most of a scene, `TRAINED`
    for 3 to 5, any other for just so many. unseen_seeds: of scenes of those. acted: most scenes of a row in which
    something was just done."""
    found = []
    for most in objects:
        sized = {**env, "min_objects": 3 if most == TRAINED else most, "max_objects": most}
        for policy in policies if most == TRAINED else ["model"]:
            own = baseline_seeds if policy != "model" else seeds if most == TRAINED else unseen_seeds
            for kind, families in KINDS.items():
                if kind == "still" or most == TRAINED:
                    spec = AskSpec(policy, weights, families, env=sized)
                    found.append(Row(row_name(policy, kind, most), spec, own[:acted] if spec.is_acted else own))
    return found


def size_name(most: int) -> str:
    """How many objects the scenes of a row have."""
    return f"3-{TRAINED}" if most == TRAINED else str(most)


def row_name(policy: str, kind: str, most: int) -> str:
    """The name of a row. kind: of `KINDS`."""
    return f"{policy}-{kind}-{size_name(most)}"


def ask_rows(rows: Sequence[Row], folder: Path, sha256: str, map_seeds: MapSeeds,
             asked: Callable[[], None] = lambda: None) -> dict[str, list[Record]]:
    """Row -> the records of its scenes, in their order; what an interrupted run left in the folder is not asked again.
    Raises RuntimeError for a scene that could not be asked about."""
    folder.mkdir(parents=True, exist_ok=True)
    ledgers = [Ledger(folder / f"{row.name}.jsonl", identity(row, sha256)) for row in rows]
    known = [{record["seed"] for record in ledger.records} for ledger in ledgers]
    keys = [place * STRIDE + seed for place, row in enumerate(rows) for seed in row.seeds if seed not in known[place]]
    for _ in range(sum(len(row.seeds) for row in rows) - len(keys)):
        asked()
    for result in map_seeds(make_askers, {"specs": [asdict(row.spec) for row in rows]}, keys):
        place, seed = divmod(result.seed, STRIDE)
        if result.error is not None:
            raise RuntimeError(f"{rows[place].name}, seed {seed}: expected answers, got {result.error}")
        ledgers[place].add(result.value)
        asked()
    return {row.name: _in_order(row, ledger.records) for row, ledger in zip(rows, ledgers, strict=True)}


def _in_order(row: Row, records: Sequence[Record]) -> list[Record]:
    by_seed = {record["seed"]: record for record in records}
    return [by_seed[seed] for seed in row.seeds]


def check_free(rows: Sequence[Row], folder: Path, sha256: str) -> None:
    """Raise ValueError where the folder holds another run's results; nothing is written."""
    for row in rows:
        results_of(folder / f"{row.name}.jsonl", identity(row, sha256))


def identity(row: Row, sha256: str) -> dict[str, Any]:
    """What makes the records of a row comparable."""
    return {**{key: value for key, value in asdict(row.spec).items() if key != "weights"}, "weights_sha256": sha256}


def summarise(records: Mapping[str, Sequence[Record]], objects: Sequence[int]) -> dict[str, Any]:
    """{"per_task", "objects", "baselines", "calibration", "latency_s"} of all rows: per_task is the model's on scenes
    as of training, objects the same by the number of things, baselines those of the others there."""
    def of(policy: str, most: int) -> list[Record]:
        return [record for kind in KINDS for record in records.get(row_name(policy, kind, most), [])]

    model = of("model", TRAINED)
    others = {policy: per_task(of(policy, TRAINED)) for policy in BASELINES if of(policy, TRAINED)}
    constant = {**majority_of(model, RATED), **f1_of(model, constant=True)}
    return {"per_task": per_task(model), "objects": {size_name(most): per_task(of("model", most)) for most in objects},
            "baselines": {**others, "majority": constant}, "calibration": calibration(model),
            "latency_s": latency(model)}
