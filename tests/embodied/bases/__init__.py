"""Tests of embodied.bases."""
