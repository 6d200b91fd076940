"""Objectives: (model, batch) -> (scalar loss, metrics), one file each. May import what embodied.training may."""
