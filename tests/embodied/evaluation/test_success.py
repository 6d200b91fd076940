"""Wilson intervals against published values."""

from __future__ import annotations

import numpy as np
import pytest

from embodied.evaluation.attribution import failure_split
from embodied.evaluation.success import Rate, paired_gain, rate, wilson
from embodied.evaluation.summary import block
from embodied.evaluation.videos import choose
from tests.embodied.evaluation.fakes import record


@pytest.mark.parametrize(("successes", "trials", "low", "high"), [
    (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I, method 3
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0000, 0.1611),
    (1, 29, 0.0061, 0.1718),
    (29, 29, 0.8830, 1.0000),
])
def test_wilson_matches_newcombe(successes, trials, low, high):
    assert wilson(successes, trials) == pytest.approx((low, high), abs=6e-5)  # the table has four digits


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (3, 2), (-1, 2)])
def test_no_interval_without_episodes(successes, trials):
    with pytest.raises(ValueError, match="at least one"):
        wilson(successes, trials)


def test_a_rate_counts_records():
    assert rate([{"success": True}, {"success": False}]) == Rate(1, 2)


def test_what_nobody_judged_is_neither_a_success_nor_a_failure():
    unjudged = {**record(2, success=False), "success": None, "attribution": None}
    records = [record(0, success=True), record(1, success=False), unjudged]
    assert rate(records) == Rate(1, 2)
    counted = block(records)
    assert (counted["episodes"], counted["unjudged"]) == (2, 1) and failure_split(records)["count"] == 1
    assert "unjudged" not in block(records[:2]) and choose(records, 9, 9) == records[:2]
    with pytest.raises(ValueError, match="nobody judged any of 1"):
        rate(records[2:])


def test_a_gain_is_of_the_same_scenes():
    before, after = np.array([0, 0, 1, 1] * 50, bool), np.array([1, 0, 1, 1] * 50, bool)
    value, (low, high) = paired_gain(after, before)
    assert value == 0.25 and 0.18 < low < 0.25 < high < 0.32
    assert paired_gain(before, before) == (0.0, (0.0, 0.0))
