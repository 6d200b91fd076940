"""The command line: one file a verb. Hydra lives here only; this room may import every other room.

A verb's heavy imports happen after its configuration has been found valid, so that a typing error costs no wait.
"""
