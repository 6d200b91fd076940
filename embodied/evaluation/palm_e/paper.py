"""PaLM-E's own figures of its table (Driess et al. 2023, appendix), as shares."""

from __future__ import annotations

FULL = "PaLM-E, 3-5 objects, best without privileged state"
"""Each task's best of OSRT and ViT-4B, 96,000 scenes."""

PAPER: dict[str, dict[str, float]] = {
    FULL: {"q1": 0.996, "q2": 0.991, "q3": 1.0, "q4": 0.99, "p1": 0.981, "p2": 0.957},
    "PaLM-E, 6 objects, State (privileged)": {
        "q1": 1.0, "q2": 0.985, "q3": 0.94, "q4": 0.893, "p1": 0.953, "p2": 0.814},
    "PaLM-E, 8 objects, State (privileged)": {
        "q1": 1.0, "q2": 0.983, "q3": 0.953, "q4": 0.898, "p1": 0.913, "p2": 0.893},
    "PaLM-E 12B in its kitchen, full mixture, frozen": {"affordance": 0.87, "failure": 0.91},
    "PaLM-E 12B in its kitchen, full mixture, unfrozen": {"affordance": 0.91, "failure": 0.77},
}
"""Row -> task -> its figure. Affordance and failure are of a mobile manipulator's kitchen, ours of the table."""
