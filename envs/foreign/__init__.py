"""Worlds of others: gymnasium environments with a goal and a picture, played by skill calls. See docs/foreign.md."""
