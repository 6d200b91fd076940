"""What the stage `rl` has its workers do: the planner before its first step, what it plays, how that is measured."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from embodied.agents.language_agent import MAX_NEW_TOKENS
from embodied.agents.mind_card import is_mind
from embodied.agents.rollouts import make_rollouts
from embodied.agents.shipped import weights_folder
from embodied.data.pool import Workers
from embodied.models.critic import ActorCritic
from embodied.models.folder import check_folder
from embodied.models.loading import load as load_model
from embodied.models.loading import save as save_model
from embodied.models.reward import load_reward
from embodied.models.weights import weights_to_bytes
from embodied.training import checkpoint
from embodied.training.advantages import Context, advantage_named
from embodied.training.hooks import STOP_ASKED
from embodied.training.job import Job, make_job
from embodied.training.outcomes.examples import MakeExamples, by_advantage, pairs, successes
from embodied.training.outcomes.objective import policy_objective
from embodied.training.outcomes.rollout_stream import RolloutStream
from embodied.training.placement import Placement
from embodied.training.planner_stage import let_learn
from embodied.training.run_folder import RunFolder
from envs.interface import SEED_RANGES

if TYPE_CHECKING:
    from embodied.training.stages.rl import RlSettings

def begin(run: RunFolder, stage: str, settings: RlSettings) -> None:
    """Write the planner before its first step, where no earlier stage of the run gives one."""
    if settings.weights is not None and not (run.start / "manifest.json").exists():
        save_model(*load_model(weights_folder(settings.weights)), run.start)


def check(run: RunFolder, stage: str, settings: RlSettings) -> None:
    """Raise ValueError where the stage has no planner to begin with, or would play scenes that are held out."""
    is_first = run.planner_before(stage) == run.start
    if is_first == (settings.weights is None):
        wanted = "a planner to begin with" if is_first else "null, for the planner of the stage before goes on"
        raise ValueError(f"stage.{stage}.weights={settings.weights}: expected {wanted}; "
                         f"stage.{stage}.weights={'shipped' if is_first else 'null'}")
    if settings.reward_model is not None:
        load_reward(settings.reward_model)
    if is_first:
        folder = weights_folder(settings.weights)
        check_folder(folder)
        if is_mind(folder):
            raise ValueError(f"stage.{stage}.weights={settings.weights}: expected a planner's, which draws plans, got "
                             "a mind's, which writes goals; choose shipped")
    last = settings.first_seed + settings.scenes * (settings.steps // settings.updates)
    if last > len(SEED_RANGES["train"]):
        raise ValueError(f"stage.{stage}.first_seed={settings.first_seed}: expected scenes of the training split, "
                         f"seeds below {len(SEED_RANGES['train']):,}, got some up to {last:,}; begin earlier")


def prepare(run: RunFolder, stage: str, settings: RlSettings, placement: Placement) -> Job:
    """The job of learning from live rollouts, with the workers that play them."""
    start = run.planner_before(stage)
    model, processor = load_model(start)
    let_learn(model)
    reference = None
    if settings.kl or settings.reads_pairs:
        reference = load_model(start)[0].requires_grad_(False)
    episodes = 1 + settings.forks * settings.max_calls  # of a call, at the most
    workers = run.open_workers(make_rollouts, {"weights": str(start), **played(settings)},
                               workers=run.settings.workers, deadline_s=settings.deadline_s * episodes)
    critic = ActorCritic(model) if has_critic(settings) else None
    reward = None if settings.reward_model is None else load_reward(settings.reward_model)[0]
    batches = RolloutStream(model, processor, workers, examples_of(settings), settings, seed=run.settings.seed,
                            folder=run.of(stage) / "drawn", reference=reference, critic=critic,
                            reward=reward, rank=placement.data_rank, ranks=placement.data_size)
    objective = policy_objective(settings.objective, clip=settings.clip, kl=settings.kl, beta=settings.beta,
                                 max_tokens=MAX_NEW_TOKENS, value_weight=settings.value_weight)
    measure = partial(measured, workers=workers, count=settings.validation_scenes, placement=placement)
    return make_job(settings, critic or model, batches, batches.told(objective), placement,
                    measure if settings.validation_scenes else None)


def has_critic(settings: RlSettings) -> bool:
    """Whether the advantage needs a critic, which then learns beside the planner."""
    return settings.advantage is not None and "value" in advantage_named(settings.advantage).needs


def examples_of(settings: RlSettings) -> MakeExamples:
    """What is learned from the episodes of a scene."""
    if settings.objective == "rejection":
        return partial(successes, call_weight=settings.call_weight)
    if settings.reads_pairs:
        return partial(pairs, is_flip=settings.pairs == "flip")
    context = Context(discount=settings.discount, gae_lambda=settings.gae_lambda,
                      is_scaled=settings.objective != "dr_grpo", step_weight=settings.step_weight)
    return by_advantage(advantage_named(settings.advantage), context, is_success_alone=settings.reward == "success",
                        counts_vetoes=settings.vetoes)


def played(settings: RlSettings) -> dict[str, Any]:
    """Arguments of `make_rollouts`, but for the weights."""
    needs = advantage_named(settings.advantage).needs if settings.advantage else ()
    return {"env_id": settings.env_id, "env": settings.env, "temperature": settings.temperature,
            "group": settings.group, "forks": settings.forks, "counts_calls": "cost_to_go" in needs,
            "max_calls": settings.max_calls,
            "agent": {"draws": settings.draws, **({"tries": settings.tries} if settings.tries is not None else {})}}


def measured(model: nn.Module, workers: Workers, count: int, placement: Placement) -> Mapping[str, float]:
    """Shares of validation scenes that end in success by the likeliest plans, and of their tasks that were done; the
    loss is the rest. Episodes that broke count as lost. Nothing where the training is asked to stop meanwhile."""
    workers.load_weights(weights_to_bytes(model.planner if isinstance(model, ActorCritic) else model), version=-1)
    seeds = SEED_RANGES["validation"][placement.data_rank:count:placement.data_size]
    told = torch.zeros(3)
    for result in workers.run([-1 - seed for seed in seeds]):
        if STOP_ASKED.is_set():
            return {}
        one = result.value
        told += torch.tensor([1.0, bool(one and one.is_success), one.progress if one else 0.0])
    played, success, progress = placement.mean(told.to(placement.device)).tolist()
    return {"success": success / played, "progress": progress / played, "loss": 1 - success / played}


def publish(run: RunFolder, stage: str, last: Path, settings: RlSettings) -> None:
    """Write the planner with the weights of the last checkpoint; the critic stays in the checkpoint."""
    model, processor = load_model(run.planner_before(stage))
    checkpoint.load_weights(ActorCritic(model) if has_critic(settings) else model, last)
    save_model(model, processor, run.planner_after(stage))
