"""The suite `retention`: what a planner keeps of its base's language, written and told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def measure(folder: Path, sha256: str, base: str | None, run_folder: Path) -> float:
    """The share of the base's items that are kept; writes retention.json."""
    from embodied.data.files import write_json
    from embodied.models.retention.report import report

    result = {**report(folder, base), "weights": {"name": folder.name, "sha256": sha256}}
    write_json(run_folder / "retention.json", result)
    print("\n".join(_lines(result)))
    print(f"wrote {run_folder / 'retention.json'}")
    return result["items_kept"] / max(result["items"], 1)


def _lines(result: Mapping[str, Any]) -> list[str]:
    lines = [f"perplexity {result['perplexity']:.2f}, the base's {result['base_perplexity']:.2f}: "
             f"{result['perplexity_rise']:+.2%} (at most +2 %); "
             f"among the base's words {result['known_perplexity_rise']:+.2%}",
             f"likeliest next word the same at {result['agreement']:.1%} of the places",
             f"{result['items_kept']} of the {result['items']} items kept that the base gets right (at least 95 %)"]
    if "merged_relative_rms" in result:
        off = "the base to the bit" if result["is_base_without_adapters"] else "NOT THE BASE"
        lines.append(f"adapters off: {off}; merged: logits move by {result['merged_relative_rms']:.1e} of their size")
    return lines
