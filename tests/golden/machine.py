"""Which machine a number was made on, as far as its bits depend on it.

The same seed gives the same bits where all of this is the same. The C library and torch choose code by the instructions
that the processor has (MKL also by its maker), and sums of floating-point numbers depend on that code.
"""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch

_INSTRUCTIONS = ("avx", "avx2", "fma", "avx512f", "avx512_bf16", "amx_tile")
"""Those that the C library's mathematics, torch's and numpy's kernels are chosen by."""
_LIBRARIES = ("numpy", "pybullet", "scipy", "torch")


def machine() -> dict[str, str]:
    """Facts that decide the last bits of every number here."""
    processor = _processor()
    flags = processor.get("flags", "").split()
    return {"architecture": platform.machine(),
            "processor": " ".join(processor.get(name, "?") for name in ("vendor_id", "cpu family", "model")),
            "instructions": " ".join(name for name in _INSTRUCTIONS if name in flags),
            "torch_kernels": torch.backends.cpu.get_cpu_capability(),
            "c_library": " ".join(platform.libc_ver()), "tunables": os.environ.get("GLIBC_TUNABLES", ""),
            **{name: version(name) for name in _LIBRARIES}}


def _processor() -> dict[str, str]:
    """What Linux says of the first processor; nothing elsewhere."""
    path = Path("/proc/cpuinfo")
    first = path.read_text().split("\n\n")[0] if path.exists() else ""
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}
