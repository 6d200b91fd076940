"""stub"""
from types import SimpleNamespace
import numpy as np
from envs.robots.robot import MotionStoppedError
class Governor:
    def __init__(self, envelope, latch):
        self.latch=latch; self.counters=SimpleNamespace(admitted=0,limited=0,refused=0)
    def admit(self, robot, target):
        if (r:=self.latch()) is not None:
            self.counters.refused+=1
            raise MotionStoppedError(r)
        self.counters.admitted+=1
        return np.asarray(target,float)
