"""All weights that a deployed robot loads, in Hugging Face form, and their processor.

Owns: configuration, vision (the home of timm), language, projector, body (hidden states), planner (the heads on it),
processor, segmenter, scene, own_decoder (a language model whose layers are chosen by config), building, loading,
registration (of all that with transformers), and what is checked of others' folders (folder, checkpoint_checks,
tensors, known_keys, known_values). May import `embodied.prompt`, `embodied.data.files`, `envs.interface` and the
losses, a leaf of `embodied.training`; never a grammar, an environment or a training loop. Importing the package itself
loads no heavy library.
"""

from __future__ import annotations

from envs.reexport import lazily

_HOMES = {
    "OwnDecoderForCausalLM": "own_decoder.model",
    "OwnDecoderModel": "own_decoder.model",
    "PalmEConfig": "configuration",
    "PalmEForConditionalGeneration": "planner",
    "PalmEProcessor": "processor",
    "build": "building",
    "load": "loading",
    "perceive": "scene",
    "save": "loading",
}

__getattr__ = lazily(__name__, _HOMES)
