"""PPO and GRPO reach the known optimum of a world of two states, by these losses and advantages.

Staying in the poor state earns 0.3 a step, in the rich one 1; going from one to the other earns nothing. In four steps
from the poor state the best is to go at once and to stay then: 3. Staying earns 1.2 and is what pays at first sight.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from embodied.training.advantages import Change, Context, Group, ScoredDecision, Trajectory, advantage_named
from embodied.training.objectives.policy import grpo_loss, ppo_loss, value_loss

POOR, RICH = 0, 1
STAY, GO = 0, 1
REWARDS = torch.tensor([[0.3, 0.0], [1.0, 0.0]])  # of a state and what is done there
STEPS, EPISODES, LEARNING_RATE, BEST = 4, 16, 3.0, 3.0
MASK = torch.ones(EPISODES, STEPS, dtype=torch.bool)


def value_of(policy: torch.Tensor) -> float:
    """What a policy earns from the poor state, by dynamic programming."""
    later = torch.zeros(2)
    for _ in range(STEPS):
        there = torch.stack([later, later.flip(0)], dim=1)  # after staying, after going
        later = (policy * (REWARDS + there)).sum(1)
    return later[POOR].item()


def play(logits: torch.Tensor, chance: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """The states and what was done there, int64[EPISODES, STEPS] each."""
    state, states, actions = torch.full((EPISODES,), POOR), [], []
    for _ in range(STEPS):
        action = torch.multinomial(logits[state].softmax(-1), 1, generator=chance)[:, 0]
        states.append(state)
        actions.append(action)
        state = state ^ action
    return torch.stack(states, 1), torch.stack(actions, 1)


def group_of(states: torch.Tensor, actions: torch.Tensor, values: torch.Tensor) -> Group:
    """What advantages read of it; the critic knows the state and how many steps are left."""
    rewards = REWARDS[states, actions].tolist()
    told = torch.cat([values[states, torch.arange(STEPS)], torch.zeros(EPISODES, 1)], dim=1).tolist()
    return Group(tuple(Trajectory(tuple(
        ScoredDecision(reward=rewards[i][t], value=Change(told[i][t], told[i][t + 1])) for t in range(STEPS)))
        for i in range(EPISODES)))


def descend(loss: torch.Tensor, *learned: nn.Parameter) -> None:
    """A step of gradient descent; `torch.optim` takes seconds to load."""
    slopes = torch.autograd.grad(loss, learned, allow_unused=True)
    with torch.no_grad():
        for parameter, slope in zip(learned, slopes, strict=True):
            if slope is not None:
                parameter -= LEARNING_RATE * slope


def learn(algorithm: str, seed: int) -> float:
    """The value of the policy that was learned."""
    chance = torch.Generator().manual_seed(seed)
    logits, values = nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.zeros(2, STEPS))
    advantage = advantage_named({"ppo": "gae", "grpo": "group_relative"}[algorithm])
    for _ in range(40):
        states, actions = play(logits.detach(), chance)
        old, before = logits.detach().log_softmax(-1)[states, actions], values.detach()[states, torch.arange(STEPS)]
        told = torch.tensor(advantage(group_of(states, actions, values.detach()), Context(gae_lambda=0.9)))
        for _ in range(2):
            log_probs = logits.log_softmax(-1)[states, actions]
            if algorithm == "ppo":
                critic = value_loss(values[states, torch.arange(STEPS)], told + before, MASK)
                loss = ppo_loss(log_probs, old, told, MASK) + critic
            else:
                loss = grpo_loss(log_probs, old, told, MASK)
            descend(loss, logits, values)
    return value_of(logits.detach().softmax(-1))


def test_the_optimum_is_known():
    assert value_of(torch.tensor([[0.0, 1.0], [1.0, 0.0]])) == BEST
    assert value_of(torch.tensor([[1.0, 0.0], [1.0, 0.0]])) == pytest.approx(1.2)
    assert value_of(torch.full((2, 2), 0.5)) == pytest.approx(0.15 + 3 * 0.325)


@pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
def test_the_optimum_is_reached(algorithm: str):
    assert learn(algorithm, seed=0) > 0.95 * BEST
