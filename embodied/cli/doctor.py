"""embodied doctor: checks this installation and says what is broken and what to do about it.

Looks at versions, threads, how torch and torchvision fit, physics and rendering, video, the shipped weights, the
configuration and the disk. Exits 1 when something that the demo needs is broken. `format=json` prints JSON.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from embodied.cli.configs import config_dir
from embodied.cli.errors import NOT_DONE, UsageError
from embodied.cli.run import RunContext

LEAVES_FILES = False
PACKAGES = ("embodied", "torch", "torchvision", "timm", "transformers", "tokenizers", "safetensors", "llguidance",
            "pybullet", "gymnasium", "ray", "hydra-core", "numpy", "av", "rich")
NEEDED_DISK_BYTES = 500e6
MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "broken": "[red]broken[/]"}


@dataclass(frozen=True, slots=True)
class Settings:
    format: Literal["table", "json"]
    weights: str


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    state: Literal["ok", "note", "broken"]
    detail: str


def act(settings: Settings, run: RunContext) -> None:
    """Prints every check. Raises UsageError when one is broken."""
    checks = [_guarded(name, check) for name, check in _checks(settings).items()]
    if settings.format == "json":
        print(json.dumps({"checks": [asdict(c) for c in checks], "versions": versions()}, indent=2))
    else:
        _print_table(checks)
    broken = [c.name for c in checks if c.state == "broken"]
    if broken:
        raise UsageError(f"broken: {', '.join(broken)}", NOT_DONE)


def _checks(settings: Settings) -> dict[str, Callable[[], Check]]:
    return {"python": _python, "packages": _packages, "torch and torchvision": _pairing, "threads": _threads,
            "encoders": _encoders, "physics and cameras": _rendering, "video": _video, "ray": _ray,
            "weights": lambda: _weights(settings.weights), "configuration": _configuration, "disk": _disk}


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    """A check that falls over is a broken part, not a broken doctor."""
    try:
        return check()
    except Exception as error:
        return Check(name, "broken", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


def _python() -> Check:
    found = platform.python_version()
    state = "ok" if found.startswith("3.11.") else "broken"
    remedy = "" if state == "ok" else "; pybullet needs 3.11"
    return Check("python", state, f"{found} on {platform.machine()}{remedy}")


def versions() -> dict[str, str]:
    """Package -> installed version, or "absent"."""
    def version(name: str) -> str:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return "absent"
    return {name: version(name) for name in PACKAGES}


def _packages() -> Check:
    found = versions()
    absent = [n for n, v in found.items() if v == "absent"]
    words = ", ".join(f"{n} {v}" for n, v in found.items())
    return Check("packages", "broken" if absent else "ok", words)


def _pairing() -> Check:
    from embodied.compat import guard_torchvision

    pairing = guard_torchvision()
    meaning = {"sound": "a matching pair, left untouched",
               "guarded": "guarded: torchvision was built for another torch, so its operator schemas are registered "
                          "before it is imported; everything here works, torchvision's compiled operators (nms) do "
                          "not. In programs of your own, `import embodied` comes before transformers' processors and "
                          "modeling classes, or they stop at \"operator torchvision::nms does not exist\"; installing "
                          "the torchvision that was built for this torch makes the order free",
               "absent": "torchvision is not installed; timm needs it"}
    state = {"sound": "ok", "guarded": "note", "absent": "broken"}[pairing]
    return Check("torch and torchvision", state, meaning[pairing])


def _threads() -> Check:
    import torch

    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no accelerator, CPU only"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Check("threads", "ok", f"{cores} cores, torch uses {torch.get_num_threads()}; {device}")


def _encoders() -> Check:
    from embodied.models import vision

    return Check("encoders", "ok", f"timm and transformers import; {vision.__name__} is ready")


def _rendering() -> Check:
    import gymnasium

    env = gymnasium.make("envs:embodied/PutInBowl-v0")
    try:
        observation, _info = env.reset(seed=0)
    finally:
        env.close()
    sizes = {name: image.shape for name, image in observation["rgb"].items()}
    if any(image.std() < 1 for image in observation["rgb"].values()):
        return Check("physics and cameras", "broken", f"a camera sees nothing but one colour: {sizes}")
    seen_by = ", ".join(sizes)
    return Check("physics and cameras", "ok", f"a scene was made and seen by {seen_by}: {observation['instruction']!r}")


def _video() -> Check:
    import numpy as np

    from embodied.data.video import encode

    size = len(encode([np.zeros((64, 64, 3), np.uint8)] * 3, fps=10))
    return Check("video", "ok", f"h264 mp4 can be written ({size} bytes for a test)")


def _ray() -> Check:
    import ray

    return Check("ray", "ok", f"{ray.__version__} imports; it is started only by distributed=ray or backend=ray")


def _weights(weights: str) -> Check:
    """Weights, a mind's eyes with them; what stands on a base is not loaded, for that takes seconds and memory."""
    from embodied.agents.minds import card, mind_folder, notice
    from embodied.cli.weights import check_usable
    from embodied.models.loading import load

    check_usable(weights)
    folder = mind_folder(weights)
    size_mb = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file()) / 1e6
    words = f"{folder}: {size_mb:.1f} MB, SHA-256 as in its manifest; "
    if (base := card(folder).get("base")) is not None:
        return Check("weights", "ok", f"{words}a mind on the base {base}, which is here (embodied bases verify {base})")
    model, _processor = load(folder)
    words += f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters"
    lacks = notice(weights)
    return Check("weights", "ok" if lacks is None else "note", words if lacks is None else f"{words}; {lacks}")


def _configuration() -> Check:
    return Check("configuration", "ok", str(config_dir()))


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free
    writable = os.access(Path.cwd(), os.W_OK)
    state = "ok" if writable and free > NEEDED_DISK_BYTES else "note"
    trouble = "" if writable else ", which is read-only"
    return Check("disk", state, f"{free / 1e9:.1f} GB free in {Path.cwd()}{trouble}")


def _print_table(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="embodied doctor", show_lines=False)
    for column in ("check", "state", "detail"):
        table.add_column(column, overflow="fold")
    for check in checks:
        table.add_row(check.name, MARKS[check.state], escape(check.detail))
    Console().print(table)
