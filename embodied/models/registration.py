"""What transformers' Auto classes know of this package's models, before any of them is loaded.

The classes registered here stand for the real ones, and hand on what is asked of them: a program that only reads a
configuration, or another model, does not wait for timm and this model's code. The model takes its stand-in's place once
its module is imported.
"""

from __future__ import annotations

import importlib
from typing import Any

import embodied.models


class _Stand(type):
    """The class of a stand-in: whatever is asked of it, the class of its name in `embodied.models` answers."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(getattr(embodied.models, cls.__name__), name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return getattr(embodied.models, cls.__name__)(*args, **kwargs)


def _stand_in(name: str, config_class: type) -> type:
    return _Stand(name, (), {"config_class": config_class, "__module__": embodied.models.__name__})


def register_config() -> None:
    """Register with `AutoConfig`."""
    importlib.import_module("embodied.models.configuration")
    importlib.import_module("embodied.models.own_decoder.configuration")


def register_model() -> None:
    """Register the planner with `AutoModel` and `AutoModelForImageTextToText`, our own decoder with `AutoModel` and
    `AutoModelForCausalLM`."""
    from transformers import AutoModel, AutoModelForCausalLM, AutoModelForImageTextToText

    from embodied.models.own_decoder.configuration import OwnDecoderConfig

    register("PalmEForConditionalGeneration", AutoModel, AutoModelForImageTextToText)
    register("OwnDecoderModel", AutoModel, config_class=OwnDecoderConfig)
    register("OwnDecoderForCausalLM", AutoModelForCausalLM, config_class=OwnDecoderConfig)


def register_processor() -> None:
    """Register with `AutoProcessor`, which the processor itself does not import: it takes a fifth of a second."""
    from transformers import AutoProcessor

    register("PalmEProcessor", AutoProcessor)


def register(name: str, *autos: Any, config_class: type | None = None) -> None:
    """Set a stand-in for the class of that name, with each of the Auto classes. config_class: None: the planner's."""
    from embodied.models.configuration import PalmEConfig

    stand = _stand_in(name, config_class or PalmEConfig)
    for auto in autos:
        auto.register(stand.config_class, stand, exist_ok=True)
