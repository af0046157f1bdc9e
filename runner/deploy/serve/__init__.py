"""Predictions over HTTP, for this machine: what is taken, in which bounds, and how it is answered."""
