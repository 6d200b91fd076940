"""What layouts of processes are compared on: small models of four kinds, their batches, and what a few steps leave."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from transformers import AutoConfig, AutoModelForCausalLM

from embodied.data.batches import Batch, OnDemand, Shares
from embodied.training import checkpoint, contents
from embodied.training.job import checkpoint_activations
from embodied.training.loop import Course, TrainState, _take_step
from embodied.training.objectives.losses import IGNORED, token_cross_entropy
from embodied.training.objectives.sft import sft
from embodied.training.optim import adamw
from embodied.training.parallel.divided import decoder_of, place
from embodied.training.parallel.layout import Layout
from embodied.training.parallel.sharded import Sharded
from embodied.training.placement import CPU, Replicated, State, share
from tests.embodied.models.test_planner import make
from tests.embodied.training import ranks

PLACES = tuple(range(8))
SIZES = {"vocab_size": 67, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4,
         "num_attention_heads": 4, "num_key_value_heads": 4, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
DECODERS = {
    "llama": {"tie_word_embeddings": True},
    "qwen3": {"head_dim": 8, "tie_word_embeddings": False},
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
}
OWN_SIZES = {"attention_pattern": ["dense", "block_sparse"], "block_size": 4, "local_blocks": 1, "stride_blocks": 2,
             "position_embedding_type": "alibi", "num_local_experts": 4, "router_aux_loss_coef": 0.0}


def planner() -> tuple[nn.Module, Callable, Callable[[Sequence[int]], Batch]]:
    """Pictures, words of names and answers of several lengths."""
    made = make({"model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4,
                 "num_attention_heads": 4, "num_key_value_heads": 4})
    return made[0].train(), sft, lambda places: ranks.planner_batch(made, places)


def decoder(kind: str) -> tuple[nn.Module, Callable, Callable[[Sequence[int]], Batch]]:
    """Texts of several lengths, padded on the right."""
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SIZES, **DECODERS.get(kind, OWN_SIZES)))
    return model.train(), text, text_batch


def text_batch(places: Sequence[int]) -> Batch:
    lengths = [5 + 3 * (number % 4) for number in places]
    ids = torch.zeros(len(places), 15, dtype=torch.long)
    for row, (number, length) in enumerate(zip(places, lengths, strict=True)):
        ids[row, :length] = torch.randint(3, 67, (length,), generator=torch.Generator().manual_seed(number))
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
OWN = "embodied_decoder"
"""Our own decoder, which no layout divides by heads; its balance is of each process's own tokens, and left out here."""


class Trial:
    """A case that learns under a layout, alone where there is one process."""

    def __init__(self, case: str, layout: Layout, rank: int = 0, size: int = 1, *, accumulate: int = 1,
                 is_checkpointed: bool = False, freezes: bool = False) -> None:
        """freezes: whether the first two of the layers, and the words, do not learn."""
        model, self.objective, self.batch_of = decoder(OWN) if case == OWN else CASES[case]()
        if freezes:
            for part in (*decoder_of(model).layers[:2], model.get_input_embeddings()):
                part.requires_grad_(False)
        if is_checkpointed:
            checkpoint_activations(model)
        self.placement = (place(layout, CPU, rank, size, accumulate=accumulate) if size > 1
                          else Replicated(accumulate=accumulate))
        wrapped = self.placement.wrap(model)
        optimizer = self.placement.optimizer(adamw(model, lr=3e-3, weight_decay=0.1))
        self.state = TrainState(wrapped, optimizer, steps=100, placement=self.placement, clip_norm=0.5)

    def go_on(self, steps: int) -> list[tuple[float, float]]:
        """(loss, length of the gradient) of so many steps."""
        return [self._step() for _ in range(steps)]

    def _step(self) -> tuple[float, float]:
        generator = torch.Generator().manual_seed(self.state.step)
        order = torch.randperm(len(PLACES), generator=generator).tolist()
        mine = order[self.placement.data_rank::self.placement.data_size]
        parts = self.placement.shares(self.state.model, len(mine))
        batch = (self.batch_of(mine) if parts == 1
                 else Shares(tuple(self.batch_of(mine[part::parts]) for part in range(parts))))
        _take_step(self.state, batch, self.objective)
        return self.state.loss, self.state.grad_norm

    def saved(self) -> State:
        """What would be saved now; every process must ask."""
        return copy.deepcopy(self.placement.state(self.state.model, self.state.optimizer))

    def save_parts(self, folder: Path) -> None:
        """Save this process's part; every process must ask."""
        folder.mkdir(parents=True, exist_ok=True)
        said = contents.beside(self.state.step, OnDemand(self.batch_of), self.placement, Course())
        taken = Sharded(self.placement).take(self.state.model, self.state.optimizer, said)
        taken.write(folder)
        distributed.barrier()

    def go_on_from(self, folder: Path) -> None:
        """Stand where a checkpoint stands."""
        self.state.step = checkpoint.load(folder, model=self.state.model, optimizer=self.state.optimizer,
                                          batches=OnDemand(self.batch_of), placement=self.placement)

    def take(self, saved: State, step: int) -> None:
        """Stand where something was saved."""
        self.placement.restore(saved, self.state.model, self.state.optimizer)
        self.state.step = step


STEPS, BETWEEN = 10, 3


def course(trial: Trial) -> dict[str, Any]:
    """What ten steps leave: states before, after one, some and all of them, losses and lengths."""
    begin, told = trial.saved(), trial.go_on(1)
    first = trial.saved()
    told += trial.go_on(BETWEEN - 1)
    between = trial.saved()
    told += trial.go_on(STEPS - BETWEEN)
    return {"begin": begin, "first": first, "between": between, "end": trial.saved(), "told": told}
