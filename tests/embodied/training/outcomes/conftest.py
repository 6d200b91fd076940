"""A small planner that draws plans, as it was before each test."""

from __future__ import annotations

import pytest

from embodied.agents.backends.local import LocalBackend
from embodied.models.weights import load_weights, weights_to_bytes
from tests.embodied.agents.test_batches import wide_backend


@pytest.fixture(scope="module")
def first():
    """A backend that draws, and its weights."""
    cold = wide_backend()
    return LocalBackend(cold.model, cold.processor, temperature=2.0), weights_to_bytes(cold.model)


@pytest.fixture
def backend(first):
    load_weights(first[0].model, first[1])
    return first[0]
