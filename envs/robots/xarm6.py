"""The UFACTORY xArm 6 with the Panda's hand. Limits: the maker's manual, but for its speed.

Its reach is 0.70 m, so that it stands nearer to the table's middle than the others, on a low pedestal.
"""

from __future__ import annotations

from functools import partial

from envs.robots.arm import ArmConfig
from envs.world.assets import Flange, urdf_with_hand

XARM6 = ArmConfig(
    name="xarm6",
    urdf=partial(urdf_with_hand, "xarm/xarm6_robot.urdf", Flange("link6", 0.0, 0.0), (0.12, 0.0, 0.10),
                 (0.92, 0.93, 0.95)),
    joints=tuple(f"joint{i}" for i in range(1, 7)),
    lower_rad=(-6.283, -2.059, -3.927, -6.283, -1.692, -6.283), upper_rad=(6.283, 2.094, 0.191, 6.283, 3.141, 6.283),
    velocity_rad_s=(2.2,) * 6,  # of the maker's 3.14, at which 1 pick in 900 was shaken loose at the stop
    acceleration_rad_s2=(10.0,) * 6,  # half of the maker's 20, for the same reason
    effort_nm=(50.0, 50.0, 32.0, 32.0, 32.0, 20.0),
    postures_rad=((0.0, 0.44, -0.77, 0.0, 0.33, 0.0),))
