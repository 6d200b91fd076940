"""Tests of the robot-control server."""
