"""Fits how sure a model that writes goals may be, on sayings that it did not learn from, and draws whether that holds.

    python scripts/calibrate.py outputs/train/understand_tiny-local/understand/model validation.jsonl \\
        --image docs/images/understood-tiny.png

Half of the sayings, every other one, fit it; the other half is what the reliability diagram and the numbers are of.
Writes calibration.json beside the weights. --most: of the sayings, drawn by the seed.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from embodied.agents.confidence import CALIBRATION, numbers_of, write_calibration
from embodied.agents.understanding import Understander, load_understander, same_goal
from embodied.data.sayings import Saying, files_of, read_sayings
from embodied.models.loading import put_beside
from embodied.planning.dialogue import goal_line, said
from embodied.planning.goal_grammar import goal_grammar
from embodied.prompt import PromptTooLongError

BINS = 10


def main() -> None:
    """Read the command line, ask, fit, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="a checkpoint folder")
    parser.add_argument("sayings", nargs="+", help="files of lines of JSON, not learned from")
    parser.add_argument("--most", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--image", type=Path, default=None)
    asked = parser.parse_args()
    sayings = read_sayings(files_of(asked.sayings))
    order = np.random.default_rng(asked.seed).permutation(len(sayings))[:asked.most]
    understander = load_understander(asked.weights)
    numbers, is_right = answers(understander, [sayings[i] for i in order])
    fitted = understander.calibration.fitted(numbers[::2], is_right[::2])
    put_beside(asked.weights, {CALIBRATION: write_calibration(fitted)})
    chances = np.array([fitted.of_numbers(one) for one in numbers[1::2]])
    print(json.dumps(told(chances, is_right[1::2]), indent=2))
    if asked.image is not None:
        draw(chances, is_right[1::2], asked.image)


def answers(understander: Understander, sayings: list[Saying]) -> tuple[np.ndarray, np.ndarray]:
    """(float64[N, K], bool[N]): numbers of each answer, see `confidence.NUMBERS`, and whether it is the goal. Sayings
    longer than what was learned are refused, so that there is no confidence in them: they are left out, and counted."""
    numbers, is_right, refused, began_s = [], [], 0, time.perf_counter()
    for saying in sayings:
        try:
            row = understander.write(saying.prompt, goal_grammar(said(saying.text)))
        except PromptTooLongError:
            refused += 1
            continue
        numbers.append(numbers_of(row.log_probs, row.masked_log_probs))
        is_right.append(same_goal(understander.text_of(row), goal_line(saying.goal)))
    print(f"{len(is_right)} sayings, {np.mean(is_right):.1%} right, {refused} refused as too long, "
          f"{1000 * (time.perf_counter() - began_s) / len(sayings):.0f} ms each")
    return np.array(numbers), np.array(is_right)


def told(chances: np.ndarray, is_right: np.ndarray) -> dict[str, float]:
    """Numbers of a calibration: share of right answers, mean confidence, expected calibration error, Brier score, and
    for some thresholds what share is above and how many of those are wrong."""
    told = {"sayings": len(chances), "right": float(is_right.mean()), "confidence": float(chances.mean()),
            "calibration_error": float(sum(abs(right - chance) * count for chance, right, count in
                                           binned(chances, is_right)) / len(chances)),
            "brier": float(((chances - is_right) ** 2).mean())}
    for least in (0.5, 0.8, 0.9, 0.95):
        kept = chances >= least
        told |= {f"above_{least}": float(kept.mean()), f"wrong_above_{least}": float(1 - is_right[kept].mean())
                 if kept.any() else 0.0}
    return told


def binned(chances: np.ndarray, is_right: np.ndarray) -> list[tuple[float, float, int]]:
    """(mean confidence, share that is right, how many) of each tenth of the scale that holds any."""
    place = np.minimum((chances * BINS).astype(int), BINS - 1)
    return [(float(chances[place == b].mean()), float(is_right[place == b].mean()), int((place == b).sum()))
            for b in range(BINS) if (place == b).any()]


def draw(chances: np.ndarray, is_right: np.ndarray, path: Path) -> None:
    """Write the reliability diagram."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    points = binned(chances, is_right)
    figure, (above, below) = pyplot.subplots(2, 1, figsize=(5, 6), height_ratios=(3, 1), sharex=True)
    above.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    above.plot([p[0] for p in points], [p[1] for p in points], "o-")
    above.set(ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.02),
              title=f"{len(chances)} sayings that were neither learned nor fitted on")
    below.hist(chances, bins=BINS, range=(0, 1))
    below.set(xlabel="confidence", ylabel="sayings")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
