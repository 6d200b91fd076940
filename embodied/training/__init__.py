"""The one training loop, its objectives, optimiser, checkpoints and hooks, and the recipe that puts them together.

Batches are made of a dataset (collate) or of what a model sampled (samples).

May import embodied.agents, data, models, planning and prompt. Knows nothing of Ray, Hydra or evaluation: those come in
as hooks.
"""
