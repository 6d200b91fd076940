"""Rows 35 to 37 of the faults to survive: who commands, in what order, how late, and what nobody may change."""

from __future__ import annotations

from tests.embodied.serving.served import Robot


def test_row_37_one_lease_at_a_time(robot: Robot):
    """A second client is told who commands; without or with a wrong lease nothing moves."""
    motions = robot.telemetry().motions
    other = robot.served.client.post(robot.path + "/lease", json={"client": "another"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "leased")
    for headers, status, code in (({}, 403, "no_lease"), ({"X-Lease": "x" * 24}, 409, "leased")):
        answer = robot.post("/skills", {"skill": "home"}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert robot.telemetry().motions == motions
