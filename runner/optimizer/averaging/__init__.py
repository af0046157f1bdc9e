"""Optimizers whose weights, when evaluated, are an average."""
