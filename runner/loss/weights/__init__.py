"""Weights that losses give to what they see."""
