"""The body of the multimodal-sentence model: pictures become soft tokens among the words; hidden states come out.

B examples, T tokens, S tokens with those of the cache, N pictures (all examples together, reading order), U of them
different (N where nobody says otherwise), H x W pixels and G numbers a picture, Q soft tokens a picture, D width, M
names of objects. After PaLM-E (arXiv 2303.03378, section 3); departures:
1. A soft token is *added* to the embedding of its placeholder (`<obj_j>`, `<image>`) instead of replacing it, and
   `<obj_j>` starts with the embedding of the name `obj_j`, so that saying an object's name is attending to its slot.
2. Geometry measured from depth accompanies each object (see projector).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils import ModelOutput

from embodied.models.adaptation import read_adaptation
from embodied.models.configuration import PalmEConfig
from embodied.models.encoding import ProjectorSizes, SegmentEncoder
from embodied.models.language import build_language, decoder_width
from embodied.models.on_base import NewWords, adapt, borrowed_names
from embodied.models.packed import packed_states
from embodied.models.pointer import Pointer
from embodied.models.projectors import make_projector
from embodied.models.scene_encoders import find_encoder
from embodied.models.segmenter import ObjectSegmenter
from embodied.models.vision import build_vision, restore_buffers
from embodied.prompt import MAX_OBJECTS

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@dataclass
class PalmEModelOutput(ModelOutput):
    """last_hidden_state: float[B, T, D]. soft_tokens: float[N, Q, D] of the pictures that were read, None without.

    object_keys: float[B, MAX_OBJECTS, D], what the pointer looks names up in; None where objects are not pointed at.
    balance_loss: float[], of a decoder with experts that trains, None of others.
    """

    last_hidden_state: Float[Tensor, "B T D"] | None = None
    past_key_values: Any = None
    soft_tokens: Float[Tensor, "N Q D"] | None = None
    object_keys: Float[Tensor, "B M D"] | None = None
    balance_loss: Float[Tensor, ""] | None = None


class PalmEModel(PreTrainedModel):
    """All weights, and the hidden states that they make of a sentence; what is said next is the heads' business."""

    config_class = PalmEConfig
    main_input_name = "input_ids"
    input_modalities = ("image", "text")
    _supports_sdpa = True
    _supports_flash_attn = True

    def __init__(self, config: PalmEConfig, language: PreTrainedModel | None = None):
        """language: the published model that config.base names, which becomes a part of this one; None for a new one,
        drawn by config.text_config. ValueError where config.base names one and none is given."""
        super().__init__(config)
        if config.base is not None and language is None:
            raise ValueError(f"PalmEModel: expected the language model of base {config.base.get('name')!r}, got none; "
                             "load the checkpoint with embodied.models.load or from_pretrained, which find it")
        encoder = find_encoder(config.scene_encoder)
        self.vision = None if encoder.pixels is None else build_vision(config.vision_config)
        self.projector = make_projector(config.projector, encoder,
                                        _sizes(config, encoder, getattr(self.vision, "width", 0)))
        self.language = build_language(config.text_config) if language is None else language
        self.new_words = self._new_words()
        self.pointer = Pointer(decoder_width(config.text_config)) if encoder.scene.finds_objects else None
        self.segmenter = None if config.segmenter_config is None else ObjectSegmenter(config.segmenter_config)
        self.post_init()
        adaptation = read_adaptation(config.adaptation)
        adapt(self.language, adaptation)
        self._borrowed = frozenset() if config.base is None else frozenset(
            f"language.{name}" for name in borrowed_names(self.language, adaptation))
        if self.vision is not None and config.vision_config.base is not None:
            self._borrowed |= {f"vision.{name}" for name in self.vision.state_dict()}
        self.register_state_dict_post_hook(_without_borrowed)
        self.freeze()

    def _new_words(self) -> NewWords | None:
        """The table of the words that a base does not have."""
        config, text = self.config, self.config.text_config
        return None if not config.new_words else NewWords(
            config.new_word_first_id, config.new_words, decoder_width(text),
            is_tied=bool(getattr(text, "tie_word_embeddings", False)))

    def save_pretrained(self, save_directory: Any, **kwargs: Any) -> None:
        """As in transformers; of a planner that stands on a base under the names that its weights have here, not those
        that they were published under: what was learned is put beside the base by them."""
        ours = {"save_original_format": False} if self._borrowed else {}
        super().save_pretrained(save_directory, **{**ours, **kwargs})

    def freeze(self) -> None:
        """Hold still what the configuration says: the language model (PaLM-E, "frozen"), the vision encoder."""
        if self.config.language_is_frozen:
            self.language.requires_grad_(False)
        if self.vision is not None and self.config.vision_config.is_frozen:
            self.vision.requires_grad_(False)

    def forward(self, input_ids: Int[Tensor, "B T"] | None = None, attention_mask: Int[Tensor, "B S"] | None = None,
                pixel_values: Float[Tensor, "U 3 H W"] | None = None, geometry: Float[Tensor, "U G"] | None = None,
                position_ids: Int[Tensor, "B T"] | None = None, past_key_values: Any = None,
                inputs_embeds: Float[Tensor, "B T D"] | None = None, object_keys: Float[Tensor, "B M D"] | None = None,
                use_cache: bool | None = None, wanted: Bool[Tensor, "B T"] | None = None,
                picture_ids: Int[Tensor, " N"] | None = None) -> PalmEModelOutput:
        """Hidden states of every position.

        object_keys: from the output of the prompt, when past_key_values holds it. picture_ids: int64[N], the row of
        pixel_values and geometry that each picture is, where several are the same; None: each its own. wanted: where
        hidden states will be read beside those of pictures, all others being zero then; of whole sentences padded on
        the right, whose decoder `packed.why_not_packable` finds nothing against. All else as in transformers.
        """
        soft = balance = None
        if inputs_embeds is None:
            inputs_embeds, soft = self._embeddings(input_ids, pixel_values, geometry, past_key_values, picture_ids)
        if position_ids is None and _is_empty(past_key_values):
            position_ids = _positions(attention_mask)
        if wanted is None:
            out = self.language.base_model(inputs_embeds=inputs_embeds, attention_mask=attention_mask,
                                           position_ids=position_ids, past_key_values=past_key_values,
                                           use_cache=use_cache)
            hidden, past_key_values = out.last_hidden_state, out.past_key_values
            balance = getattr(out, "balance_loss", None)
        else:
            wanted = wanted | self.placeholders(input_ids)
            hidden = packed_states(self.language.base_model, inputs_embeds, attention_mask, wanted)
        if self.pointer is not None and soft is not None:
            object_keys = self.object_keys(input_ids, soft, hidden)
        return PalmEModelOutput(hidden, past_key_values, soft, object_keys, balance)

    def interleave(self, input_ids: Int[Tensor, "B T"], soft: Float[Tensor, "N Q D"]) -> Float[Tensor, "B T D"]:
        """float[B, T, D] from soft tokens float[N, Q, D], reading order."""
        words = self.embed(input_ids)
        places = torch.where(self.placeholders(input_ids))
        return words.index_put(places, soft.flatten(0, 1).to(words.dtype), accumulate=True)

    def see(self, pixel_values: Float[Tensor, "N 3 H W"], geometry: Float[Tensor, "N G"] | None = None
            ) -> Float[Tensor, "N Q D"]:
        """Soft tokens float[N, Q, D] of pictures."""
        if geometry is None:
            geometry = pixel_values.new_zeros(len(pixel_values), find_encoder(self.config.scene_encoder).geometry_size)
        pixel_values = pixel_values.to(self.projector.out.weight.dtype)
        tokens = None if self.vision is None else self.vision(pixel_values)
        return self.projector(tokens, geometry.to(pixel_values.dtype))

    def placeholders(self, input_ids: Int[Tensor, "B T"]) -> Bool[Tensor, "B T"]:
        """bool[B, T]: where soft tokens go."""
        return (input_ids >= self.config.placeholder_first_id) & (input_ids <= self.config.placeholder_last_id)

    def check_places(self, places: Bool[Tensor, "B T"], pictures: int) -> None:
        """Raise ValueError unless there are as many placeholders as soft tokens of the pictures."""
        expected, got = pictures * self.config.soft_tokens, int(places.sum())
        if expected != got:
            raise ValueError(f"input_ids: expected {self.config.soft_tokens} placeholder(s) for each of {pictures} "
                             f"pictures = {expected}, got {got}; make both with the same PalmEProcessor call")

    def _embeddings(self, input_ids: Int[Tensor, "B T"], pixel_values: Float[Tensor, "U 3 H W"] | None,
                    geometry: Float[Tensor, "U G"] | None, cache: Any, picture_ids: Int[Tensor, " N"] | None
                    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "N Q D"] | None]:
        """float[B, T, D] and soft tokens; pictures are read once, with the prompt: later steps only add words."""
        if pixel_values is not None and len(pixel_values):
            self.check_places(self.placeholders(input_ids), len(pixel_values if picture_ids is None else picture_ids))
            soft = self.see(pixel_values, geometry)
            soft = soft if picture_ids is None else soft.index_select(0, picture_ids)
            return self.interleave(input_ids, soft), soft
        if _is_empty(cache):
            self.check_places(self.placeholders(input_ids), 0)
        return self.embed(input_ids), None

    def embed(self, input_ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """float[B, T, D]: the words, without pictures."""
        base = self.get_input_embeddings()
        return base(input_ids) if self.new_words is None else self.new_words.embed(base, input_ids)

    @property
    def word_count(self) -> int:
        """V: words that can be said, new ones among them."""
        config = self.config
        return config.new_word_first_id + config.new_words if config.new_words else config.text_config.vocab_size

    @property
    def word_rows(self) -> Float[Tensor, "V D"]:
        """float[V, D]: the embedding of every word."""
        base = self.get_input_embeddings().weight
        return base if self.new_words is None else self.new_words.all_rows(base)

    def object_keys(self, input_ids: Int[Tensor, "B T"], soft: Float[Tensor, "N Q D"], hidden: Float[Tensor, "B T D"]
                    ) -> Float[Tensor, "B M D"]:
        """float[B, MAX_OBJECTS, D]: row j - 1 from what stands at `<obj_j>`, zero where it is not in the sentence."""
        rows, columns = torch.where(self.placeholders(input_ids))
        index = input_ids[rows, columns] - self.config.placeholder_first_id
        keys = self.pointer.keys(soft.flatten(0, 1).to(hidden.dtype), hidden[rows, columns]) / self.config.soft_tokens
        empty = hidden.new_zeros(len(input_ids), MAX_OBJECTS, hidden.shape[-1])
        return empty.index_put((rows, index), keys, accumulate=True)

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


def _without_borrowed(module: PalmEModel, state: dict[str, Tensor], prefix: str, _: Any) -> None:
    """Leave the weights of the base out of a `state_dict`: nobody who saves or sends a planner needs them again."""
    for name in module._borrowed:
        state.pop(prefix + name, None)


def _sizes(config: PalmEConfig, encoder: SegmentEncoder, vision_width: int) -> ProjectorSizes:
    return ProjectorSizes(
        vision_width=vision_width, geometry_size=encoder.geometry_size, width=config.projector_width,
        language_width=decoder_width(config.text_config), soft_tokens=config.soft_tokens,
        scale=getattr(config.text_config, "initializer_range", 0.02))


def _is_empty(cache: Any) -> bool:
    return cache is None or cache.get_seq_length() == 0


def _positions(attention_mask: Int[Tensor, "B T"] | None) -> Int[Tensor, "B T"] | None:
    """int64[B, T] counted from each example's first word, so that padding on either side changes nothing."""
    return None if attention_mask is None else (attention_mask.long().cumsum(dim=1) - 1).clamp(min=0)
