"""All weights that a deployed robot loads, in Hugging Face form: eyes, projector, language model, segmenter, processor.

Owns: configuration, vision (the home of timm), language, projector, planner, processor, segmenter, scene, building,
loading. May import `embodied.prompt`, `envs.interface` and `embodied.compat`; never a grammar, an environment or a
training loop. Importing this package guards torchvision, once, before any of its files can meet timm or transformers.
"""

from __future__ import annotations

from embodied.compat import guard_torchvision

guard_torchvision()

_HOMES = {
    "PalmEConfig": "configuration",
    "PalmEForConditionalGeneration": "planner",
    "PalmEProcessor": "processor",
    "build": "building",
    "load": "loading",
    "perceive": "scene",
    "save": "loading",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
