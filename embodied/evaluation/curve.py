"""The learning curve of a run, drawn from its JSONL logs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def draw_curves(run_dir: Path, names: Sequence[str]) -> Path | None:
    """`curve.png` in the run folder, one panel for each named stage; None when nothing has been logged."""
    stages = {stage: points for stage in names if (points := _points(run_dir / stage / "log.jsonl"))}
    if not stages:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * len(stages), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (stage, points) in zip(figure.subplots(1, len(stages), squeeze=False)[0], stages.items(), strict=True):
        _panel(axes, stage, points)
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


def _panel(axes: Any, stage: str, points: list[dict[str, Any]]) -> None:
    axes.plot([p["step"] for p in points], [p["loss"] for p in points], linewidth=0.8, label="training loss")
    for name in sorted({k for p in points for k in p if k.startswith("validation/")}):
        chosen = [p for p in points if isinstance(p.get(name), float | int)]
        axes.plot([p["step"] for p in chosen], [p[name] for p in chosen], marker="o", markersize=3, label=name)
    axes.set(title=stage, xlabel="step")
    if min(p["loss"] for p in points) > 0:
        axes.set_yscale("log")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
