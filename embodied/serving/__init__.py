"""Serving: robots and minds behind a network interface."""
