"""Who decides: language agents, their backends, baselines and the oracle. Everything here satisfies `Planner`.

May import `embodied.models`, `embodied.planning`, `embodied.prompt` and `envs.interface`.
"""
