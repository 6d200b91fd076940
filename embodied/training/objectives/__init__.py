"""Objectives: (model, batch) -> (scalar loss, metrics), one file each; they may import what embodied.training may.

Their arithmetic is in `losses`, pure functions of tensors that import nothing of the project, for models use them too.
"""
