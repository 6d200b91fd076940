"""The one training loop, its objectives, optimiser, checkpoints and hooks, and the recipe that puts them together.

May import embodied.agents, data, models, planning and prompt. Knows nothing of Ray, Hydra or evaluation: those come in
as hooks.
"""
