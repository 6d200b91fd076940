"""What attention by pattern and mixtures of experts cost beside their dense references, forward and back.

    python scripts/bench/attention.py [--quick] [--lengths 512 8192] [--only dense sparse] [--rounds 3]

One sentence, float32, one thread, random states. `dense` is torch's own causal attention; `mask` the same with the
mask of the block-sparse pattern over all keys, made beforehand; `dense_alibi`, `window` and `sparse` are
`embodied.models.own_decoder`. `all` has every expert compute every token, `chosen` those that it chose alone. Times
are of the processor, the shortest of the rounds; memory is the most of a process of its own over what it had before,
in the first pass, which is not timed. A JSON line each.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
"""Without this script's own folder, in which `import envs` would find a script."""

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from embodied.models.own_decoder.attention import Places, alibi_slopes, attend  # noqa: E402
from embodied.models.own_decoder.configuration import OwnDecoderConfig  # noqa: E402
from embodied.models.own_decoder.mixture import Mixture  # noqa: E402
from embodied.models.own_decoder.patterns import Pattern  # noqa: E402
from scripts.bench.layouts import memory_mb, on_ranks  # noqa: E402

WINDOW = Pattern("sliding_window", window=256)
SPARSE = Pattern("block_sparse", block=64, local=4, stride=8)
WIDTH, INNER, EXPERTS, EACH = 256, 768, 8, 2  # of mixtures

Work = Callable[..., Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="512 and 1,024 tokens, one round")
    parser.add_argument("--lengths", nargs="+", type=int, default=[512, 1024, 2048, 4096, 8192])
    parser.add_argument("--only", nargs="+", help="names of what is measured; all by default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--size", type=int, default=64, help="numbers of a head")
    asked = parser.parse_args()
    lengths, rounds = ([512, 1024], 1) if asked.quick else (asked.lengths, asked.rounds)
    for length in lengths:
        attention = partial(states, asked.heads, length, asked.size)
        mixture = partial(states, 1, length, WIDTH, count=1)
        works = [("attention", name, work, attention) for name, work in attentions(length, asked.heads).items()]
        works += [("mixture", name, work, mixture) for name, work in mixtures().items()]
        for kind, name, work, make in works:
            if asked.only is None or name in asked.only:
                print(json.dumps({kind: name, "tokens": length, **measured(work, make, rounds)}), flush=True)


def states(heads: int, length: int, size: int, count: int = 3) -> list[Tensor]:
    """`count` times float[1, heads, length, size]."""
    chance = torch.Generator().manual_seed(length)
    return [torch.randn(1, heads, length, size, generator=chance).requires_grad_() for _ in range(count)]


def attentions(length: int, heads: int) -> dict[str, Work]:
    """Name -> what it makes of queries, keys and values, float[1, heads, length, size] each."""
    places = Places(0)
    return {
        "dense": partial(F.scaled_dot_product_attention, is_causal=True),
        "mask": partial(F.scaled_dot_product_attention, attn_mask=_mask(length)),
        "dense_alibi": partial(attend, places=places, pattern=Pattern("dense"), slopes=alibi_slopes(heads)),
        "window": partial(attend, places=places, pattern=WINDOW),
        "sparse": partial(attend, places=places, pattern=SPARSE)}


def _mask(length: int) -> Tensor:
    column = torch.arange(length)
    return SPARSE.sees(column[:, None], column[None])


def mixtures() -> dict[str, Work]:
    """Name -> what it makes of states, float[1, 1, T, WIDTH]."""
    torch.manual_seed(0)
    mixture = Mixture(OwnDecoderConfig(hidden_size=WIDTH, intermediate_size=INNER, num_local_experts=EXPERTS,
                                       num_experts_per_tok=EACH))
    for weight in mixture.parameters():
        torch.nn.init.normal_(weight, std=0.02)
    return {"all": lambda given: every_expert(mixture, given[0]), "chosen": lambda given: mixture(given[0])}


def every_expert(mixture: Mixture, given: Tensor) -> Tensor:
    """float[1, T, WIDTH]: every expert computes every token, most of them for a share of zero."""
    logits = mixture.router(given[0])
    shares, chosen = mixture.choose(logits)
    spread = torch.zeros_like(logits).scatter(1, chosen, shares)
    out = torch.zeros_like(given[0])
    for number in range(EXPERTS):
        gate, up = F.linear(given[0], mixture.gate_up_proj[number]).chunk(2, dim=-1)
        out = out + spread[:, number, None] * F.linear(mixture.bend(gate) * up, mixture.down_proj[number])
    return out[None]


def measured(work: Work, make: Callable[[], list[Tensor]], rounds: int) -> dict[str, float]:
    """Milliseconds forward and back, and megabytes, in a process of its own."""
    [told] = on_ranks(1, lambda rank: _measured(work, make, rounds))
    return told


def _measured(work: Work, make: Callable[[], list[Tensor]], rounds: int) -> dict[str, Any]:
    given, bare_mb, forward_s, back_s, peak_mb = make(), memory_mb("VmRSS"), [], [], 0.0
    for number in range(rounds + 1):
        began = time.process_time()
        out = work(*given)
        between = time.process_time()
        out.sum().backward()
        if number == 0:  # which reads libraries, too, and is not timed
            peak_mb = memory_mb("VmHWM") - bare_mb
            continue
        forward_s.append(between - began)
        back_s.append(time.process_time() - between)
    return {"forward_ms": round(1e3 * min(forward_s), 1), "back_ms": round(1e3 * min(back_s), 1),
            "peak_mb": round(peak_mb)}


if __name__ == "__main__":
    main()
