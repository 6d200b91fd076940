"""The mind: a language model that sees, plans and acts. Importing this package loads no heavy library.

Owns: prompts, models, planning, data, agents, training, evaluation, serving, command line. Touches the world only
through gymnasium and the records of `envs.interface`.
"""

__version__ = "0.1.0"
