"""What people want of a table, as data: a typed goal language, what its references mean, one judge and one planner.

Symbols alone: what is there comes as a `Table`, whoever read it, from the true state of a world or from what was
perceived. Imports nothing of the project but `envs.interface`.
"""
