"""A language model that stays as it was published, and what is learned beside it: adapters and new tokens.

B examples, T tokens, D width, V words of the model with its new ones, first of which is F.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from embodied.models.adaptation import Adaptation

if TYPE_CHECKING:
    from jaxtyping import Float, Int

_BASE_LAYER = ".base_layer"
"""What adapters put into the names of the weights that they stand beside."""


BEGINNING_NOISE = 0.1
"""Of a new word's first row, as a share of the deviation of the base's: enough to tell new words apart. As much
noise as words have lets them take more than half of the base's probability in any text, before anything is learned."""


class NewWords(nn.Module):
    """Rows of the tokens that a base does not have, beside its embeddings and its head, which stay as they are."""

    def __init__(self, first_id: int, count: int, width: int, *, is_tied: bool):
        """is_tied: the head says a word by the same row that reads it, as the base's does."""
        super().__init__()
        self.first_id = first_id
        self.rows = nn.Parameter(torch.zeros(count, width))
        self.head = None if is_tied else nn.Parameter(torch.zeros(count, width))

    def embed(self, base: nn.Module, input_ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """float[B, T, D]: the base's rows of its words, ours of the new ones."""
        is_new = input_ids >= self.first_id
        known = base(input_ids.masked_fill(is_new, 0))
        new = F.embedding((input_ids - self.first_id).clamp(min=0), self.rows)
        return torch.where(is_new[..., None], new.to(known.dtype), known)

    def score(self, logits: Float[Tensor, "B T words"], hidden: Float[Tensor, "B T D"]) -> Float[Tensor, "B T V"]:
        """float[B, T, V] from the base's own logits, to the bit, and those of the new words."""
        new = F.linear(hidden, self.rows if self.head is None else self.head)
        return torch.cat([logits[..., :self.first_id], new], dim=-1)

    def all_rows(self, base: Float[Tensor, "words D"]) -> Float[Tensor, "V D"]:
        """float[V, D]: the embeddings of every word."""
        return torch.cat([base[:self.first_id], self.rows], dim=0)

    @torch.no_grad()
    def begin(self, base: Float[Tensor, "words D"], tokenizer: PreTrainedTokenizerBase, before: PreTrainedTokenizerBase
              ) -> None:
        """Each new word begins as the mean of the words that it was written in, and a little of its own.

        before: the base's tokenizer, without the new words.
        """
        noise = torch.randn_like(self.rows) * BEGINNING_NOISE * base.std()
        for row in range(len(self.rows)):
            text = tokenizer.convert_ids_to_tokens(self.first_id + row)
            pieces = before(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
            self.rows[row] = base[pieces].mean(dim=0) + noise[row] if pieces else noise[row]
        if self.head is not None:
            self.head.copy_(self.rows)


def adapt(language: PreTrainedModel, adaptation: Adaptation) -> None:
    """Have only what the adaptation says of a language model move, in place; adapters say nothing at first.

    ValueError for targets that the model does not have.
    """
    if not adaptation.borrows:
        return
    language.requires_grad_(False)
    if adaptation.kind == "lora":
        _add_adapters(language, adaptation)
    if adaptation.kind == "last":
        for part in _last_parts(language, adaptation.layers):
            part.requires_grad_(True)


def _add_adapters(language: PreTrainedModel, adaptation: Adaptation) -> None:
    from peft import LoraConfig, inject_adapter_in_model
    from transformers.pytorch_utils import Conv1D

    targets = list(adaptation.targets)
    settings = LoraConfig(
        r=adaptation.rank, lora_alpha=adaptation.alpha, lora_dropout=adaptation.dropout, use_dora=adaptation.dora,
        target_modules="all-linear" if targets == ["all-linear"] else targets, task_type="CAUSAL_LM",
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in language.modules()))
    try:
        inject_adapter_in_model(settings, language)
    except ValueError as error:
        linear = sorted({name.rsplit(".", 1)[-1] for name, module in language.base_model.named_modules()
                         if isinstance(module, nn.Linear | Conv1D)})
        raise ValueError(f"adapter.targets: expected names of linear layers of {language.config.model_type}, "
                         f"{', '.join(linear)} or all-linear, got {', '.join(targets)}") from error


def _last_parts(language: PreTrainedModel, count: int) -> list[nn.Module]:
    """The last decoder layers, and the norm after them."""
    [layers] = [module for module in language.base_model.children() if isinstance(module, nn.ModuleList)]
    norms = [m for name, m in language.base_model.named_children() if "norm" in name or name == "ln_f"]
    return [*layers[-count:], *norms]


def borrowed_names(language: PreTrainedModel, adaptation: Adaptation) -> frozenset[str]:
    """Names of the weights that a checkpoint leaves to the base: those of it that do not move."""
    if not adaptation.borrows:
        return frozenset()
    moving = {name for name, parameter in language.named_parameters(remove_duplicate=False) if parameter.requires_grad}
    return frozenset(name for name in language.state_dict() if name not in moving and ".lora_" not in name)


@contextmanager
def adapters_off(language: nn.Module) -> Iterator[None]:
    """The language model as it was published, within the block."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [module for module in language.modules() if isinstance(module, BaseTunerLayer)]
    moving = {name for name, parameter in language.named_parameters() if parameter.requires_grad}
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)
        for name, parameter in language.named_parameters():
            parameter.requires_grad_(name in moving)


def merge_adapters(language: nn.Module) -> None:
    """Add what adapters say to the weights that they stand beside, in memory and for good: decoding is faster, and
    nothing is to be trained, saved or put in afterwards."""
    for module in language.modules():
        if hasattr(type(module), "merged_adapters"):  # a layer of peft, which is not imported where there is none
            module.merge()
