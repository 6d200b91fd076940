"""All weights that a deployed robot loads, in Hugging Face form: eyes, projector, language model, segmenter, processor.

Owns: configuration, vision (the home of timm), language, projector, planner, processor, segmenter, scene, building,
loading, registration (of all that with transformers), and what is checked of others' folders (folder, strangers,
tensors, known_keys, known_values). May import `embodied.prompt`, `embodied.data.files` and `envs.interface`; never a
grammar, an environment or a training loop. Importing the package itself loads no heavy library.
"""

from __future__ import annotations

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
