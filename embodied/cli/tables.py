"""Tables of results for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def print_evaluation(result: Mapping[str, Any]) -> None:
    """One row for the model, one a task, one a baseline."""
    from rich.console import Console

    rows = {"model": result, **{f"  {t}": r for t, r in result["per_task"].items()}}
    if "unconstrained" in result:
        rows["unconstrained"] = result["unconstrained"]
    console = Console()
    console.print(rate_table({**rows, **result["baselines"]}))
    failures, plans, latency = result["failures"], result["plans"], result["latency_s"]
    split = ", ".join(f"{component} {failures[component]}"
                      for component in ("perception", "planning", "skill", "other"))
    console.print(f"failures: {failures['count']} ({split}); plans: {plans['decoded']} decoded, "
                  f"{plans['parsed_fraction']} parse, {plans['grounded_fraction']} name only things in the scene; "
                  f"plan time median {latency['median'] * 1000:.0f} ms, p95 {latency['p95'] * 1000:.0f} ms")


def rate_table(rows: Mapping[str, Mapping[str, Any]]) -> Any:
    """A rich table of {"success_rate", "ci95", "episodes"} rows."""
    from rich.table import Table

    from embodied.evaluation.suites import labelled

    table = Table()
    for column in ("who", "success", "95 % interval", "episodes"):
        table.add_column(column, justify="left" if column == "who" else "right")
    for name, rate in rows.items():
        low, high = rate["ci95"]
        table.add_row(labelled(name), f"{rate['success_rate']:.1%}", f"{low:.1%} to {high:.1%}", str(rate["episodes"]))
    return table
