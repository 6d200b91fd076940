"""Plays wordings: each in its own scene, with a fresh mind, watched by the true state. One record a wording."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium

from embodied.evaluation.success import Rate
from embodied.evaluation.understanding.items import Item
from embodied.evaluation.understanding.judging import Verdict, judge
from embodied.planning.closed_loop import Planner, Step, run
from embodied.planning.dialogue import read_turn
from envs.goals.table import Table
from envs.interface import SEED_RANGES

MAX_CALLS = 24
Record = dict[str, Any]


class TableWatch(gymnasium.Wrapper):
    """The true table after each reset and call. PRIVILEGED: the planner gets the observation alone."""

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        self.tables: list[Table] = []

    def reset(self, **settings: Any) -> tuple[Any, dict]:
        found = self.env.reset(**settings)
        self.tables = [self.env.unwrapped.true_table()]
        return found

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict]:
        found = self.env.step(action)
        self.tables.append(self.env.unwrapped.true_table())
        return found


def play(env: TableWatch, planner: Planner, item: Item, seed: int) -> Record:
    """The record of one wording: what was right, what was done, and how long it took."""
    start = time.perf_counter()
    if item.before and hasattr(planner, "recall"):
        planner.recall([read_turn(turn) for turn in item.before])
    steps = _steps(env, planner, item, seed)
    verdict = judge(item, steps, env.tables)
    return {**as_record(item, verdict), "seed": seed, "understood": steps[0].plan.understood,
            "said": _said(steps[-1]), "end": steps[-1].end or "",
            "calls": [list(map(str, s.transition.call.named)) for s in steps if s.transition is not None],
            "timings": {"plan_s": [s.plan.thinking_s for s in steps if s.is_new_plan],
                        "wall_s": time.perf_counter() - start}}


def _steps(env: TableWatch, planner: Planner, item: Item, seed: int) -> list[Step]:
    """The steps of an episode, until a question. The world is not told the goal: it would end the episode for the mind,
    which has to see for itself whether all is done."""
    steps: list[Step] = []
    options: dict[str, Any] = {"scene": [dict(thing) for thing in item.scene], "instruction": item.text}
    for step in run(env, planner, seed=seed, options=options, max_calls=MAX_CALLS):
        steps.append(step)
        if step.plan.question is not None and step.transition is None:
            break
    return steps


def _said(step: Step) -> str:
    plan = step.plan
    return plan.question or plan.answer or plan.refusal or ""


def as_record(item: Item, verdict: Verdict) -> Record:
    """What is counted of a wording."""
    return {"id": item.id, "kind": item.kind, "expected": item.ending, "right": verdict.right,
            "wrong_motion": verdict.wrong_motion, "did": verdict.did, "reason": verdict.reason,
            "contradicts": verdict.contradicts}


def without_words(record: Mapping[str, Any]) -> Record:
    """What may be written down of a wording of a secret set: nothing that tells how it was taken."""
    kept = ("id", "kind", "expected", "right", "wrong_motion", "did", "contradicts", "seed", "timings")
    return {key: record[key] for key in kept}


def seed_of(place: int) -> int:
    """The seed of the wording at a place of its list: of the test split."""
    return SEED_RANGES["test"][place]


def summary(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rates with their intervals: {"right", "wrong_motion", "refused_rightly", "asked_rightly", "per_kind", ...}."""
    def share(of: Sequence[Mapping[str, Any]], key: str = "right") -> dict[str, Any] | None:
        if not of:
            return None
        rate = Rate(sum(bool(r[key]) for r in of), len(of))
        return {"rate": round(rate.value, 6), "ci95": [round(v, 6) for v in rate.ci95], "n": len(of)}

    kinds = {kind: [r for r in records if r["kind"] == kind] for kind in dict.fromkeys(r["kind"] for r in records)}
    expected = {e: [r for r in records if r["expected"] == e] for e in ("refusal", "question", "answer", "plan")}
    done = {d: [r for r in records if r["did"] == d] for d in ("refusal", "question")}
    return {"right": share(records), "wrong_motion": share(records, "wrong_motion"),
            "refused_rightly": share(expected["refusal"]), "asked_rightly": share(expected["question"]),
            "answered_rightly": share(expected["answer"]), "done_rightly": share(expected["plan"]),
            "refusals_that_are_right": share(done["refusal"]), "questions_that_are_right": share(done["question"]),
            "reasons_that_contradict": share([r for r in records if r.get("contradicts") is not None], "contradicts"),
            "per_kind": {kind: share(of) for kind, of in kinds.items()},
            "wrong_motion_per_kind": {kind: share(of, "wrong_motion") for kind, of in kinds.items()}}
