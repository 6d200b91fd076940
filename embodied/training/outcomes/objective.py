"""The objective of a planner that learns from what it did, of batches that `rollout_stream.RolloutStream` makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from embodied.data.batches import Batch
from embodied.training.objectives.losses import token_log_probs
from embodied.training.objectives.policy import (
    dr_grpo_loss,
    grpo_loss,
    kl_estimate,
    kl_loss,
    ppo_loss,
    reinforce_loss,
    rloo_loss,
    token_mean,
    value_loss,
)
from embodied.training.objectives.preferences import answer_log_probs, dpo_loss, ipo_loss
from embodied.training.placement import share

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

OURS = ("positions", "tokens", "drawn", "allowed", "temperature", "advantages", "reference", "returns")
"""Of a batch's inputs those that are not the model's."""


def policy_log_probs(model: nn.Module, inputs: Mapping[str, Any]) -> Float32[Tensor, " P"]:
    """float32[P]: log-probabilities of the drawn tokens among those that could be said, as they were drawn."""
    return _asked(model, inputs)[0]


def _asked(model: nn.Module, inputs: Mapping[str, Any]) -> tuple[Float32[Tensor, " P"], Float32[Tensor, " B"] | None]:
    """The log-probabilities, and of an `ActorCritic` the values of the moments."""
    given = {name: value for name, value in inputs.items() if name not in OURS}
    said = model(**given, logits_to_keep=inputs["positions"])
    logits, values = said if isinstance(said, tuple) else (said.logits, None)
    return token_log_probs(logits, inputs["tokens"], temperature=float(inputs["temperature"]),
                           allowed=inputs["allowed"]), values


def policy_objective(name: str, *, clip: float, kl: float, beta: float, max_tokens: int, value_weight: float = 0.0
                     ) -> Callable[..., Any]:
    """(model, batch) -> (loss, metrics), by one of the losses of `objectives.policy` and `objectives.preferences`.

    clip, kl, beta, value_weight: as of the stage; the last one of an `ActorCritic` alone, whose `value_loss` is among
    the metrics. max_tokens: of an answer, for dr_grpo. Metrics: `ratio`, the mean of pi / old, and
    `clipped`, the share of tokens beyond the clip; `kl`, nats a token, as the k3 estimate has it, from the weights that
    drew, or from the reference.
    """
    loss_of = _LOSSES[name]

    def objective(model: nn.Module, batch: Batch) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        mask, said = batch.inputs["positions"], _rows(batch.inputs)
        tokens, rows = share(mask.sum(), mask.new_tensor(len(mask), dtype=torch.float32))
        spoken, values = _asked(model, batch.inputs)
        now = _spread(mask, spoken)
        counts = {"tokens": tokens, "rows": rows}
        loss = loss_of(now, said, mask, counts, clip=clip, kl=kl, beta=beta, max_tokens=max_tokens)
        metrics = _metrics(now.detach(), said, mask, tokens, clip)
        if values is None:
            return loss, metrics
        error = _value_error(values, batch.inputs["returns"])
        return loss + value_weight * error, {**metrics, "value_loss": error.detach()}

    return objective


def _value_error(values: Float[Tensor, " B"], returns: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """`value_loss` over the moments whose return is known; of others it is not a number."""
    is_known = ~returns.isnan()
    [known] = share(is_known.sum())
    return value_loss(values[:, None], returns.nan_to_num()[:, None], is_known[:, None], count=known.clamp(min=1))


def _rows(inputs: Mapping[str, Any]) -> dict[str, Tensor]:
    """float[B, T] of what is told of each token, by name; zeros elsewhere."""
    mask = inputs["positions"]
    told = {name: _spread(mask, inputs[name]) for name in ("drawn", "reference") if name in inputs}
    return {**told, "advantages": inputs["advantages"][:, None].expand(mask.shape)}


def _spread(mask: Tensor, values: Tensor) -> Float[Tensor, "B T"]:
    """float[B, T] of values float[P] at the places of a mask bool[B, T], zeros elsewhere."""
    return torch.zeros(mask.shape, dtype=values.dtype, device=values.device).masked_scatter(mask, values)


def _metrics(now: Float[Tensor, "B T"], said: Mapping[str, Tensor], mask: Tensor, tokens: Tensor, clip: float
             ) -> dict[str, Float[Tensor, ""]]:
    ratio = (now - said["drawn"]).exp()
    is_beyond = (ratio - 1).abs() > clip
    apart = kl_estimate(now, said.get("reference", said["drawn"]))
    return {"ratio": token_mean(ratio, mask, tokens), "clipped": token_mean(is_beyond.float(), mask, tokens),
            "kl": token_mean(apart, mask, tokens)}


def _reinforce(now: Tensor, said: Mapping[str, Tensor], mask: Tensor, counts: Mapping[str, Tensor], *, kl: float,
               **_: Any) -> Tensor:
    loss = reinforce_loss(now, said["advantages"], torch.zeros_like(now), mask, counts["tokens"])
    return _near(loss, now, said, mask, counts["tokens"], kl)


def _ppo(now: Tensor, said: Mapping[str, Tensor], mask: Tensor, counts: Mapping[str, Tensor], *, clip: float,
         kl: float, **_: Any) -> Tensor:
    loss = ppo_loss(now, said["drawn"], said["advantages"], mask, clip=clip, count=counts["tokens"])
    return _near(loss, now, said, mask, counts["tokens"], kl)


def _rloo(now: Tensor, said: Mapping[str, Tensor], mask: Tensor, counts: Mapping[str, Tensor], *, clip: float,
          kl: float, **_: Any) -> Tensor:
    loss = rloo_loss(now, said["drawn"], said["advantages"][:, 0], mask, clip=clip, count=counts["rows"])
    return _near(loss, now, said, mask, counts["tokens"], kl)


def _grpo(now: Tensor, said: Mapping[str, Tensor], mask: Tensor, counts: Mapping[str, Tensor], *, clip: float,
          kl: float, **_: Any) -> Tensor:
    return grpo_loss(now, said["drawn"], said["advantages"], mask, clip=clip, reference=said.get("reference"),
                     kl_weight=kl, count=counts["rows"])


def _dr_grpo(now: Tensor, said: Mapping[str, Tensor], mask: Tensor, counts: Mapping[str, Tensor], *, clip: float,
             kl: float, max_tokens: int, **_: Any) -> Tensor:
    return dr_grpo_loss(now, said["drawn"], said["advantages"], mask, max_tokens=max_tokens, clip=clip,
                        reference=said.get("reference"), kl_weight=kl, count=counts["rows"])


def _dpo(now: Tensor, said: Mapping[str, Tensor], mask: Tensor, counts: Mapping[str, Tensor], *, beta: float,
         **_: Any) -> Tensor:
    return dpo_loss(*_paired(now, said, mask), beta=beta, count=counts["rows"] / 2)


def _ipo(now: Tensor, said: Mapping[str, Tensor], mask: Tensor, counts: Mapping[str, Tensor], *, beta: float,
         **_: Any) -> Tensor:
    return ipo_loss(*_paired(now, said, mask, is_mean=True), beta=beta, count=counts["rows"] / 2)


def _paired(now: Tensor, said: Mapping[str, Tensor], mask: Tensor, *, is_mean: bool = False) -> Iterator[Tensor]:
    """Of the policy and of the reference, float[B / 2] each: the better answers, then the worse."""
    for told in (now, said["reference"]):
        answers = answer_log_probs(told, mask, is_mean=is_mean)
        yield from (answers[0::2], answers[1::2])


def _near(loss: Tensor, now: Tensor, said: Mapping[str, Tensor], mask: Tensor, tokens: Tensor, kl: float) -> Tensor:
    """The loss and a share of the distance to the reference, where there is one."""
    return loss + kl * kl_loss(now, said["reference"], mask, count=tokens) if kl else loss


_LOSSES = {"reinforce": _reinforce, "rejection": _reinforce, "ppo": _ppo, "rloo": _rloo, "grpo": _grpo,
           "dr_grpo": _dr_grpo, "dpo": _dpo, "ipo": _ipo}
