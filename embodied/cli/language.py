"""The suite `language`: how well a mind understands people, on wordings with the outcomes that are right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

MapSeeds = Callable[..., Iterable[Any]]
_SHOWN = ("right", "wrong_motion", "refused_rightly", "asked_rightly", "answered_rightly")


def specs_of(policies: Sequence[str], weights: str, wordings: str, env: Mapping[str, Any]) -> list[Any]:
    """Who plays, checked: the wordings can be read and every policy is one of this suite. Raises ValueError."""
    from embodied.evaluation.policies import MIND_POLICIES
    from embodied.evaluation.understanding.players import PlayerSpec, items_of

    unknown = [policy for policy in policies if policy not in MIND_POLICIES]
    if unknown:
        raise ValueError(f"suite.policies: expected of {', '.join(MIND_POLICIES)}, got {', '.join(unknown)}")
    path, _ = items_of(wordings)
    return [PlayerSpec(policy, weights, str(path), dict(env)) for policy in policies]


def judge(specs: Sequence[Any], sha256: str, context: Mapping[str, Any], folder: Path, map_seeds: MapSeeds) -> float:
    """The share of wordings that the mind took rightly; writes eval.json."""
    from embodied.data.files import write_json
    from embodied.evaluation.understanding.playing import summary

    records = {spec.policy: _play(spec, place, specs, sha256, folder, map_seeds) for place, spec in enumerate(specs)}
    result = {**summary(records["model"]), "suite": "language", "wordings": Path(specs[0].wordings).stem,
              "wordings_sha256": _sha256(specs[0]), "latency_s": _latency(records["model"]), **context,
              "baselines": {name: summary(of) for name, of in records.items() if name != "model"}}
    write_json(folder / "eval.json", result)
    print("\n".join(_lines(result)))
    print(f"wrote {folder / 'eval.json'}")
    return result["right"]["rate"]


def _play(spec: Any, player: int, specs: Sequence[Any], sha256: str, folder: Path, map_seeds: MapSeeds) -> list[Any]:
    """The records of one policy, in the order of the wordings; those in its ledger are not played again."""
    from embodied.data.progress import progress
    from embodied.evaluation.jobs import STRIDE
    from embodied.evaluation.ledger import Ledger
    from embodied.evaluation.understanding.items import is_secret
    from embodied.evaluation.understanding.players import make_players
    from embodied.evaluation.understanding.playing import without_words

    count, keeps_words = len(_items(spec)), not is_secret(Path(spec.wordings))
    (folder / "episodes").mkdir(parents=True, exist_ok=True)
    ledger = Ledger(folder / "episodes" / f"{spec.policy}.jsonl", {
        "policy": spec.policy, "wordings_sha256": _sha256(spec), "weights_sha256": sha256, "env": dict(spec.env)})
    known = {record["place"] for record in ledger.records}
    keys = [player * STRIDE + place for place in range(count) if place not in known]
    with progress(f"wordings, {spec.policy}", count) as played:
        for _ in known:
            played()
        for found in map_seeds(make_players, {"specs": [asdict(s) for s in specs]}, keys):
            if found.error is not None:
                raise RuntimeError(f"wording {found.seed % STRIDE} could not be played: {found.error}")
            ledger.add({**(found.value if keeps_words else without_words(found.value)), "place": found.seed % STRIDE})
            played()
    return sorted(ledger.records, key=lambda record: record["place"])


def _items(spec: Any) -> list[Any]:
    from embodied.evaluation.understanding.items import load_items

    return load_items(Path(spec.wordings))


def _sha256(spec: Any) -> str:
    return hashlib.sha256(Path(spec.wordings).read_bytes()).hexdigest()


def _latency(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of first plans: reading the words, looking and planning, seconds."""
    times = sorted(record["timings"]["plan_s"][0] for record in records if record["timings"]["plan_s"])
    return {"median": times[len(times) // 2], "p95": times[min(len(times) - 1, int(0.95 * len(times)))]}


def _lines(result: Mapping[str, Any]) -> list[str]:
    lines = [f"{key.replace('_', ' ')}: {_rate(result[key])}" for key in _SHOWN if result[key] is not None]
    lines += [f"  {kind}: {_rate(rate)}" for kind, rate in result["per_kind"].items()]
    for name, baseline in result["baselines"].items():
        lines.append(f"{name}: right {_rate(baseline['right'])}, wrong motion {_rate(baseline['wrong_motion'])}")
    return lines


def _rate(rate: Mapping[str, Any]) -> str:
    low, high = rate["ci95"]
    return f"{rate['rate']:.1%} [{low:.1%}, {high:.1%}] of {rate['n']}"
