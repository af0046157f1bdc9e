"""Weights that others have published: where they are, and what they were trained with."""
