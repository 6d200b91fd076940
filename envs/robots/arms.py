"""Every arm by its name: a new one is a file of values and a line here."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType

from envs.robots.arm import Arm
from envs.robots.iiwa import IIWA
from envs.robots.panda import PANDA
from envs.robots.xarm6 import XARM6

ARMS = MappingProxyType({config.name: partial(Arm, config=config) for config in (PANDA, IIWA, XARM6)})
"""Name -> what makes that arm in a world."""
