"""Fits what the opinions of two minds count, and what readings come to on the table, on wordings that neither learned.

    head -260 envs/tasks/wordings/written/scenes.jsonl > scenes.jsonl
    python -m scripts.weigh_opinions embodied/weights/mind-small mind-tiny scenes.jsonl [--read read.jsonl]

Writes all weights of `Opinions` into the first mind's calibration.json, names the second one in its mind.json, and
prints, as one JSON line, them and `USUAL` of embodied/agents/rescoring.py, which whoever takes it over writes there.
Fitted on all wordings of which there are two readings, those among them, too, that `SecondOpinion` takes as the first
mind reads them. --read keeps what was read, so that the same command goes on; what other minds read is refused.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from embodied.agents.confidence import CALIBRATION, read_calibration, write_calibration
from embodied.agents.mind_card import CARD, with_second
from embodied.agents.rescoring import USUAL, are_same, end_of, grouped
from embodied.agents.second_opinion import LEAST, Opinions, candidates
from embodied.agents.shipped import weights_folder
from embodied.agents.understanding import Understander, load_understander
from embodied.data.files import sha256_of
from embodied.data.progress import progress
from embodied.evaluation.episode import one_thread
from embodied.evaluation.ledger import Ledger
from embodied.evaluation.understanding.items import Item, load_items, path_to_show
from embodied.models.loading import put_beside
from embodied.planning.dialogue import read_turn
from envs.goals.outcome import outcome_of
from envs.goals.scene_spec import read_scene, table_of

ENDS = tuple(end for end in USUAL if end not in ("task", "unknown"))
PULL = 2e-3
"""Of weights towards 0."""
CHARACTERS = 40
"""Of goals, in which their lengths are counted while the weights are fitted."""


def main() -> None:
    """Read the command line, read the wordings, fit, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", type=Path, help="a mind's folder, which is written to")
    parser.add_argument("second", help="another mind, a shipped name or a folder")
    parser.add_argument("scenes", help="a file of wordings with scenes")
    parser.add_argument("--read", type=Path, default=None, help="keeps what was read; new, or one to go on with")
    asked = parser.parse_args()
    one_thread()
    try:
        rows = [row for row in read_all(asked.first, asked.second, path_to_show(asked.scenes), asked.read)
                if len(row["texts"]) > 1]
    except ValueError as error:
        parser.error(str(error))
    opinions, ends = fitted(rows)
    calibration = replace(read_calibration(asked.first), opinions=opinions)
    put_beside(asked.first, {CALIBRATION: write_calibration(calibration),
                             CARD: with_second((asked.first / CARD).read_text("utf-8"), asked.second)})
    print(json.dumps({"wordings": len(rows), "opinions": asdict(opinions), "USUAL": ends}))


def read_all(first: Path, second: str, scenes: Path, kept: Path | None) -> list[dict]:
    """What both minds make of each wording; those that a file has are taken from there, the others are added to it.
    Raises ValueError for a file of other minds or wordings."""
    items, folders = load_items(scenes), [first, weights_folder(second)]
    ledger = None if kept is None else Ledger(kept, {"wordings_sha256": sha256_of(scenes), "weights_sha256": [
        sha256_of(folder / "model.safetensors") for folder in folders]})
    rows = [] if ledger is None else list(ledger.records)
    minds = [load_understander(folder) for folder in folders] if len(rows) < len(items) else []
    with progress("wordings", len(items) - len(rows), sys.stderr) as advance:
        for item in items[len(rows):]:
            rows.append(_read(item, minds))
            if ledger is not None:
                ledger.add(rows[-1])
            advance()
    return rows[:len(items)]


def _read(item: Item, minds: list[Understander]) -> dict:
    """Texts of goals, what either mind says of each, what it comes to, which are the same, and which group is right,
    one more than there are for none."""
    before, table = [read_turn(turn) for turn in item.before], table_of(read_scene(list(item.scene)))
    found = candidates(*(mind.understand(item.text, before) for mind in minds))
    texts = [reading.text for reading in found]
    scores = [mind.scores(item.text, before, texts) for mind in minds] if texts else [None]
    if None in scores:
        return {"texts": []}
    ends = [outcome_of(reading.goal, table) for reading in found]
    groups = grouped(ends, table)
    right = next((n for n, group in enumerate(groups) if are_same(ends[group[0]], item.outcome, table)), len(groups))
    return {"texts": texts, "scores": scores, "ends": [end_of(end) for end in ends], "groups": groups, "right": right}


def fitted(rows: list[dict]) -> tuple[Opinions, dict[str, float]]:
    """The weights by which the right readings are the likeliest (a conditional logit, LBFGS): of opinions and lengths,
    and of ends, by which probabilities are multiplied."""
    weights = torch.zeros(4 + len(ENDS), dtype=torch.float64, requires_grad=True)
    features = [torch.from_numpy(_features(row)) for row in rows]
    optimizer = torch.optim.LBFGS([weights], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        lost = PULL * weights[1:].square().sum()
        for row, numbers in zip(rows, features, strict=True):
            evidence = numbers @ weights[1:]
            each = torch.stack([*(evidence[group].logsumexp(0) for group in row["groups"]), weights[0]])
            lost = lost - each.log_softmax(0)[row["right"]] / len(rows)
        lost.backward()
        return lost

    optimizer.step(loss)
    none, first, second, length, *ends = weights.tolist()
    usual = {"task": 1.0, **{end: round(float(np.exp(one)), 3) for end, one in zip(ENDS, ends, strict=True)}}
    opinions = Opinions(round(first, 4), round(second, 4), round(none, 4), round(length / CHARACTERS, 5))
    return opinions, {**usual, "unknown": 1.0}


def _features(row: dict) -> np.ndarray:
    """float64[N, 3 + ends] of its readings."""
    first, second = (np.maximum(scores, LEAST) for scores in row["scores"])
    lengths = [len(text) / CHARACTERS for text in row["texts"]]
    return np.column_stack([first, second, lengths, *([float(end == one) for end in row["ends"]] for one in ENDS)])


if __name__ == "__main__":
    main()
