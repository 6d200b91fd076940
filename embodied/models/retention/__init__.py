"""What a planner keeps of the language that its base knew: perplexity on held texts, agreement, and checkable items.

Texts and items were written for this project, under its licence. The items are of a longer list, those that
SmolLM2-135M-Instruct gets right by more than 0.3 in log-probability; nothing is trained on either. T tokens, V words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from transformers import PreTrainedTokenizerBase

    from embodied.models.planner import PalmEForConditionalGeneration

Reader = Callable[[Tensor], Tensor]
"""int64[B, T] -> logits float[B, T, V] of what comes next."""

MOST_RISE = 0.02
"""Of the perplexity, as a share of the base's."""
LEAST_KEPT = 0.95
"""Of the items that the base gets right."""

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Item:
    """A sentence begun, the end that is right, and others that are wrong."""

    start: str
    right: str
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model says of the texts and items."""

    perplexity: float  # exp of the mean negative log-likelihood, natural, over all texts' tokens but their first
    known_perplexity: float  # the same where only the base's words may come next
    likeliest: Int[Tensor, " T"]  # word that is likeliest at each place of the texts, one after the other
    are_right: tuple[bool, ...]  # of each item


def texts() -> list[str]:
    """Held texts: two of prose, two of instruction, one of code, one letter."""
    return [text.strip() for text in (_HERE / "texts.txt").read_text(encoding="utf-8").split("===")]


def items() -> list[Item]:
    """The checkable items."""
    rows = (_HERE / "items.txt").read_text(encoding="utf-8").splitlines()
    parts = ([part.replace("\\n", "\n") for part in row.split("|")] for row in rows)
    return [Item(start, right, tuple(wrong)) for start, right, *wrong in parts]


@torch.inference_mode()
def read(reader: Reader, tokenizer: PreTrainedTokenizerBase, known: int | None = None) -> Reading:
    """What a model says of all texts and items. known: how many words its base has; None: it has no others."""
    losses, own, likeliest = zip(*(_of_text(reader, _ids(tokenizer, text), known) for text in texts()), strict=True)
    return Reading(math.exp(float(torch.cat(losses).mean())), math.exp(float(torch.cat(own).mean())),
                   torch.cat(likeliest),
                   tuple(_is_right(reader, tokenizer, item) for item in items()))


def compare(found: Reading, base: Reading) -> dict[str, Any]:
    """The numbers of a report, JSON values; `is_kept` says whether both bounds hold."""
    known = [i for i, is_right in enumerate(base.are_right) if is_right]
    kept = sum(found.are_right[i] for i in known)
    rise = found.perplexity / base.perplexity - 1
    agreement = float((found.likeliest == base.likeliest).float().mean())
    known_rise = found.known_perplexity / base.perplexity - 1
    return {"perplexity": round(found.perplexity, 4), "base_perplexity": round(base.perplexity, 4),
            "perplexity_rise": round(rise, 6),
            "known_perplexity_rise": round(known_rise, 6), "agreement": round(agreement, 6),
            "items": len(known), "items_kept": kept,
            "is_kept": bool(rise <= MOST_RISE and kept >= LEAST_KEPT * len(known))}


def numbers(found: Reading, base: Reading) -> dict[str, float]:
    """What a training's log holds of `compare`; items_kept as a share of those that the base gets right."""
    told = compare(found, base)
    shown = {key: float(told[key]) for key in ("perplexity_rise", "known_perplexity_rise", "agreement")}
    return {**shown, "items_kept": told["items_kept"] / max(told["items"], 1)}


def read_planner(model: PalmEForConditionalGeneration, tokenizer: PreTrainedTokenizerBase) -> Reading:
    """`read` of a planner, with its new words among those that may come next, as they are when it plans."""
    return read(lambda ids: model(input_ids=ids.to(model.device)).logits.cpu(), tokenizer,
                model.config.new_word_first_id or None)


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def _of_text(reader: Reader, ids: list[int], known: int | None = None
             ) -> tuple[Float[Tensor, " T"], Float[Tensor, " T"], Int[Tensor, " T"]]:
    """Of each token but the first: negative log-likelihood, the same among the known words, likeliest word."""
    logits, targets = reader(torch.tensor([ids]))[0, :-1].float(), torch.tensor(ids[1:])
    losses, own = (F.cross_entropy(part, targets, reduction="none") for part in (logits, logits[:, :known]))
    return losses, own, logits.argmax(dim=-1)


def _is_right(reader: Reader, tokenizer: PreTrainedTokenizerBase, item: Item) -> bool:
    """Whether the right end is likelier than every wrong one."""
    start = _ids(tokenizer, item.start)
    ends = [_ids(tokenizer, end) for end in (item.right, *item.wrong)]
    scores = list(_scores(reader, start, ends))
    return scores[0] > max(scores[1:])


def _scores(reader: Reader, start: list[int], ends: list[list[int]]) -> Iterator[float]:
    """Log-probability of each end after the start."""
    longest = max(map(len, ends))
    # What follows an end is not looked at, and where all ends are one word they are read after one and the same start.
    rows = [start] if longest == 1 else [start + end + [0] * (longest - len(end)) for end in ends]
    log_probs = reader(torch.tensor(rows))[:, len(start) - 1:].float().log_softmax(dim=-1).expand(len(ends), -1, -1)
    for row, end in zip(log_probs, ends, strict=True):
        yield float(row[torch.arange(len(end)), torch.tensor(end)].sum())
