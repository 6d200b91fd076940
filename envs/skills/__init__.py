"""What the robot can do: one controller a file, each a generator of joint targets that returns its Outcome.

May import: envs.robots, envs.world, envs.sensors, envs.words, envs.interface. `signatures` imports nothing.
Controllers act on measured boxes, the last depth images, joint readings and finger contact; never on true state.
"""
