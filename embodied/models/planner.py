"""The multimodal-sentence model: a body that makes hidden states of a sentence, and the heads that say what comes next.

B examples, T tokens, S tokens with those of the cache, N pictures (all examples together, reading order), U of them
different, H x W pixels and G numbers a picture, Q soft tokens a picture, D width, M names of objects, V words, A
places that the head is asked about in each example, P in all together. After PaLM-E (arXiv 2303.03378, section 3);
departures beside the body's:
3. Saying an object's name is pointing: the score of `obj_j` grows with the fit between what is about to be said and
   what stands at `<obj_j>` (see pointer); the paper relies on a pre-trained language model to look names up.
4. A second loss (`naming_weight`) pulls an object's soft token towards the embeddings of the words of its name, which
   the paper gets from a vision encoder pre-trained on classification and a language model pre-trained on text. Marks
   and placeholders are no words and take no part: the padding row of Llama- and Qwen-type decoders is zero, and the
   gradient of its direction without bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import AutoModel, AutoModelForImageTextToText, GenerationMixin
from transformers.utils import ModelOutput

from embodied.models.body import PalmEModel, PalmEModelOutput
from embodied.models.configuration import PalmEConfig
from embodied.models.folder import check_local
from embodied.models.frozen import frozen_products, is_frozen
from embodied.models.loading_base import read_on_base
from embodied.models.packed import why_not_packable
from embodied.models.tensors import check_tensors
from embodied.prompt import MAX_OBJECTS
from embodied.training.objectives.losses import (
    IGNORED,
    naming_loss,
    next_tokens,
    token_cross_entropy,
    word_likeness,
)

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Real


@dataclass
class PalmEOutput(ModelOutput):
    """Without labels: logits, float[B, T, V] or of the positions asked for. With: loss, and graded_logits float[P, V];
    logits of a mask of other positions, where one was given.

    The loss holds naming_loss, weighted, and balance_loss, that of a decoder's experts where it trains, where there is
    one. Row p of graded_logits predicts graded label p. object_keys: as of the body; to be given back with later words.
    """

    loss: Float[Tensor, ""] | None = None
    naming_loss: Float[Tensor, ""] | None = None
    balance_loss: Float[Tensor, ""] | None = None
    logits: Float[Tensor, "*places V"] | None = None
    graded_logits: Float[Tensor, "P V"] | None = None
    object_keys: Float[Tensor, "B M D"] | None = None
    past_key_values: Any = None


class PalmEForConditionalGeneration(PalmEModel, GenerationMixin):
    """The body with its heads: logits where they are asked for, losses of labels, and generation."""

    def forward(self, input_ids: Int[Tensor, "B T"] | None = None, attention_mask: Int[Tensor, "B S"] | None = None,
                pixel_values: Float[Tensor, "U 3 H W"] | None = None, geometry: Float[Tensor, "U G"] | None = None,
                labels: Int[Tensor, "B T"] | None = None, name_ids: Int[Tensor, "N K"] | None = None,
                position_ids: Int[Tensor, "B T"] | None = None, past_key_values: Any = None,
                inputs_embeds: Float[Tensor, "B T D"] | None = None, object_keys: Float[Tensor, "B M D"] | None = None,
                use_cache: bool | None = None, logits_to_keep: int | Int[Tensor, " A"] | Bool[Tensor, "B T"] = 0,
                num_items_in_batch: Real[Tensor, ""] | int | None = None,
                num_names_in_batch: Real[Tensor, ""] | int | None = None, is_packed: bool = False,
                picture_ids: Int[Tensor, " N"] | None = None, **kwargs: Any) -> PalmEOutput:
        """Logits of the positions asked for, or, with labels, the loss over the graded ones, and of no others unless
        logits_to_keep is a mask, whose logits are given beside.

        logits_to_keep: the last so many positions, 0 for all; or int64[A], places in the sentence; or bool[B, T], any
        positions of each example, whose logits are then float[P, V] in reading order. labels: int64[B, T] aligned with
        input_ids, IGNORED where not graded. name_ids: int64[N, K], the words of each picture's name, IGNORED where
        there are fewer; graded with labels only. num_items_in_batch, num_names_in_batch: graded tokens and words of
        names that the losses are divided by where this batch is a part of a greater one (None: those of this batch).
        With num_items_in_batch alone, as the Trainer of transformers gives it, words of names are counted by the graded
        token too. is_packed: with labels, the decoder's layers run over tokens without their padding, where they can
        (`packed.why_not_packable`): the same up to rounding, and faster on a CPU. Everything else as of the body and in
        transformers.
        """
        wanted, beside = None, None if labels is None or isinstance(logits_to_keep, int) else logits_to_keep
        if is_packed and labels is not None and why_not_packable(self.language.base_model) is None:
            wanted = next_tokens(labels)[1] if beside is None else next_tokens(labels)[1] | beside
        seen = self.body(input_ids=input_ids, attention_mask=attention_mask, pixel_values=pixel_values,
                         geometry=geometry, position_ids=position_ids, past_key_values=past_key_values,
                         inputs_embeds=inputs_embeds, object_keys=object_keys, use_cache=use_cache and labels is None,
                         wanted=wanted, picture_ids=picture_ids)
        if labels is None:
            return PalmEOutput(logits=self.compute_logits(seen, logits_to_keep), object_keys=seen.object_keys,
                               past_key_values=seen.past_key_values)
        out = self._grade(seen, labels, num_items_in_batch)
        out.logits = None if beside is None else self.compute_logits(seen, beside)
        if name_ids is not None and seen.soft_tokens is not None:
            names = num_items_in_batch if num_names_in_batch is None else num_names_in_batch
            out.naming_loss = naming_loss(seen.soft_tokens, self.word_rows, name_ids, self._marks(),
                                          names)
            out.loss = out.loss + self.config.naming_weight * out.naming_loss
        return out

    def name_likeness(self, soft: Float[Tensor, "N Q D"], name_ids: Int[Tensor, "M K"]) -> Float[Tensor, "N M"]:
        """float[N, M]: how like each picture's soft tokens are the words of each of M names; `naming_loss` teaches it.

        soft: of `see`. name_ids: int64[M, K], of `PalmEProcessor.name_ids`.
        """
        is_word = name_ids != IGNORED
        likeness = word_likeness(soft, self.word_rows)[:, name_ids.clamp(min=0)]
        return (likeness * is_word).sum(dim=-1) / is_word.sum(dim=-1)

    def body(self, **inputs: Any) -> PalmEModelOutput:
        """Hidden states, without any head; inputs as of `PalmEModel.forward`."""
        return super().forward(**inputs)

    def compute_logits(self, seen: PalmEModelOutput, keep: int | Int[Tensor, " A"] | Bool[Tensor, "B T"] = 0
                       ) -> Float[Tensor, "B A V"] | Float[Tensor, "P V"]:
        """The head at the positions that keep, a `logits_to_keep`, names: float[B, A, V], or float[P, V] of a mask."""
        hidden, keys = seen.last_hidden_state, seen.object_keys
        if isinstance(keep, int):
            return self._logits(hidden[:, -keep:], keys)
        if keep.dtype != torch.bool:
            return self._logits(hidden[:, keep], keys)
        logits = self._head(hidden[keep])
        return logits if keys is None else self._named(logits, self.pointer(hidden, keys)[keep])

    def _logits(self, hidden: Float[Tensor, "B A D"], object_keys: Float[Tensor, "B M D"] | None
                ) -> Float[Tensor, "B A V"]:
        """float[B, A, V] from hidden float[B, A, D]."""
        return self.point(self.get_output_embeddings()(hidden), hidden, object_keys)

    def _head(self, hidden: Float[Tensor, "P D"]) -> Float[Tensor, "P V"]:
        """What the head says of hidden states as training wants it, names without what stands at their slots."""
        head = self.get_output_embeddings()
        logits = frozen_products([head], [None], hidden, is_exact=True) if is_frozen(head, hidden) else head(hidden)
        return logits if self.new_words is None else self.new_words.score(logits[:, None], hidden[:, None])[:, 0]

    def point(self, logits: Float[Tensor, "B A head"], hidden: Float[Tensor, "B A D"],
              object_keys: Float[Tensor, "B M D"] | None) -> Float[Tensor, "B A V"]:
        """The logits of the head with those of new words, and with what names of objects add to theirs: how well what
        they stand for fits what is about to be said, looked up in their keys. object_keys: None where objects are not
        pointed at."""
        if self.new_words is not None:
            logits = self.new_words.score(logits, hidden)
        return logits if object_keys is None else self._named(logits, self.pointer(hidden, object_keys))

    def _named(self, logits: Float[Tensor, "*places V"], fits: Float[Tensor, "*places M"]
               ) -> Float[Tensor, "*places V"]:
        """The logits with how well each object fits its name, in place: there may be fifty thousand words."""
        start = self.config.name_first_id
        logits[..., start:start + MAX_OBJECTS] += fits
        return logits

    def _grade(self, seen: PalmEModelOutput, labels: Int[Tensor, "B T"], count: Real[Tensor, ""] | int | None
               ) -> PalmEOutput:
        """The cross-entropy of the graded tokens and their logits."""
        targets, is_graded = next_tokens(labels)
        if not bool(is_graded.any()):
            raise ValueError("labels: expected at least one graded token, got none; pass answers to the processor")
        logits, balance = self.compute_logits(seen, is_graded), seen.balance_loss
        loss = token_cross_entropy(logits, targets[is_graded], count)
        return PalmEOutput(loss=loss if balance is None else loss + balance, balance_loss=balance, graded_logits=logits)

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

    def prepare_inputs_for_generation(self, input_ids: Int[Tensor, "B T"],
                                      pixel_values: Float[Tensor, "N 3 H W"] | None = None,
                                      geometry: Float[Tensor, "N G"] | None = None,
                                      is_first_iteration: bool | None = False, **kwargs: Any) -> dict[str, Any]:
        """As in transformers; pictures go with the prompt alone, later steps have them in the cache."""
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

    def _picture_rows(self, input_ids: Int[Tensor, "B T"], copies: int) -> Int[Tensor, " copied"]:
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
        if (on_base := read_on_base(cls, *args, **kwargs)) is not None:
            return (on_base, {}) if output_loading_info else on_base
        kwargs["ignore_mismatched_sizes"] = True  # collected here and refused below, all at once
        model, info = super().from_pretrained(*args, output_loading_info=True, **kwargs)
        faults = {kind: sorted(map(str, info[f"{kind}_keys"])) for kind in ("missing", "unexpected", "mismatched")}
        if any(faults.values()):
            listed = "; ".join(f"{kind}: {', '.join(keys[:8])}{' ...' if len(keys) > 8 else ''} ({len(keys)})"
                               for kind, keys in faults.items() if keys)
            raise ValueError(f"weights do not fit this model: {listed}; load them with their own config.json")
        model.freeze()  # transformers makes new parameters of what it reads, all of which learn
        return (model, info) if output_loading_info else model


for auto in (AutoModel, AutoModelForImageTextToText):
    auto.register(PalmEConfig, PalmEForConditionalGeneration, exist_ok=True)
