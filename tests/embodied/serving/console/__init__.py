"""Tests of the console, the server's web page."""
