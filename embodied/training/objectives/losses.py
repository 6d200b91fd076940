"""Losses as pure functions of tensors, each with its equation. A leaf: it imports torch and nothing of this project.

B examples, T tokens, P graded positions of all examples in reading order, V words, N pictures, Q soft tokens a picture,
D width, K words of a name, H x W pixels. Models may import this file, so that `forward(labels=)` and the objectives of
`embodied.training` have their losses from one place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, Int, Real

IGNORED = -100
"""The label of a position that is not graded."""

NAMING_SHARPNESS = 16.0
"""Factor on the cosine between a soft token and a word: two words of one name can then both be likely."""

CM_PER_M = 100.0


def next_tokens(labels: Int[Tensor, "B T"]) -> tuple[Int[Tensor, "B T"], Bool[Tensor, "B T"]]:
    """What each position has to say next: targets int64[B, T], and bool[B, T], which of them are graded.

    labels: int64[B, T] aligned with input_ids, IGNORED where not graded; position t is graded by label t + 1.
    """
    targets = F.pad(labels[:, 1:], (0, 1), value=IGNORED)
    return targets, targets != IGNORED


def token_cross_entropy(logits: Float[Tensor, "P V"], targets: Int[Tensor, " P"],
                        count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar L = -1/n sum_p log softmax(z_p)[y_p].

    logits: z, float[P, V]. targets: y, int64[P]. count: n where these positions are a part of a greater batch; None for
    P.
    """
    total = F.cross_entropy(logits.float(), targets, reduction="sum")
    return total / (len(targets) if count is None else count)


def token_log_probs(logits: Float[Tensor, "P V"], tokens: Int[Tensor, " P"], *, temperature: float = 1.0,
                    allowed: Bool[Tensor, "P V"] | None = None) -> Float32[Tensor, " P"]:
    """float32[P]: log p(y_p) = z_p[y_p] / tau - log sum_v exp(z_p[v] / tau), v over all words or the allowed ones.

    logits: z, float[P, V]. tokens: y, int64[P]. temperature: tau, above 0. allowed: bool[P, V], a mask that was over
    the words; a token outside it has -inf.
    """
    scaled = logits.float() / temperature
    if allowed is not None:
        scaled = scaled.masked_fill(~allowed, float("-inf"))
    return scaled.log_softmax(-1).gather(-1, tokens[:, None])[:, 0]


def divergence(logits: Float[Tensor, "P V"], words: Int[Tensor, "P K"], log_probs: Float[Tensor, "P K"]
               ) -> Float[Tensor, ""]:
    """Scalar D = 1/P sum_p KL(b_p || q_p), q = softmax(z), where b is told by its K likeliest words and the rest, which
    is compared as one word.

    logits: z, float[P, V]. words: int64[P, K]. log_probs: log b of those words, natural.
    """
    said = logits.float().log_softmax(-1).gather(-1, words)
    known, rest = log_probs.exp(), _rest(log_probs)
    return ((known * (log_probs - said)).sum(-1) + rest * (rest.log() - _rest(said).log())).mean()


def _rest(log_probs: Float[Tensor, "P K"]) -> Float[Tensor, " P"]:
    return (1 - log_probs.exp().sum(-1)).clamp(min=1e-6)


