"""Records of episodes -> what `eval.json` holds. Everything but the timing keys is the same for the same seeds."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from embodied.evaluation.attribution import failure_split
from embodied.evaluation.success import rate
from embodied.evaluation.suites import BASELINES

TIMING_KEYS = ("latency_s", "timings")
"""Keys, at any depth, whose values are wall-clock measurements and differ from run to run."""

Record = Mapping[str, Any]


def summarise(records: Mapping[str, Sequence[Record]], context: Mapping[str, Any]) -> dict[str, Any]:
    """The whole `eval.json`. records: policy -> its episodes; context: seeds, weights, command and the like."""
    model = records["model"]
    baselines = {name: block(records[name]) for name in BASELINES if records.get(name)}
    unconstrained = records.get("unconstrained") or []
    plans = plan_quality(model)
    if unconstrained:
        plans["unconstrained"] = plan_quality(unconstrained, is_constrained=False)
    result = {**block(model), "plan_success": plan_success(model), "baselines": baselines, "plans": plans,
              "failures": failure_split(model),
              "latency_s": latency(model), **context, "timing_keys": list(TIMING_KEYS),
              "timings": {name: timing(episodes) for name, episodes in records.items() if episodes}}
    if unconstrained:
        result["unconstrained"] = block(unconstrained)
    return result


def block(records: Sequence[Record]) -> dict[str, Any]:
    """{"success_rate", "ci95", "episodes", "per_task": {task: {...}}} of the judged episodes of one policy; where
    there are others, "unjudged" says how many."""
    judged = [r for r in records if r["success"] is not None]
    tasks = sorted({r["task"] for r in judged})
    per_task = {task: rate(r for r in judged if r["task"] == task).as_json() for task in tasks}
    unjudged = {"unjudged": len(records) - len(judged)} if len(judged) < len(records) else {}
    return {**rate(records).as_json(), **unjudged, "per_task": per_task}


def plan_success(records: Sequence[Record]) -> dict[str, Any]:
    """As `block`, of the plans alone: episodes that succeeded, and those that failed though no decision was wrong as
    far as `attribution` can tell, which holds each against the one that an expert would make."""
    return block([{**record, "success": record.get("planned", record["success"])} for record in records])


def plan_quality(records: Iterable[Record], *, is_constrained: bool = True) -> dict[str, Any]:
    """How many texts the model decoded with or without the grammar; the shares that parsed and that were grounded."""
    plans = [plan for record in records for plan in record["plans"] if plan["is_constrained"] == is_constrained]
    decoded = len(plans)
    share = {key: round(sum(p[key] for p in plans) / decoded, 6) if decoded else None for key in ("parsed", "grounded")}
    return {"decoded": decoded, "parsed_fraction": share["parsed"], "grounded_fraction": share["grounded"]}


def latency(records: Iterable[Record]) -> dict[str, float | int]:
    """Median and 95th percentile of the wall-clock time of one plan, seconds."""
    times = sorted(t for record in records for t in record["timings"]["plan_s"])
    if not times:
        return {"median": 0.0, "p95": 0.0, "plans": 0}
    return {"median": statistics.median(times), "p95": times[min(len(times) - 1, int(0.95 * len(times)))],
            "plans": len(times)}


def timing(records: Sequence[Record]) -> dict[str, float]:
    """Wall-clock seconds that the episodes of one policy took, summed over processes."""
    return {"wall_s": round(sum(r["timings"]["wall_s"] for r in records), 3)}


def without_timings(node: Any) -> Any:
    """The same values without the timing keys: what two runs on the same seeds must agree on."""
    if isinstance(node, Mapping):
        return {k: without_timings(v) for k, v in node.items() if k not in TIMING_KEYS}
    return [without_timings(v) for v in node] if isinstance(node, list) else node
