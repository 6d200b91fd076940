"""The multimodal-sentence model: pictures become soft tokens among the words of any causal language model.

B examples, T tokens, N pictures (all examples together, reading order), Q soft tokens a picture, D width, V words,
P graded positions. After PaLM-E (arXiv 2303.03378, section 3); departures:
1. A soft token is *added* to the embedding of its placeholder (`<obj_j>`, `<image>`) instead of replacing it, and
   `<obj_j>` starts with the embedding of the name `obj_j`, so that saying an object's name is attending to its slot.
2. Geometry measured from depth accompanies each object (see projector).
3. Saying an object's name is pointing: the score of `obj_j` grows with the fit between what is about to be said and
   what stands at `<obj_j>` (see pointer); the paper relies on a pre-trained language model to look names up.
4. A second loss (`naming_weight`) pulls an object's soft token towards the embeddings of the words of its name, which
   the paper gets from a vision encoder pre-trained on classification and a language model pre-trained on text. Marks
   and placeholders are no words and take no part: the padding row of Llama- and Qwen-type decoders is zero, and the
   gradient of its direction without bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoModel, AutoModelForImageTextToText, GenerationMixin, PreTrainedModel
from transformers.utils import ModelOutput

from embodied.models.configuration import PalmEConfig
from embodied.models.encoding import ProjectorSizes, SegmentEncoder
from embodied.models.folder import check_local
from embodied.models.language import build_language, decoder_width
from embodied.models.pointer import Pointer
from embodied.models.scene_encoders import find_encoder
from embodied.models.segmenter import ObjectSegmenter
from embodied.models.tensors import check_tensors
from embodied.models.vision import build_vision, restore_buffers
from embodied.prompt import MAX_OBJECTS

IGNORED = -100
"""The label of a position that is not graded."""

NAMING_SHARPNESS = 16.0
"""Factor on the cosine between a soft token and a word: two words of one name can then both be likely."""


@dataclass
class PalmEOutput(ModelOutput):
    """With labels, loss and graded_logits float[P, V] (row p predicts graded label p); else logits float[B, T, V].

    object_keys: float[B, MAX_OBJECTS, D], what the pointer looks names up in; to be given back with later words.
    """

    loss: Tensor | None = None
    naming_loss: Tensor | None = None
    logits: Tensor | None = None
    graded_logits: Tensor | None = None
    object_keys: Tensor | None = None
    past_key_values: Any = None


class PalmEForConditionalGeneration(PreTrainedModel, GenerationMixin):
    config_class = PalmEConfig
    main_input_name = "input_ids"
    input_modalities = ("image", "text")
    _supports_sdpa = True
    _supports_flash_attn = True

    def __init__(self, config: PalmEConfig):
        super().__init__(config)
        encoder = find_encoder(config.scene_encoder)
        self.vision = None if encoder.pixels is None else build_vision(config.vision_config)
        self.projector = encoder.make_projector(_sizes(config, encoder, getattr(self.vision, "width", 0)))
        self.language = build_language(config.text_config)
        self.pointer = Pointer(decoder_width(config.text_config)) if encoder.scene.finds_objects else None
        self.segmenter = None if config.segmenter_config is None else ObjectSegmenter(config.segmenter_config)
        self.post_init()
        if config.language_is_frozen:
            self.freeze_language()

    def freeze_language(self) -> None:
        """Only the eyes and the projector learn from here on (PaLM-E, "frozen")."""
        self.language.requires_grad_(False)

    def _interleave(self, input_ids: Tensor, soft: Tensor) -> Tensor:
        """float[B, T, D] from soft tokens float[N, Q, D], reading order."""
        words = self.get_input_embeddings()(input_ids)
        places = torch.where(self.placeholders(input_ids))
        return words.index_put(places, soft.flatten(0, 1).to(words.dtype), accumulate=True)

    def see(self, pixel_values: Tensor, geometry: Tensor | None = None) -> Tensor:
        """Soft tokens float[N, Q, D] of pictures."""
        if geometry is None:
            geometry = pixel_values.new_zeros(len(pixel_values), find_encoder(self.config.scene_encoder).geometry_size)
        pixel_values = pixel_values.to(self.projector.out.weight.dtype)
        tokens = None if self.vision is None else self.vision(pixel_values)
        return self.projector(tokens, geometry.to(pixel_values.dtype))

    def placeholders(self, input_ids: Tensor) -> Tensor:
        """bool[B, T]: where soft tokens go."""
        return (input_ids >= self.config.placeholder_first_id) & (input_ids <= self.config.placeholder_last_id)

    def _check_places(self, places: Tensor, pictures: int) -> None:
        expected, got = pictures * self.config.soft_tokens, int(places.sum())
        if expected != got:
            raise ValueError(f"input_ids: expected {self.config.soft_tokens} placeholder(s) for each of {pictures} "
                             f"pictures = {expected}, got {got}; make both with the same PalmEProcessor call")

    def forward(self, input_ids: Tensor | None = None, attention_mask: Tensor | None = None,
                pixel_values: Tensor | None = None, geometry: Tensor | None = None, labels: Tensor | None = None,
                name_ids: Tensor | None = None, position_ids: Tensor | None = None, past_key_values: Any = None,
                inputs_embeds: Tensor | None = None, object_keys: Tensor | None = None, use_cache: bool | None = None,
                logits_to_keep: int | Tensor = 0, num_items_in_batch: Tensor | int | None = None,
                num_names_in_batch: Tensor | int | None = None, **kwargs: Any) -> PalmEOutput:
        """Logits of each position, or, with labels, the loss over the graded ones (the only ones the head computes).

        labels: int64[B, T] aligned with input_ids, IGNORED where not graded. name_ids: int64[N, K], the words of each
        picture's name, IGNORED where there are fewer; graded with labels only. object_keys: from the output of the
        prompt, when past_key_values holds it. num_items_in_batch, num_names_in_batch: graded tokens and words of names
        that the losses are divided by where this batch is a part of a greater one (None: those of this batch). With
        num_items_in_batch alone, as the Trainer of transformers gives it, words of names are counted by the graded
        token too. Everything else as in transformers.
        """
        soft = None
        if inputs_embeds is None:
            inputs_embeds, soft = self._embeddings(input_ids, pixel_values, geometry, past_key_values)
        if position_ids is None and _is_empty(past_key_values):
            position_ids = _positions(attention_mask)
        out = self.language.base_model(inputs_embeds=inputs_embeds, attention_mask=attention_mask,
                                       position_ids=position_ids, past_key_values=past_key_values,
                                       use_cache=use_cache and labels is None)
        hidden = out.last_hidden_state
        if self.pointer is not None and soft is not None:
            object_keys = self._object_keys(input_ids, soft, hidden)
        if labels is not None:
            out = self._grade(hidden, object_keys, labels, num_items_in_batch)
            if name_ids is not None and soft is not None:
                names = num_items_in_batch if num_names_in_batch is None else num_names_in_batch
                out.naming_loss = naming_loss(soft, self.get_input_embeddings().weight, name_ids, self._marks(), names)
                out.loss = out.loss + self.config.naming_weight * out.naming_loss
            return out
        kept = hidden[:, -logits_to_keep:] if isinstance(logits_to_keep, int) else hidden[:, logits_to_keep]
        return PalmEOutput(logits=self._logits(kept, object_keys), object_keys=object_keys,
                           past_key_values=out.past_key_values)

    def _embeddings(self, input_ids: Tensor, pixel_values: Tensor | None, geometry: Tensor | None, cache: Any
                    ) -> tuple[Tensor, Tensor | None]:
        """float[B, T, D] and soft tokens; pictures are read once, with the prompt: later steps only add words."""
        if pixel_values is not None and len(pixel_values):
            self._check_places(self.placeholders(input_ids), len(pixel_values))
            soft = self.see(pixel_values, geometry)
            return self._interleave(input_ids, soft), soft
        if _is_empty(cache):
            self._check_places(self.placeholders(input_ids), 0)
        return self.get_input_embeddings()(input_ids), None

    def _object_keys(self, input_ids: Tensor, soft: Tensor, hidden: Tensor) -> Tensor:
        """float[B, MAX_OBJECTS, D]: row j - 1 from what stands at `<obj_j>`, zero where it is not in the sentence."""
        rows, columns = torch.where(self.placeholders(input_ids))
        index = input_ids[rows, columns] - self.config.placeholder_first_id
        keys = self.pointer.keys(soft.flatten(0, 1).to(hidden.dtype), hidden[rows, columns]) / self.config.soft_tokens
        empty = hidden.new_zeros(len(input_ids), MAX_OBJECTS, hidden.shape[-1])
        return empty.index_put((rows, index), keys, accumulate=True)

    def _logits(self, hidden: Tensor, object_keys: Tensor | None) -> Tensor:
        """float[B, K, V] from hidden float[B, K, D]; names of objects are looked up in their keys as well."""
        logits = self.get_output_embeddings()(hidden)
        if object_keys is None:
            return logits
        start, stop = self.config.name_first_id, self.config.name_first_id + MAX_OBJECTS
        named = logits[..., start:stop] + self.pointer(hidden, object_keys)
        return torch.cat([logits[..., :start], named, logits[..., stop:]], dim=-1)

    def _grade(self, hidden: Tensor, object_keys: Tensor | None, labels: Tensor, count: Tensor | int | None
               ) -> PalmEOutput:
        """Cross-entropy of the graded tokens: their sum divided by `count`, or by how many there are."""
        targets = F.pad(labels[:, 1:], (0, 1), value=IGNORED)
        is_graded = targets != IGNORED
        if not bool(is_graded.any()):
            raise ValueError("labels: expected at least one graded token, got none; pass answers to the processor")
        keys = None if object_keys is None else object_keys[torch.where(is_graded)[0]]
        logits = self._logits(hidden[is_graded][:, None], keys)[:, 0]
        total = F.cross_entropy(logits.float(), targets[is_graded], reduction="sum")
        return PalmEOutput(loss=total / (is_graded.sum() if count is None else count), graded_logits=logits)

    def _marks(self) -> list[int]:
        """Ids that are no words: padding, beginning, end, and the placeholders."""
        text, first, last = self.config.text_config, self.config.placeholder_first_id, self.config.placeholder_last_id
        ends = text.eos_token_id if isinstance(text.eos_token_id, list) else [text.eos_token_id]
        listed = [text.pad_token_id, text.bos_token_id, *ends]
        return sorted({mark for mark in listed if mark is not None} | set(range(first, last + 1)))

    def _update_model_kwargs_for_generation(self, outputs: PalmEOutput, model_kwargs: dict[str, Any],
                                            **kwargs: Any) -> dict[str, Any]:
        model_kwargs = super()._update_model_kwargs_for_generation(outputs, model_kwargs, **kwargs)
        return model_kwargs | {"object_keys": outputs.object_keys}

    def prepare_inputs_for_generation(self, input_ids: Tensor, pixel_values: Tensor | None = None,
                                      geometry: Tensor | None = None, is_first_iteration: bool | None = False,
                                      **kwargs: Any) -> dict[str, Any]:
        inputs = super().prepare_inputs_for_generation(input_ids, is_first_iteration=is_first_iteration, **kwargs)
        if is_first_iteration or not kwargs.get("use_cache", True):
            inputs |= {"pixel_values": pixel_values, "geometry": geometry}
        return inputs

    def _expand_inputs_for_generation(self, expand_size: int = 1, is_encoder_decoder: bool = False,
                                      input_ids: Tensor | None = None, **kwargs: Any) -> tuple[Tensor, dict[str, Any]]:
        """As in transformers, but pictures are repeated example by example: their first axis is not the batch."""
        pictures = {name: kwargs.pop(name, None) for name in ("pixel_values", "geometry")}
        if expand_size > 1 and input_ids is not None:
            rows = self._picture_rows(input_ids, expand_size)
            pictures = {name: None if value is None else value[rows] for name, value in pictures.items()}
        expanded, kwargs = super()._expand_inputs_for_generation(expand_size, is_encoder_decoder, input_ids, **kwargs)
        return expanded, kwargs | {name: value for name, value in pictures.items() if value is not None}

    def _picture_rows(self, input_ids: Tensor, copies: int) -> Tensor:
        """int64[N * copies]: the pictures of example 1 `copies` times over, then those of example 2, and so on."""
        counts = (self.placeholders(input_ids).sum(dim=1) // self.config.soft_tokens).tolist()
        each = torch.arange(sum(counts), device=input_ids.device).split(counts)
        return torch.cat([rows.repeat(copies) for rows in each])

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """The saved model, every weight of it; ValueError naming each missing, unexpected or misshapen one.

        Of a local folder: CheckpointError, before anything is built, for all that `loading.load` refuses there.
        """
        folder = check_local(pretrained_model_name_or_path, kwargs.get("subfolder") or "")
        if folder is not None and (folder / "config.json").exists():
            check_tensors(folder)
        return cls.from_checked(pretrained_model_name_or_path, *args, **kwargs)

    @classmethod
    def from_checked(cls, *args: Any, output_loading_info: bool = False, **kwargs: Any) -> Any:
        """`from_pretrained` for who has checked the folder."""
        kwargs["ignore_mismatched_sizes"] = True  # collected here and refused below, all at once
        model, info = super().from_pretrained(*args, output_loading_info=True, **kwargs)
        faults = {kind: sorted(map(str, info[f"{kind}_keys"])) for kind in ("missing", "unexpected", "mismatched")}
        if any(faults.values()):
            listed = "; ".join(f"{kind}: {', '.join(keys[:8])}{' ...' if len(keys) > 8 else ''} ({len(keys)})"
                               for kind, keys in faults.items() if keys)
            raise ValueError(f"weights do not fit this model: {listed}; load them with their own config.json")
        return (model, info) if output_loading_info else model

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.language.get_input_embeddings()

    def set_input_embeddings(self, value: torch.nn.Module) -> None:
        self.language.set_input_embeddings(value)

    def get_output_embeddings(self) -> torch.nn.Module:
        return self.language.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings: torch.nn.Module) -> None:
        self.language.set_output_embeddings(new_embeddings)

    def _init_weights(self, module: torch.nn.Module) -> None:
        """Parts initialise themselves; only what a timm layer keeps out of its state_dict has to be computed again."""
        restore_buffers(module)


def naming_loss(soft: Tensor, words: Tensor, name_ids: Tensor, marks: Sequence[int] = (),
                count: Tensor | int | None = None) -> Tensor:
    """Cross-entropy of the words of each picture's name under its soft tokens' likeness to all words; 0 if unnamed.

    soft: float[N, Q, D]. words: float[V, D], the input embeddings. name_ids: int64[N, K], IGNORED where none. marks:
    rows that are no words, left out; so are rows of zeros, which have no direction. count: what the sum is divided by,
    None for the number of words. Raises ValueError for a name that holds a mark.
    """
    is_named = name_ids != IGNORED
    is_left_out = (words == 0).all(dim=-1)
    is_left_out[list(marks)] = True
    targets = name_ids.clamp(min=0)
    wrong = name_ids[is_named & is_left_out[targets]].tolist()
    if wrong:
        raise ValueError(f"name_ids: expected words, got {wrong}, which are marks, placeholders or rows of zeros; "
                         "make them with PalmEProcessor.name_ids")
    likeness = F.normalize(soft.float().mean(dim=1), dim=-1) @ F.normalize(words.float(), dim=-1).mT
    scores = (NAMING_SHARPNESS * likeness).masked_fill(is_left_out, float("-inf")).log_softmax(dim=-1)
    total = -(scores.gather(1, targets).masked_fill(~is_named, 0.0)).sum()
    return total / (is_named.sum().clamp(min=1) if count is None else count)


def _sizes(config: PalmEConfig, encoder: SegmentEncoder, vision_width: int) -> ProjectorSizes:
    return ProjectorSizes(
        vision_width=vision_width, geometry_size=encoder.geometry_size, width=config.projector_width,
        language_width=decoder_width(config.text_config), soft_tokens=config.soft_tokens,
        scale=getattr(config.text_config, "initializer_range", 0.02))


def _is_empty(cache: Any) -> bool:
    return cache is None or cache.get_seq_length() == 0


def _positions(attention_mask: Tensor | None) -> Tensor | None:
    """int64[B, T] counted from each example's first word, so that padding on either side changes nothing."""
    return None if attention_mask is None else (attention_mask.long().cumsum(dim=1) - 1).clamp(min=0)


for auto in (AutoModel, AutoModelForImageTextToText):
    auto.register(PalmEConfig, PalmEForConditionalGeneration, exist_ok=True)
