"""Batches of a planner that learns from what it does: drawn by its present weights, an iteration at a time.

An iteration is a pure function of the weights, its number and the settings, whoever plays it, so that a training that
was killed at its beginning goes on to the same bits. What one was stopped within stands in a file beside the
checkpoints, for the weights that drew it are gone by then.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from embodied.agents.rollouts import Decision, Rollout
from embodied.data.batches import Batch
from embodied.data.files import write_whole
from embodied.data.pool import Workers
from embodied.models.processor import PalmEProcessor
from embodied.models.weights import weights_to_bytes
from embodied.planning.constrain import compile_tokenizer
from embodied.prompt import Sample
from embodied.training.hooks import STOP_ASKED
from embodied.training.outcomes.examples import Example, MakeExamples, Row, neutral
from embodied.training.outcomes.objective import policy_log_probs
from embodied.training.samples import allowed_words, sample_batch

if TYPE_CHECKING:
    from embodied.models.critic import ActorCritic
    from embodied.models.reward import RewardModel
    from embodied.training.stages.rl import RlSettings

_COUNTS = ("episodes", "calls", "lost", "examples")
"""Of `RolloutStats` what ranks have together; metrics are a mean over them."""


@dataclass(slots=True)
class RolloutStats:
    """What was played so far, and of the last iteration alone: the shares."""

    episodes: int = 0
    calls: int = 0  # of skills
    seconds: float = 0.0  # of playing, wall time
    success: float = 0.0  # share of the episodes of the last iteration
    progress: float = 0.0
    examples: int = 0  # decisions, or pairs of them, that were better or worse than others
    lost: int = 0  # episodes that broke, of all
    ends: dict[str, int] = field(default_factory=dict)  # of the last iteration, by kind


class RolloutStream:
    """A `BatchStream`: each iteration's decisions, shuffled and cut into `updates` batches."""

    def __init__(self, model: nn.Module, processor: PalmEProcessor, workers: Workers, make_examples: MakeExamples,
                 settings: RlSettings, *, seed: int, folder: Path, reference: nn.Module | None = None,
                 critic: ActorCritic | None = None, reward: RewardModel | None = None, rank: int = 0, ranks: int = 1
                 ) -> None:
        """model: whose present weights play. make_examples: what is learned from the episodes of a scene. seed: of the
        order. folder: where what is drawn is kept, of as many iterations as checkpoints may be old. reference: a model
        whose log-probabilities are told beside. critic: an `ActorCritic` of the
        model, whose values are told of each decision. reward: whose scores decisions earn, in place of what they led
        to. rank: of `ranks` that share out the scenes of an iteration."""
        self.model, self.processor, self.workers, self.make_examples = model, processor, workers, make_examples
        self.settings, self.updates, self.seed = settings, settings.updates, seed
        self.folder, self.reference, self.critic, self.reward = folder, reference, critic, reward
        self.rank, self.ranks = rank, ranks
        self.fresh = settings.updates - settings.replayed
        self.step, self.stats = 0, RolloutStats()
        self._parts: list[Batch] = []
        self._tokenizer = compile_tokenizer(processor.tokenizer)

    def __iter__(self) -> Iterator[Batch]:
        with self.workers:  # which end with whoever reads
            while True:
                iteration, update = divmod(self.step, self.updates)
                if update == 0:
                    drawn = self._draw(iteration)
                    if drawn is None:
                        return
                    self._parts = drawn
                    self._keep(iteration)
                elif not self._parts:
                    self._parts = self._kept(iteration)
                    if not self._parts:
                        return
                if (batch := self._update(iteration, update)) is None:
                    return
                self.step += 1
                yield batch

    def told(self, objective: Callable[..., Any]) -> Callable[..., Any]:
        """The objective, with what was played among its metrics."""

        def both(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
            loss, metrics = objective(model, batch)
            said = {name: value for name, value in asdict(self.stats).items() if name != "ends"}
            summed = {name: value * (self.ranks if name in _COUNTS else 1) for name, value in said.items()}
            return loss, {**metrics, **{f"rollout/{name}": loss.new_tensor(value) for name, value in summed.items()}}

        return both

    def state_dict(self) -> dict[str, Any]:
        """The position, and what was played."""
        return {"step": self.step, "stats": asdict(self.stats)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to a position."""
        self.step, self.stats, self._parts = state["step"], RolloutStats(**state["stats"]), []

    def seeds(self, iteration: int) -> range:
        """The scenes of an iteration that this rank plays."""
        first = self.settings.first_seed + iteration * self.settings.scenes
        return range(first + self.rank, first + self.settings.scenes, self.ranks)

    def _draw(self, iteration: int) -> list[Batch] | None:
        """The batches of an iteration; None where the training was asked to stop before all was played."""
        began_s = time.perf_counter()
        if (groups := self._play(iteration)) is None:
            return None
        groups = groups if self.reward is None else [self._scored(group) for group in groups]
        groups = groups if self.critic is None else [self._valued(group) for group in groups]
        examples = self._examples(groups)
        chance = np.random.default_rng([self.seed, iteration, self.rank])
        order = np.concatenate([chance.permutation(len(examples)) for _ in range(self.settings.epochs)])
        parts = [self._cut([examples[place] for place in part]) for part in np.array_split(order, self.fresh)]
        self.stats.seconds += time.perf_counter() - began_s
        return [self._batch(iteration * self.updates + number, part) for number, part in enumerate(parts)]

    def _update(self, iteration: int, number: int) -> Batch | None:
        """One of the batches that this iteration drew; after those, one of any iteration so far."""
        if number < self.fresh:
            return self._parts[number]
        chance = np.random.default_rng([self.seed, iteration, self.rank, number])
        earlier, part = int(chance.integers(iteration + 1)), int(chance.integers(self.fresh))
        parts = self._parts if earlier == iteration else self._kept(earlier)
        return replace(parts[part], step=iteration * self.updates + number) if parts else None

    def _cut(self, examples: Sequence[Example]) -> list[Row]:
        """Their rows, as many examples as have room."""
        room = self.settings.batch_size // self.ranks // len(examples[0])
        return [row for example in examples[:max(room, 1)] for row in example]

    def _play(self, iteration: int) -> list[list[Rollout]] | None:
        """The episodes of each scene; None where the training was asked to stop."""
        self.workers.load_weights(weights_to_bytes(self.model), version=iteration)
        seeds = self.seeds(iteration)
        tickets = [seed * self.settings.group + draw for seed in seeds for draw in range(self.settings.group)]
        results = []
        for result in self.workers.run(tickets):
            if STOP_ASKED.is_set():
                return None
            results.append(result)
        found: dict[int, list[Rollout]] = {seed: [] for seed in seeds}
        for result in sorted(results, key=lambda result: result.seed):
            if result.error is None:
                found[result.value.seed].append(result.value)
        self._count([rollout for group in found.values() for rollout in group],
                    [result.error for result in results if result.error is not None])
        return list(found.values())

    def _count(self, rollouts: Sequence[Rollout], errors: Sequence[str]) -> None:
        """Note what was played. RuntimeError where more than half of the episodes broke."""
        if len(errors) > len(rollouts):
            raise RuntimeError(f"{len(errors)} of {len(errors) + len(rollouts)} episodes broke; the first one: "
                               f"{errors[0]}")
        if errors:
            warnings.warn(f"{len(errors)} episodes broke and are left out; the first one: {errors[0]}", stacklevel=2)
        played, kinds = self.stats, [rollout.end_kind for rollout in rollouts]
        played.episodes, played.lost = played.episodes + len(rollouts), played.lost + len(errors)
        played.calls += sum(rollout.calls for rollout in rollouts)
        played.success = float(np.mean([bool(rollout.is_success) for rollout in rollouts]))
        played.progress = float(np.mean([rollout.progress for rollout in rollouts]))
        played.ends = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}

    def _examples(self, groups: Sequence[Sequence[Rollout]]) -> list[Example]:
        """What is learned from; where that is less than an example a batch, others beside, from which nothing is.
        RuntimeError where the model was asked too little even so."""
        judged = [group for group in groups if group and all(one.is_success is not None for one in group)]
        found = [example for group in judged for example in self.make_examples(group)]
        telling = [example for example in found if example[0].advantage or self.reference is not None]
        self.stats.examples = sum(example[0].advantage != 0 for example in found)
        if (missing := self.fresh - len(telling)) > 0:
            width = 2 if self.settings.reads_pairs else 1
            telling += [example for group in judged for example in neutral(group, width)][:missing]
        if len(telling) < self.fresh:
            raise RuntimeError(f"expected at least updates={self.fresh} answers of the model in an iteration, got "
                               f"{len(telling)} in episodes that ended so: {self.stats.ends}; play more scenes, or "
                               "others: where nothing is in sight, or nobody judges, there is nothing to learn")
        return telling

    def _valued(self, group: Sequence[Rollout]) -> list[Rollout]:
        """The episodes with what the critic expects at each of their moments; 0 where the model was not asked."""

        def values(samples: Sequence[Sample]) -> Tensor:
            batch, device = sample_batch(samples, self.processor), self.critic.head.weight.device
            inputs = {name: value.to(device) for name, value in batch.inputs.items()}
            return self.critic(logits_to_keep=batch.positions.to(device), **inputs)[1]

        return _told(group, values, lambda decision, value, _: replace(decision, value=value))

    def _scored(self, group: Sequence[Rollout]) -> list[Rollout]:
        """The episodes, whose decisions earn the reward model's scores: their mean, so that an episode earns no more
        for having planned more often."""

        def scores(samples: Sequence[Sample]) -> Tensor:
            inputs = dict(self.processor([one.prompt for one in samples], [one.text for one in samples]))
            inputs.pop("labels")
            return self.reward(**inputs)[0]

        return _told(group, scores, lambda decision, score, count: replace(decision, reward=score / count))

    def _batch(self, step: int, part: Sequence[Row]) -> Batch:
        """What the objective reads, tensors alone."""
        samples = [one.sample for one in part]
        batch = sample_batch(samples, self.processor)
        allowed = allowed_words(samples, self._tokenizer, self.model.word_count,
                                self.model.generation_config.suppress_tokens or ())
        inputs = {**batch.inputs, "positions": batch.positions, "tokens": batch.tokens,
                  "drawn": batch.masked_log_probs, "allowed": allowed, "temperature": torch.tensor(batch.temperature),
                  "advantages": torch.tensor([one.advantage for one in part], dtype=torch.float32)}
        if self.critic is not None:
            inputs["returns"] = torch.tensor([math.nan if one.returns is None else one.returns for one in part])
        if self.reference is not None:
            with torch.no_grad():
                inputs["reference"] = policy_log_probs(self.reference, inputs)
        return Batch(step, tuple(one.name for one in part), inputs)

    def _keep(self, iteration: int) -> None:
        """Write what was drawn, for a training that is stopped within this iteration."""
        named = {f"{number}.{name}": value.contiguous() for number, part in enumerate(self._parts)
                 for name, value in part.inputs.items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._file(iteration), save(named, {"ids": json.dumps([part.ids for part in self._parts])}))
        if self.settings.replayed:
            return
        old = iteration - 1 - self.settings.keep * self.settings.save_every // self.updates
        self._file(old).unlink(missing_ok=True)

    def _file(self, iteration: int) -> Path:
        return self.folder / f"{iteration:06d}_{self.rank}.safetensors"

    def _kept(self, iteration: int) -> list[Batch]:
        """What was drawn before the training was stopped; drawn anew, with a warning, where that is gone."""
        if not self._file(iteration).exists():
            warnings.warn(f"{self._file(iteration)}: expected what this iteration drew before the training was "
                          "stopped, got no file; it is drawn again by the present weights: not bit-exact", stacklevel=2)
            return self._draw(iteration) or []
        with safe_open(self._file(iteration), "pt") as content:
            ids = json.loads(content.metadata()["ids"])
            named = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 - no mapping
        return [Batch(iteration * self.updates + number, tuple(ids[number]),
                      {name.split(".", 1)[1]: value for name, value in named.items()
                       if name.startswith(f"{number}.")}) for number in range(len(ids))]


def _told(group: Sequence[Rollout], ask: Callable[[Sequence[Sample]], Tensor],
          tell: Callable[[Decision, float, int], Decision]) -> list[Rollout]:
    """The episodes of a scene with what is said of their answers that stood. ask: a number for each answer, asked once
    for all. tell: (decision, its number, decisions of its episode) -> the decision; 0 where the model was not asked."""
    made = [one.samples[0] if one.samples and one.samples[0].token_ids else None
            for rollout in group for one in rollout.decisions]
    answers = [sample for sample in made if sample is not None]
    with torch.no_grad():
        numbers = iter(ask(answers).tolist() if answers else ())
    each = iter([0.0 if sample is None else next(numbers) for sample in made])
    return [replace(rollout, decisions=tuple(tell(one, next(each), len(rollout.decisions))
                                             for one in rollout.decisions)) for rollout in group]
