"""The mind: a language model that sees, plans and acts. Importing this package loads no heavy library.

Owns: prompts, models, planning, data, agents, training, evaluation, serving, command line. Touches the world only
through gymnasium and the records of `envs.interface`.
"""

__version__ = "0.1.0"

__all__ = ["load_agent"]


def __getattr__(name: str) -> object:
    """`load_agent`, looked up when it is first used: it brings torch along."""
    if name == "load_agent":
        from embodied.agents.shipped import load_agent

        return load_agent
    raise AttributeError(f"module 'embodied' has no attribute {name!r}; it offers {', '.join(__all__)}")
