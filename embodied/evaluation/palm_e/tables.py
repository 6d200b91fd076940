"""Records of asked scenes -> what `eval.json` holds of them: a rate a task, and F1 of what is judged by yes and no."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from embodied.data.queries import gist_of_words
from embodied.evaluation.success import Rate

TASKS = {"color": "q1", "where": "q2", "below": "q3", "possible": "q4", "grasp": "p1", "build": "p2"}
"""Family -> PaLM-E's name of it."""
RATED = tuple(TASKS)
JUDGED = ("affordance", "failure")
"""Families that are counted as F1, positive = not possible, or failed."""
RESAMPLES = 2000
"""Of the bootstrap interval of an F1."""

Answer = Mapping[str, Any]


def per_task(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """{"q1": {"success_rate", "ci95", "n"}, .., "affordance": {"f1", "ci95", "precision", "recall", "n"}} of all that
    was asked."""
    families = _by_family(records)
    return {**{TASKS[family]: share(families[family]) for family in RATED if family in families}, **f1_of(records)}


def _by_family(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    for record in records:
        for answer in record["asked"]:
            found.setdefault(answer["family"], []).append(answer)
    return found


def share(answers: Sequence[Answer]) -> dict[str, Any]:
    """{"success_rate", "ci95", "n"} of some answers, Wilson's interval."""
    rate = Rate(sum(a["right"] for a in answers), len(answers))
    return {"success_rate": round(rate.value, 6), "ci95": [round(v, 6) for v in rate.ci95], "n": len(answers)}


def majority_of(records: Sequence[Mapping[str, Any]], families: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The same, by task, of whoever always gives the answer that is right most often; no instruction has one."""
    found = {}
    for family, answers in _by_family(records).items():
        if family in families and TASKS[family].startswith("q"):
            [(_, count)] = Counter(gist_of_words(a["truth"]) for a in answers).most_common(1)
            found[TASKS[family]] = share([{"right": place < count} for place in range(len(answers))])
    return found


def f1_of(records: Sequence[Mapping[str, Any]], *, constant: bool = False) -> dict[str, dict[str, Any]]:
    """The F1 of each judged family, of as many that fail as that do not. constant: of whoever always says no."""
    found = {}
    for family, answers in _by_family(records).items():
        if family in JUDGED and (even := halves(answers)):
            told = [{**a, "right": _is_positive(a)} for a in even] if constant else even
            found[family] = f1(told)
    return found


def halves(answers: Sequence[Answer]) -> list[Answer]:
    """As many answers that should be "no" as "yes", the first of each, in their order."""
    sides = {True: [], False: []}
    for answer in answers:
        sides[_is_positive(answer)].append(answer)
    count = min(map(len, sides.values()))
    return [*sides[True][:count], *sides[False][:count]]


def _is_positive(answer: Answer) -> bool:
    """Whether a failure, or what is not possible, was asked about."""
    return gist_of_words(answer["truth"]) == "no"


def f1(answers: Sequence[Answer]) -> dict[str, Any]:
    """F1 with its 95 % bootstrap interval, precision and recall; positive = "no". An answer that says neither counts as
    the wrong one."""
    positive = np.array([_is_positive(a) for a in answers])
    claimed = np.array([_is_positive(a) == bool(a["right"]) for a in answers])
    draws = np.random.default_rng(0).integers(len(answers), size=(RESAMPLES, len(answers)))
    low, high = np.quantile([_f1(positive[d], claimed[d]) for d in draws], [0.025, 0.975])
    hits = int((positive & claimed).sum())
    return {"f1": round(_f1(positive, claimed), 6), "ci95": [round(float(low), 6), round(float(high), 6)],
            "precision": round(hits / max(int(claimed.sum()), 1), 6),
            "recall": round(hits / max(int(positive.sum()), 1), 6), "n": len(answers)}


def _f1(positive: np.ndarray, claimed: np.ndarray) -> float:
    total = int(positive.sum() + claimed.sum())
    return 2 * int((positive & claimed).sum()) / total if total else 0.0


BINS = 10
"""Of the calibration error: of equal width in the probability of "yes"."""


def calibration(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Family -> {"ece", "brier", "n"} of the probabilities of "yes" that were told: the expected calibration error over
    `BINS` bins (Guo et al. 2017), and the mean squared error. {} where none were."""
    found = {}
    for family, answers in _by_family(records).items():
        told = [(a["p_yes"], not _is_positive(a)) for a in answers if a.get("p_yes") is not None]
        if family in JUDGED and told:
            chance, is_yes = (np.array(column, float) for column in zip(*told, strict=True))
            places = np.minimum((chance * BINS).astype(int), BINS - 1)
            gaps = [abs(chance[places == b].mean() - is_yes[places == b].mean()) * (places == b).mean()
                    for b in range(BINS) if (places == b).any()]
            brier = float(((chance - is_yes) ** 2).mean())
            found[family] = {"ece": round(float(sum(gaps)), 6), "brier": round(brier, 6), "n": len(told)}
    return found


def latency(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Family -> median and 95th percentile of the wall-clock time of one answer, seconds."""
    times: dict[str, list[float]] = {}
    for record in records:
        for answer in record["asked"]:
            times.setdefault(TASKS.get(answer["family"], answer["family"]), []).append(answer["plan_s"])
    return {task: {"median": statistics.median(found), "p95": float(np.quantile(found, 0.95))}
            for task, found in times.items()}
