"""The kitchen's instructions: what lies where, the words that query for a change, and progress in [0, 1].

May import: envs.goals, envs.world, envs.words, envs.interface.
"""
