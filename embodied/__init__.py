"""The mind: a language model that sees, plans and acts. Importing this package loads no heavy library.

Owns: prompts, models, planning, data, agents, training, evaluation, serving, command line. Touches the world only
through gymnasium and the records of `envs.interface`. After `import embodied`, transformers' Auto classes know its
models, and torchvision is guarded (`embodied.compat`), whenever either is imported.
"""

from embodied.on_import import after_import, before_import
from embodied.version import __version__ as __version__

__all__ = ["Observation", "load_agent", "make_agent", "weights_path"]

_AUTO = "transformers.models.auto"


def __getattr__(name: str) -> object:
    """What `__all__` lists, looked up when it is first used: some of it brings torch along."""
    if name == "Observation":
        from envs.interface import Observation

        return Observation
    if name in __all__:
        from embodied.agents import shipped

        return getattr(shipped, name)
    raise AttributeError(f"module 'embodied' has no attribute {name!r}; it offers {', '.join(__all__)}")


def _guard() -> None:
    from embodied.compat import guard_torchvision

    guard_torchvision()


def _register(part: str) -> None:
    from embodied.models import registration

    getattr(registration, f"register_{part}")()


before_import("torchvision", _guard)
after_import(f"{_AUTO}.configuration_auto", lambda: _register("config"))
after_import(f"{_AUTO}.modeling_auto", lambda: _register("model"))
after_import(f"{_AUTO}.processing_auto", lambda: _register("processor"))
