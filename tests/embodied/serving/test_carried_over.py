"""What one instruction leaves to the next in a server's session."""

from __future__ import annotations

import numpy as np
import pytest

from embodied.serving.running import _carried_over
from envs.interface import Observation, Outcome, SkillCall, Transition
from envs.skills.signatures import LANGUAGES

MOMENT = Observation({}, {}, {}, np.zeros(2), np.zeros(7), 0.0, 0.0)


def done(status: str) -> Transition:
    call = SkillCall("push", ("push the red star up",))
    return Transition(MOMENT, call, Outcome(status, "", 1.0), MOMENT, 0.0, False, False)


@pytest.mark.parametrize(("world", "kept"), [("tabletop", 1), ("tamp", 1), ("kitchen", 1), ("board", 0)])
def test_what_a_hand_took_or_a_robot_saw_on_its_way_is_kept_and_no_failure_is(world, kept):
    assert len(_carried_over([done("failed"), done("done")], LANGUAGES[world])) == kept
