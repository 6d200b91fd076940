"""The kitchen's wishes: what lies where, the words that ask for a change, and progress in [0, 1].

May import: envs.world, envs.words, envs.interface.
"""
