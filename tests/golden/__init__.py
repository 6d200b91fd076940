"""Recorded numbers: what training, worlds and the shipped planner gave before a change, to compare with after it."""