def naming_loss(soft: Float[Tensor, "N Q D"], words: Float[Tensor, "V D"], name_ids: Int[Tensor, "N K"],
                marks: Sequence[int] = (), count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar L = -1/n sum_{i,k} log softmax(a cos(s_i, W))[y_ik], a = NAMING_SHARPNESS; 0 if nothing is named.

    soft: float[N, Q, D], whose means over Q are s. words: W, float[V, D], the input embeddings. name_ids: y,
    int64[N, K], the words of each picture's name, IGNORED where none. marks: rows that are no words, left out; so are
    rows of zeros, which have no direction. count: n, None for the number of words. ValueError for a name that holds a
    mark.
    """
    is_named = name_ids != IGNORED
    is_left_out = (words == 0).all(dim=-1)
    is_left_out[list(marks)] = True
    targets = name_ids.clamp(min=0)
    wrong = name_ids[is_named & is_left_out[targets]].tolist()
    if wrong:
        raise ValueError(f"name_ids: expected words, got {wrong}, which are marks, placeholders or rows of zeros; "
                         "make them with PalmEProcessor.name_ids")
    scores = (NAMING_SHARPNESS * word_likeness(soft, words)).masked_fill(is_left_out, float("-inf")).log_softmax(dim=-1)
    total = -(scores.gather(1, targets).masked_fill(~is_named, 0.0)).sum()
    return total / (is_named.sum().clamp(min=1) if count is None else count)


def word_likeness(soft: Float[Tensor, "N Q D"], words: Float[Tensor, "V D"]) -> Float[Tensor, "N V"]:
    """float[N, V]: cosines of the means over Q of soft tokens and of words."""
    return F.normalize(soft.float().mean(dim=1), dim=-1) @ F.normalize(words.float(), dim=-1).mT


def balance_loss(logits: Sequence[Float[Tensor, "N X"]], each: int, is_token: Bool[Tensor, " N"] | None = None
                 ) -> Float[Tensor, ""]:
    """Scalar L = mean over layers of X sum_x f_x P_x: 1 where X experts are asked alike, X where one is for all. f_x:
    share of expert x among the choices of all tokens, `each` a token; P_x: mean over tokens of its probability (Switch,
    arXiv 2101.03961, equations 4 to 6, for one a token; for more, their choices count alike).

    logits: float[N, X] of each layer, before the softmax. is_token: bool[N], False for padding; None: all count.
    """
    losses = []
    for said in logits:
        shares = (said if is_token is None else said[is_token]).float().softmax(dim=-1)
        chosen = shares.topk(each, dim=-1).indices.flatten().bincount(minlength=shares.shape[-1])
        losses.append(shares.shape[-1] * (chosen / chosen.sum() * shares.mean(dim=0)).sum())
    return sum(losses[1:], losses[0]) / len(losses)


def segmenter_loss(logits: Float[Tensor, "B H W"], votes: Float[Tensor, "B 4 H W"],
                   targets: Mapping[str, Float[Tensor, "B ... H W"]], total_weight: Float[Tensor, ""] | None = None, *,
                   distractor: Float[Tensor, "B H W"] | None = None
                   ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
    """Scalar L = 10 BCE(logits, f) + 1/W sum_p w_p (smoothL1(v_p - v*_p) + BCE(s_p, s*_p)) with votes v in cm, and its
    parts; without the last of them where nobody tells distractors.

    logits: float[B, H, W], > 0 where an object is. votes: v, float[B, 4, H, W], metres. targets: foreground f and
    weights w, float[B, H, W], and votes v*, float[B, 4, H, W], as `targets_from_masks` makes them. total_weight: W
    where these images are a part of a greater batch; None for the sum of their weights. distractor: s, float[B, H, W],
    > 0 where an object is neither block nor bowl; s*, 0 or 1, among the targets then.
    """
    foreground, weights = targets["foreground"], targets["weights"]
    cut = F.binary_cross_entropy_with_logits(logits, foreground)
    miss = F.smooth_l1_loss(votes * CM_PER_M, targets["votes"] * CM_PER_M, reduction="none").sum(dim=1)
    whole = (weights.sum() if total_weight is None else total_weight).clamp(min=1e-6)
    vote = (miss * weights).sum() / whole
    loss, parts = 10 * cut + vote, {"foreground_loss": cut.detach(), "vote_loss": vote.detach()}
    if distractor is None:
        return loss, parts
    unsure = F.binary_cross_entropy_with_logits(distractor, targets["distractor"], reduction="none")
    odd = (unsure * weights).sum() / whole
    return loss + odd, {**parts, "distractor_loss": odd.detach()}
