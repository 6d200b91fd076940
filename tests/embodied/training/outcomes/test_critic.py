"""A critic beside the planner: what it says where, what it is taught, and that it learns it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from embodied.agents.rollouts import Decision, Rollout
from embodied.models.critic import ActorCritic
from embodied.training.advantages import Context, advantage_named
from embodied.training.loop import train
from embodied.training.outcomes.examples import by_advantage
from embodied.training.outcomes.objective import policy_objective
from embodied.training.outcomes.policy_stage import has_critic
from embodied.training.outcomes.rollout_stream import RolloutStream
from embodied.training.samples import sample_batch
from tests.embodied.training.outcomes.played import Workers, sample_of
from tests.embodied.training.outcomes.test_rollout_stream import SETTINGS

GAE = by_advantage(advantage_named("gae"), Context(discount=0.5, gae_lambda=0.5), is_success_alone=False)


def drawing(backend, critic, folder, reward, **changed):
    settings = replace(SETTINGS, objective="ppo", advantage="gae", group=1, **changed)
    return RolloutStream(backend.model, backend.processor, Workers(backend, reward, 1, frozenset()), GAE, settings,
                         seed=5, folder=folder, critic=critic)


def test_what_a_critic_is_to_expect_is_the_return_that_gae_has():
    """Two decisions of rewards 0 and 1, of moments worth 0.5 and 0.25 to the critic; discount and lambda 0.5."""
    made = tuple(Decision((sample_of(text),), reward, value=value)
                 for text, reward, value in (("a", 0.0, 0.5), ("b", 1.0, 0.25)))
    rows = [row for [row] in GAE([Rollout(7, 0, made, 1.0, True, "success")])]
    last, earlier = 1.0 + 0.5 * 0.0 - 0.25, 0.0 + 0.5 * 0.25 - 0.5
    assert [row.advantage for row in rows] == [earlier + 0.25 * last, last]
    assert [row.returns for row in rows] == [rows[0].advantage + 0.5, 1.0]


def test_logits_are_the_planners_and_a_new_critic_calls_all_worthless(backend, tmp_path):
    stream = drawing(backend, ActorCritic(backend.model), tmp_path, lambda sample: 1.0)
    batch = next(iter(stream))
    mask, inputs = batch.inputs["positions"], {name: value for name, value in batch.inputs.items() if name in (
        "input_ids", "attention_mask", "pixel_values", "geometry")}
    logits, values = stream.critic(logits_to_keep=mask, **inputs)
    torch.testing.assert_close(logits, backend.model(**inputs, logits_to_keep=mask).logits, rtol=0, atol=0)
    assert values.tolist() == [0.0] * len(mask)
    assert batch.inputs["returns"].tolist() == [1.0] * len(mask), "what followed, for nothing was expected"


def test_a_value_is_read_where_the_prompt_ends(backend, tmp_path):
    critic = ActorCritic(backend.model)
    torch.nn.init.normal_(critic.head.weight)
    [group] = drawing(backend, critic, tmp_path, lambda sample: 1.0, scenes=1)._play(0)
    sample = group[0].decisions[0].samples[0]
    both = sample_batch([sample, replace(sample, **{name: getattr(sample, name)[:1] for name in (
        "token_ids", "log_probs", "masked_log_probs")})], backend.processor)
    values = critic(logits_to_keep=both.positions, **both.inputs)[1]
    torch.testing.assert_close(values[0], values[1])  # whatever the answer
    assert values[0] != 0


def test_a_critic_learns_what_to_expect_and_the_planner_what_is_rewarded(backend, tmp_path):
    critic, seen = ActorCritic(backend.model), []
    stream = drawing(backend, critic, tmp_path, lambda sample: 0.75, scenes=8, updates=1)
    objective = stream.told(policy_objective("ppo", clip=0.2, kl=0.0, beta=0.1, max_tokens=12, value_weight=0.5))

    class Note:
        def step(self, state):
            seen.append(state.metrics["value_loss"])

        end = step

    optimizer = torch.optim.AdamW(critic.parameters(), lr=3e-3, weight_decay=0.0)
    train(critic, stream, objective, optimizer, steps=12, hooks=[Note()])
    assert seen[0] == pytest.approx(0.5 * 0.75 ** 2) and seen[-1] < 0.1 * seen[0]


def test_a_decision_without_a_value_teaches_the_critic_nothing(backend, tmp_path):
    critic = ActorCritic(backend.model)
    batch = next(iter(drawing(backend, critic, tmp_path, lambda sample: 1.0)))
    told = policy_objective("ppo", clip=0.2, kl=0.0, beta=0.1, max_tokens=12, value_weight=0.5)
    batch.inputs["returns"] = torch.full_like(batch.inputs["returns"], float("nan"))
    loss, metrics = told(critic, batch)
    assert metrics["value_loss"] == 0 and torch.isfinite(loss)


def test_who_needs_a_critic_has_one():
    assert has_critic(replace(SETTINGS, advantage="gae")) and not has_critic(SETTINGS)
    assert not has_critic(replace(SETTINGS, objective="rejection", advantage=None))
