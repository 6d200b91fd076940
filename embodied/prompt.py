"""A prompt is a multimodal sentence: text, images, object slots, state vectors in reading order (PaLM-E, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.interface import Box

MAX_OBJECTS = 12
"""Most object slots that one prompt names; `obj_1` .. `obj_12` are tokens of every processor."""
LOCATION_BINS = 64
"""Columns and rows into which an image is cut for location tokens `<loc_0>` .. `<loc_63>`."""


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A whole camera image; it becomes a grid of soft tokens."""

    camera: str
    pixels: np.ndarray  # uint8[H, W, 3]


@dataclass(frozen=True, slots=True)
class Slot:
    """One object in sight: its masked crop and its measured geometry; written `<obj_j>`, referred to as `obj_j`."""

    crop: np.ndarray  # uint8[S, S, 3], zero outside the object's mask
    box: Box  # measured from depth, world frame
    camera: str = "front"
    pixel: tuple[int, int] = (0, 0)  # column, row of a pixel inside the object's mask in `camera`
    area_px: int = 0  # pixels of its mask, all cameras
    window: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Where the crop was cut in the camera's image: left, top, width, height as shares of it; zeros where not told."""
    width_m: float = 0.0
    """How wide it is, as far as can be known: measured where the whole of its upper face is seen, else as its pixels
    believe; 0 where not told. The box is what was measured, hidden or not."""
    place: str = ""
    """The piece of furniture that it was seen on by a robot that drives about; its box is in that piece's own frame
    then. Or a board, in the world's frame."""
    is_distractor: bool = False
    """Whether planners never learned of such a thing, as far as the eyes tell: neither block nor bowl of a table."""


@dataclass(frozen=True, slots=True)
class Entity:
    """The place of one slot in the sentence. index: 1-based, so that `obj_{index}` names it."""

    index: int
    slot: Slot


@dataclass(frozen=True, slots=True)
class State:
    """A state vector, float32[K]: proprioception or the privileged ablation."""

    vector: np.ndarray


Segment = Text | Image | Entity | State


@dataclass(frozen=True, slots=True)
class Prompt:
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer of a model, and everything that learning needs of that decision. Nobody tokenises its text again.

    token_ids, log_probs and masked_log_probs are of the same tokens, the end token among them unless `is_cut`. They are
    empty where whoever answered tells none, as recorded replies do.
    """

    text: str
    prompt: Prompt  # that the model read
    grammar: str | None = None  # Lark text that kept the answer inside; None: anything could be said
    token_ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()  # natural, among all words: the policy's own, without the mask
    masked_log_probs: tuple[float, ...] = ()  # among what it could say (grammar; no placeholders): how it was drawn
    temperature: float = 0.0  # that both divide the logits by; 0: the likeliest token each time, and both are at 1
    seed: int = 0
    version: int | None = None  # of the weights, as their backend was told; None: nobody told it
    pieces: tuple[str, ...] = ()  # the text that each token added, "" for the end
    prompt_tokens: int = 0  # that the model read, pictures' soft tokens among them
    is_cut: bool = False  # it ended for want of room or because nobody listened, not with the model's end token
    stood: int | None = None  # of one that a judge turned down: its first calls that nothing spoke against; else None

    @property
    def is_constrained(self) -> bool:
        """Whether a grammar kept it inside."""
        return self.grammar is not None

    @property
    def answer_tokens(self) -> int:
        """Tokens of the text, without the end token."""
        return len(self.token_ids) - (not self.is_cut and bool(self.token_ids))


class PromptTooLongError(ValueError):
    """A prompt that a model's context cannot hold."""
