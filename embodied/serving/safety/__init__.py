"""The safety filter: every joint target passes it before physics, every plan before motion. numpy only, no torch."""

from embodied.serving.safety.envelope import Envelope, EnvelopeError, Region
from embodied.serving.safety.governor import Governor, Violation
from embodied.serving.safety.plans import CheckedPlanner, fault

__all__ = ["CheckedPlanner", "Envelope", "EnvelopeError", "Governor", "Region", "Violation", "fault"]
