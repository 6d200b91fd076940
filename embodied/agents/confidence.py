"""How likely it is that what was understood is what was meant: from how sure a model was of each word that it wrote.

N answers, K numbers of an answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embodied.agents.mind_card import CARD
from embodied.agents.second_opinion import Opinions

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

CALIBRATION = "calibration.json"
"""The file beside the weights of a model that writes goals."""

NUMBERS = ("sum of log-probabilities", "lowest log-probability", "tokens", "sum of log-probabilities among all words")
_PULL = 1e-3  # of coefficients towards 0, as a share of what an answer adds
_STEPS = 50


class CalibrationError(ValueError):
    """A file beside weights that does not say how sure they are."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """longest_tokens: of a sentence that was learned from; of longer ones nothing is known. coefficients: of `NUMBERS`
    and of 1, of the logarithm of the odds; None where nothing was measured: the product of probabilities then stands
    for it. measured: answers that they were fitted on. opinions: what a second mind's opinion counts beside; None
    where that was not measured."""

    longest_tokens: int
    coefficients: tuple[float, ...] | None = None
    measured: int = 0
    opinions: Opinions | None = None

    def probability(self, log_probs: Sequence[float], masked_log_probs: Sequence[float]) -> float:
        """That an answer is right. log_probs, masked_log_probs: of its tokens, as of `Sample`."""
        return self.of_numbers(numbers_of(log_probs, masked_log_probs))

    def of_numbers(self, numbers: Float[np.ndarray, " K"]) -> float:
        """The same of an answer's `NUMBERS`, float64[K]: a probability."""
        if self.coefficients is None:
            return float(np.exp(numbers[0]))
        return float(_chance(numbers[None], np.array(self.coefficients))[0])

    def fitted(self, numbers: Float[np.ndarray, "N K"], is_right: Bool[np.ndarray, " N"]) -> Calibration:
        """The calibration that says best which of some answers were right (logistic regression, Newton's steps)."""
        return replace(self, coefficients=tuple(_fit(numbers, is_right).tolist()), measured=len(numbers))


def numbers_of(log_probs: Sequence[float], masked_log_probs: Sequence[float]) -> Float[np.ndarray, " K"]:
    """float64[K]: `NUMBERS` of an answer."""
    return np.array([sum(masked_log_probs), min(masked_log_probs), len(masked_log_probs), sum(log_probs)])


def _fit(numbers: Float[np.ndarray, "N K"], is_right: Bool[np.ndarray, " N"]) -> Float[np.ndarray, " K1"]:
    middle, spread = numbers.mean(0), numbers.std(0) + 1e-9
    scaled = np.column_stack([(numbers - middle) / spread, np.ones(len(numbers))])
    pull = np.diag([_PULL * len(numbers)] * numbers.shape[1] + [0.0])
    found = np.zeros(scaled.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-scaled @ found))
        slope = scaled.T @ (chance - is_right) + pull @ found
        bend = (scaled * (chance * (1 - chance))[:, None]).T @ scaled + pull + 1e-6 * np.eye(len(found))
        found = found - np.linalg.solve(bend, slope)
    return np.append(found[:-1] / spread, found[-1] - (found[:-1] * middle / spread).sum())


def _chance(numbers: Float[np.ndarray, "N K"], coefficients: Float[np.ndarray, " K1"]) -> Float[np.ndarray, " N"]:
    return 1 / (1 + np.exp(-(numbers @ coefficients[:-1] + coefficients[-1])))


def write_calibration(calibration: Calibration) -> str:
    """What `calibration.json` holds."""
    return json.dumps(asdict(calibration), indent=2) + "\n"


def read_calibration(folder: Path) -> Calibration:
    """Of the weights in a folder. Raises CalibrationError where it is missing or no such file."""
    path = folder / CALIBRATION
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        coefficients = values["coefficients"]
        found = Calibration(int(values["longest_tokens"]), None if coefficients is None else tuple(
            map(float, coefficients)), int(values["measured"]), _opinions(values.get("opinions")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CalibrationError(f"{path}: expected what a model that writes goals has beside its weights, got none "
                               f"that can be read ({error}); train one: embodied train "
                               "experiment=understand_tiny") from error
    is_whole = found.coefficients is None or len(found.coefficients) == len(NUMBERS) + 1
    numbers = (*(found.coefficients or ()), *(astuple(found.opinions) if found.opinions else ()))
    if not is_whole or not np.isfinite(numbers).all():
        raise CalibrationError(f"{path}: expected {len(NUMBERS) + 1} finite coefficients, got {numbers}; "
                               "calibrate it anew: python scripts/calibrate.py")
    return found


def beside_weights(folder: Path) -> dict[str, str]:
    """Texts of what makes a folder's weights a mind, by the names of the files; {} for a planner."""
    return {name: (folder / name).read_text("utf-8") for name in (CALIBRATION, CARD) if (folder / name).exists()}


def _opinions(values: object) -> Opinions | None:
    return None if values is None else Opinions(**{name: float(value) for name, value in dict(values).items()})
