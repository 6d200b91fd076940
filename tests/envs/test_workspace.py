"""What an arm serves: one value of a domain, that each reader takes with a margin of its own."""

from __future__ import annotations

import numpy as np

from embodied.agents.affordance import REACH_M
from embodied.models.configuration import SegmenterConfig
from envs.domains import find_domain
from envs.interface import DOMAINS, TABLE_WORKSPACE, Box, Workspace
from envs.skills.situation import complaint


def test_margins_come_out_as_written_in_decimals():
    grown = TABLE_WORKSPACE.grown(near_m=0.03, far_m=0.03, aside_m=0.03, above_m=0.01, reach_m=0.02)
    assert grown == Workspace((0.32, -0.38, 0.0), (0.78, 0.38, 0.36), 0.76)
    assert TABLE_WORKSPACE.grown() == TABLE_WORKSPACE


def test_a_place_is_served_inside_the_box_and_within_reach():
    near = Workspace((0.3, -0.4, 0.0), (0.8, 0.4, 0.3), reach_m=0.5)
    assert near.holds(np.array([0.3, 0.4])) and near.holds(np.array([0.5, 0.0]))
    assert not near.holds(np.array([0.29, 0.0])) and not near.holds(np.array([0.3, -0.41]))
    assert not near.holds(np.array([0.51, 0.0])), "inside the box, beyond reach"


def test_every_domain_owns_a_workspace_of_some_size():
    for name in DOMAINS:
        workspace = find_domain(name).workspace
        assert all(low < high for low, high in zip(workspace.low_m, workspace.high_m, strict=True)), name


def test_whoever_measures_or_bounds_a_table_takes_its_one_workspace():
    config = SegmenterConfig()
    assert (config.workspace_low_m, config.workspace_high_m) == (list(TABLE_WORKSPACE.low_m),
                                                                list(TABLE_WORKSPACE.high_m))
    assert TABLE_WORKSPACE.reach_m < REACH_M
    assert find_domain("tabletop").workspace is TABLE_WORKSPACE


def test_a_skill_acts_in_the_workspace_that_it_is_given():
    cube = Box((0.5, 0.3, 0.02), (0.04, 0.04, 0.04))
    assert complaint(cube, TABLE_WORKSPACE) is None
    narrow = TABLE_WORKSPACE.grown(aside_m=-0.2)
    assert complaint(cube, narrow) == "the place is out of reach"
