"""Arms and grippers: limits, checked inverse kinematics, tracking of joint targets.

May import: envs.world, envs.interface.
"""
