"""The safety filter."""
