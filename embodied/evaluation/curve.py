"""The learning curve of a run, drawn from its JSONL logs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any


def draw_curves(run_dir: Path, names: Sequence[str]) -> Path | None:
    """`curve.png` in the run folder, a panel for each named stage, two for one that plays; None when nothing has been
    logged."""
    stages = {stage: points for stage in names if (points := _points(run_dir / stage / "log.jsonl"))}
    if not stages:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [panel for stage, points in stages.items() for panel in _panels(stage, points)]
    figure = Figure(figsize=(5.2 * len(panels), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        panel(axes)
    path = run_dir / "curve.png"
    figure.savefig(path, dpi=110)
    return path


def _points(path: Path) -> list[dict[str, Any]]:
    """Logged steps; lines that are no step, or torn, are left out."""
    points = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            point = json.loads(line)
        except ValueError:
            continue
        if isinstance(point.get("loss"), float | int):
            points.append(point)
    return points


def _panels(stage: str, points: list[dict[str, Any]]) -> list[Callable[[Any], None]]:
    """What draws each panel of a stage: of one that plays success against what it cost, for its loss says nothing."""
    played = [point for point in points if isinstance(point.get("rollout/success"), float | int)]
    if not played:
        return [partial(_losses, stage=stage, points=points)]
    return [partial(_successes, title=stage, points=played, cost=[point[name] / unit for point in played], label=label)
            for name, unit, label in _COSTS]


_COSTS = (("rollout/calls", 1, "calls of skills"), ("rollout/seconds", 60, "minutes of playing"))
_SMOOTHED = 5  # iterations


def _successes(axes: Any, title: str, points: list[dict[str, Any]], cost: list[float], label: str) -> None:
    drawn = [point["rollout/success"] for point in points]
    means = [fmean(drawn[max(0, place - _SMOOTHED + 1):place + 1]) for place in range(len(drawn))]
    axes.plot(cost, drawn, linewidth=0.5, alpha=0.5, color="C0")
    axes.plot(cost, means, color="C0", label=f"of drawn plans, mean of {_SMOOTHED} points")
    likeliest = [(x, point["validation/success"]) for x, point in zip(cost, points, strict=True)
                 if isinstance(point.get("validation/success"), float | int)]
    if likeliest:
        axes.plot(*zip(*likeliest, strict=True), marker="o", markersize=3, color="C1", label="validation/success")
    axes.set(title=title, xlabel=label, ylabel="share of episodes that succeed", ylim=(0, 1))
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)


def _losses(axes: Any, stage: str, points: list[dict[str, Any]]) -> None:
    axes.plot([p["step"] for p in points], [p["loss"] for p in points], linewidth=0.8, label="training loss")
    for name in sorted({k for p in points for k in p if k.startswith("validation/")}):
        chosen = [p for p in points if isinstance(p.get(name), float | int)]
        axes.plot([p["step"] for p in chosen], [p[name] for p in chosen], marker="o", markersize=3, label=name)
    axes.set(title=stage, xlabel="step")
    if min(p["loss"] for p in points) > 0:
        axes.set_yscale("log")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
