"""How many bits a byte a language model needs for texts that it never saw, beside a Kneser-Ney 5-gram of its tokens.

    python -m scripts.language_bits RUN                  # a run folder of experiment=pretrain_lm
    python -m scripts.language_bits RUN --order 5 --rows 400
    python -m scripts.language_bits RUN --texts OTHER      # the held-out texts of another run, whose road differs

Both are asked for the same rows of held-out tokens, each token after those of its row before it, and both learned from
the same rows; bytes are those of the tokens' text in UTF-8, marks of the ends of texts apart. The interval is of the
difference, by rows (bootstrap, 2,000 draws). One JSON line.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from embodied.compat import guard_torchvision

guard_torchvision()

from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast  # noqa: E402

from embodied.data.text.road import HELD_OUT, read_texts  # noqa: E402
from embodied.evaluation.ngram import KneserNey  # noqa: E402
from embodied.training.language_stage import rows_in  # noqa: E402

_AT_ONCE = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--order", type=int, default=5, help="tokens of a gram, 5 by default")
    parser.add_argument("--rows", type=int, default=400, help="held-out rows at most, 400 by default")
    parser.add_argument("--texts", type=Path, help="the run whose held-out texts are read; this one by default")
    asked = parser.parse_args()
    texts = None if asked.texts is None else asked.texts / "pretrain" / "text"
    print(json.dumps(measured(asked.run / "pretrain", asked.order, asked.rows, texts)))


def measured(stage: Path, order: int, most: int, texts: Path | None = None) -> dict[str, Any]:
    """Bits a byte of both, and of the difference with its interval. texts: of which run; None: of the stage's own."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(stage / "model")
    model = AutoModelForCausalLM.from_pretrained(stage / "model").eval()
    learned, held_out = (np.load(stage / "tokens" / f"{name}.npy", mmap_mode="r") for name in ("learned", "held_out"))
    if texts is not None:
        held_out = rows_in(read_texts(texts, HELD_OUT), tokenizer, learned.shape[1])
    places = np.linspace(0, len(held_out) - 1, min(most, len(held_out)), dtype=int)
    rows = np.asarray(held_out[places]).astype(np.int64)
    own = bits_of_model(model, rows)
    grams = KneserNey(order, len(tokenizer)).learn([row.tolist() for row in learned])
    theirs = np.array([grams.bits(row.tolist()) + math.log2(grams.probability((), int(row[0]))) for row in rows])
    lengths = np.array([len(tokenizer.decode(row[1:], skip_special_tokens=True).encode()) for row in rows])
    draws = np.random.default_rng(0).integers(0, len(rows), (2000, len(rows)))
    apart = (own[draws].sum(1) - theirs[draws].sum(1)) / lengths[draws].sum(1)
    return {"rows": len(rows), "bytes": int(lengths.sum()), "learned_tokens": int(learned.size),
            "model_bits_per_byte": round(float(own.sum() / lengths.sum()), 4),
            f"kneser_ney_{order}_bits_per_byte": round(float(theirs.sum() / lengths.sum()), 4),
            "difference": round(float((own - theirs).sum() / lengths.sum()), 4),
            "difference_ci95": [round(float(x), 4) for x in np.percentile(apart, [2.5, 97.5])],
            "parameters": sum(p.numel() for p in model.parameters())}


@torch.no_grad()
def bits_of_model(model: torch.nn.Module, rows: np.ndarray) -> np.ndarray:
    """float64[rows]: bits of all tokens of each row but its first."""
    found = []
    for start in range(0, len(rows), _AT_ONCE):
        ids = torch.from_numpy(rows[start:start + _AT_ONCE])
        log_probs = model(input_ids=ids, use_cache=False).logits[:, :-1].log_softmax(dim=-1)
        taken = log_probs.gather(-1, ids[:, 1:, None])[..., 0].double().sum(dim=1)
        found.append(-taken.numpy() / math.log(2))
    return np.concatenate(found)


if __name__ == "__main__":
    main()
