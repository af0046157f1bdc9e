"""Techniques that make a network smaller while it is trained, and what was done to one afterwards."""
