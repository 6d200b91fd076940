"""The KUKA LBR iiwa 7 R800 with the Panda's hand. Limits: the maker's data sheet.

It stands 5 cm behind where the Panda does, for its elbow bends no further than 120 degrees and what is near would be
too near; and on a low pedestal, to lift what is far.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from envs.robots.arm import ArmConfig
from envs.world.assets import Flange, urdf_with_hand

IIWA = ArmConfig(
    name="iiwa",
    urdf=partial(urdf_with_hand, "kuka_iiwa/model.urdf", Flange("lbr_iiwa_link_7", 0.045, np.pi), (-0.05, 0.0, 0.06),
                 (0.93, 0.50, 0.16)),
    joints=tuple(f"lbr_iiwa_joint_{i}" for i in range(1, 8)),
    lower_rad=(-2.967, -2.094, -2.967, -2.094, -2.967, -2.094, -3.054),
    upper_rad=(2.967, 2.094, 2.967, 2.094, 2.967, 2.094, 3.054),
    velocity_rad_s=(1.71, 1.71, 1.74, 2.27, 2.44, 3.14, 3.14),
    acceleration_rad_s2=(10.0,) * 7,  # the maker names none; the figure that is commonly planned with
    effort_nm=(176.0, 176.0, 110.0, 110.0, 110.0, 40.0, 40.0),
    postures_rad=((0.0, 1.1, 0.0, -1.6, 0.0, 0.45, 0.0),))
