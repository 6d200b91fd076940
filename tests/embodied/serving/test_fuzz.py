"""Row 43 of the faults to survive, by the hundred: requests made up after the API's own document."""

from __future__ import annotations

from scripts.fuzz_api import Fuzz
from tests.embodied.serving.served import TOKEN, Served


def test_made_up_requests_break_nothing_and_answers_fit_the_document(lean: Served):
    report = Fuzz(lean.url, TOKEN, seed=0, robots=1).run(400)
    assert report.cases >= 300
    assert not report.broken, report.broken
    assert not report.unfit, report.unfit
    assert len(report.accepted) >= 15, "requests reach further than the walls"
