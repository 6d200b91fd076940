"""From samples to tensors, by their token ids: what an objective that learns from outcomes reads.

B samples, T tokens, P sampled tokens of all samples in reading order, V words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from embodied.models.processor import PalmEProcessor
from embodied.planning.constrain import allowed_tokens
from embodied.prompt import Sample
from embodied.training.objectives.losses import next_tokens

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Int64
    from llguidance import LLTokenizer


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """`model(**inputs, logits_to_keep=positions).logits` scores the sampled tokens: row p for token p."""

    inputs: Mapping[str, Any]  # of the model: input_ids, attention_mask, pixel_values, geometry
    positions: Bool[Tensor, "B T"]  # where the model was asked what comes next
    tokens: Int64[Tensor, " P"]  # what was sampled there
    rows: Int64[Tensor, " P"]  # whose token it is: `advantages[rows]` is per token
    log_probs: Float32[Tensor, " P"]  # as the samples tell them
    masked_log_probs: Float32[Tensor, " P"]
    temperature: float  # factor that logits are divided by; 1 for samples without chance


def sample_batch(samples: Sequence[Sample], processor: PalmEProcessor) -> SampleBatch:
    """The tensors of samples. Raises ValueError for none, for one without tokens, and for several temperatures."""
    _check(samples)
    inputs = dict(processor([s.prompt for s in samples], [s.token_ids for s in samples]))
    targets, positions = next_tokens(inputs.pop("labels"))
    own, masked = (torch.tensor([value for s in samples for value in getattr(s, name)])
                   for name in ("log_probs", "masked_log_probs"))
    return SampleBatch(inputs, positions, targets[positions], torch.where(positions)[0], own, masked,
                       samples[0].temperature or 1.0)


def allowed_words(samples: Sequence[Sample], tokenizer: LLTokenizer, width: int, never: Sequence[int] = ()
                  ) -> Bool[Tensor, "P V"]:
    """bool[P, V]: what could be said at each token: all that the sample's grammar left possible, if it had one.

    tokenizer: from `planning.constrain.compile_tokenizer`. width: V, words of the model's output layer. never: words
    that the model does not say, `model.generation_config.suppress_tokens`.
    """
    allowed = torch.cat([torch.ones(len(s.token_ids), width, dtype=torch.bool) if s.grammar is None
                         else allowed_tokens(tokenizer, s.grammar, s.token_ids, width) for s in samples])
    allowed[:, list(never)] = False
    return allowed


def _check(samples: Sequence[Sample]) -> None:
    without = sum(not s.token_ids for s in samples)
    if not samples:
        raise ValueError("samples: expected at least one, got none: no model was asked in these episodes, as where "
                         "nothing is in sight; play others, or pass these over")
    if without:
        raise ValueError(f"samples: expected answers with their tokens, got {len(samples)}, {without} of them without; "
                         "sample from a local model: recordings and chat endpoints tell no tokens")
    temperatures = sorted({s.temperature for s in samples})
    if len(temperatures) > 1:
        raise ValueError(f"samples: expected one temperature, got {temperatures}; make a batch of each")
