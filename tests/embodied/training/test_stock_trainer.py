"""The model under a Trainer of transformers as it comes: it steps, and accumulated small batches equal a great one."""

from __future__ import annotations

import pytest
import torch
from transformers import Trainer, TrainingArguments

from tests.embodied.training import ranks

PLACES = list(range(8))


def fit(folder, *, per_step: int, accumulate: int, steps: int = 1, has_names: bool = True):
    """(weights before, weights after, Trainer) of plain gradient descent on the same examples in the same order."""
    made = ranks.a_planner()
    before = {name: p.detach().clone() for name, p in made[0].named_parameters()}

    def collate(places):
        inputs = dict(ranks.planner_batch(made, places).inputs)
        return inputs if has_names else {k: v for k, v in inputs.items() if k != "name_ids"}

    arguments = TrainingArguments(
        str(folder), per_device_train_batch_size=per_step, gradient_accumulation_steps=accumulate, max_steps=steps,
        learning_rate=1.0, lr_scheduler_type="constant", max_grad_norm=0.0, optim="sgd", save_strategy="no",
        logging_steps=1, report_to=[], use_cpu=True, disable_tqdm=True, remove_unused_columns=False,
        train_sampling_strategy="sequential")
    trainer = Trainer(made[0], arguments, train_dataset=PLACES, data_collator=collate)
    trainer.train()
    return before, dict(made[0].named_parameters()), trainer


def test_it_takes_two_steps(tmp_path):
    before, after, trainer = fit(tmp_path, per_step=4, accumulate=1, steps=2)
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    assert trainer.state.global_step == 2 and len(losses) == 2 and all(0 < loss < 100 for loss in losses)
    learned = {name for name in before if not torch.equal(before[name], after[name])}
    assert {"projector.out.weight", "language.model.embed_tokens.weight"} <= learned


@pytest.mark.parametrize("has_names", [True, False])
def test_four_accumulated_pairs_are_one_batch_of_eight(tmp_path, has_names):
    """Steps of plain gradient descent with a rate of 1: the weights' difference is the gradient."""
    steps = [{name: before[name] - after[name].detach() for name in before} for before, after, _ in (
        fit(tmp_path, per_step=8, accumulate=1, has_names=has_names),
        fit(tmp_path, per_step=2, accumulate=4, has_names=has_names))]
    # float32 rounding of weights of order 1 that moved by much less, beside that of the sums
    assert ranks.relative_difference(*steps) < 1e-5
