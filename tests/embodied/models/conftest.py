"""Guards torchvision before a test file imports transformers, and keeps each test on one thread."""

from __future__ import annotations

import torch

from embodied.compat import guard_torchvision

guard_torchvision()
torch.set_num_threads(1)
