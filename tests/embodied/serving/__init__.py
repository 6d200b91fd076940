"""Serving: servers, sessions, safety."""
