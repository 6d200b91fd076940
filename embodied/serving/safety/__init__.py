"""The safety filter: every joint target passes it before physics, every plan before motion. numpy only, no torch."""

from embodied.serving.safety.envelope import Envelope, EnvelopeError, Region
from embodied.serving.safety.governor import Governor, Violation

__all__ = ["Envelope", "EnvelopeError", "Governor", "Region", "Violation"]
