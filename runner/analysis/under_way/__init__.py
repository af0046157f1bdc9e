"""Runs and sweeps under way, as their folders tell it from look to look."""
