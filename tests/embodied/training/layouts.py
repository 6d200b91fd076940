"""What layouts of processes are compared on: small models of four kinds, their batches, and what a few steps leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM

from embodied.data.batches import Batch, Shares
from embodied.training.loop import TrainState, _take_step
from embodied.training.objectives.losses import IGNORED, token_cross_entropy
from embodied.training.objectives.sft import sft
from embodied.training.optim import adamw
from embodied.training.parallel.divided import place
from embodied.training.parallel.layout import Layout
from embodied.training.placement import Replicated, State, share
from tests.embodied.models.test_planner import make
from tests.embodied.training import ranks

PLACES = tuple(range(8))
SIZES = {"vocab_size": 67, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4,
         "num_key_value_heads": 4, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "attn_implementation": "sdpa"}
DECODERS = {
    "llama": {"tie_word_embeddings": True},
    "qwen3": {"head_dim": 8, "tie_word_embeddings": False},
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
}


def planner() -> tuple[nn.Module, Callable, Callable[[Sequence[int]], Batch]]:
    """Pictures, words of names and answers of several lengths."""
    made = make({"model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4,
                 "num_attention_heads": 4, "num_key_value_heads": 4})
    return made[0].train(), sft, lambda places: ranks.planner_batch(made, places)


def decoder(kind: str) -> tuple[nn.Module, Callable, Callable[[Sequence[int]], Batch]]:
    """Texts of several lengths, padded on the right."""
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SIZES, **DECODERS[kind]))
    return model.train(), text, text_batch


def text_batch(places: Sequence[int]) -> Batch:
    lengths = [5 + 3 * (place % 4) for place in places]
    ids = torch.zeros(len(places), 15, dtype=torch.long)
    for row, (place, length) in enumerate(zip(places, lengths, strict=True)):
        ids[row, :length] = torch.randint(3, 67, (length,), generator=torch.Generator().manual_seed(place))
    return Batch(0, tuple(map(str, places)), {"input_ids": ids, "attention_mask": (ids > 0).long()})


def text(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of the next word, as objectives are written: a sum over this rank's share of the words."""
    labels = batch.inputs["input_ids"][:, 1:].clone()
    labels[batch.inputs["attention_mask"][:, 1:] == 0] = IGNORED
    [words] = share((labels != IGNORED).sum())
    logits = model(**batch.inputs, use_cache=False).logits[:, :-1]
    loss = token_cross_entropy(logits[labels != IGNORED], labels[labels != IGNORED], words)
    return loss, {"logits": logits.detach().float().abs().mean()}


CASES = {"planner": planner, **{kind: lambda kind=kind: decoder(kind) for kind in DECODERS}}


def run(case: str, layout: Layout, rank: int, size: int, steps: int, **chosen: Any) -> dict[str, Tensor]:
    """What `steps` steps of a case leave, by name: weights before and after, first gradients, losses and lengths."""
    model, objective, batch_of = CASES[case]()
    placement = place(layout, rank, size, **chosen) if size > 1 else Replicated(**chosen)
    wrapped = placement.wrap(model)
    optimizer = placement.optimizer(adamw(model, lr=3e-3, weight_decay=0.1))
    state = TrainState(wrapped, optimizer, steps=steps, placement=placement, clip_norm=0.5)
    found = {f"begin/{name}": value.clone() for name, value in placement.state(wrapped, optimizer).weights.items()}
    told = []
    for step in range(steps):
        order = torch.randperm(len(PLACES), generator=torch.Generator().manual_seed(step)).tolist()
        _take_step(state, _batch(placement, wrapped, batch_of, order), objective)
        told.append([state.loss, state.grad_norm])
    saved: State = placement.state(wrapped, optimizer)
    found |= {f"end/{name}": value for name, value in saved.weights.items()}
    found |= {f"memory/{number}/{key}": torch.as_tensor(value) for number, slots in saved.optimizer["state"].items()
              for key, value in slots.items()}
    return found | {"losses": torch.tensor(told)[:, 0], "norms": torch.tensor(told)[:, 1]}


def _batch(placement: Any, model: nn.Module, batch_of: Callable, order: Sequence[int]) -> Batch | Shares:
    mine = order[placement.data_rank::placement.data_size]
    parts = placement.shares(model, len(mine))
    return batch_of(mine) if parts == 1 else Shares(tuple(batch_of(mine[part::parts]) for part in range(parts)))
