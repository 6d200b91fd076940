"""What the robot and its trainer can sense: calibrated cameras, proprioception, and (for labels only) true state.

May import: envs.world, envs.robots, envs.interface.
"""
