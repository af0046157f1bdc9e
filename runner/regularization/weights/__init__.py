"""Weights of a network: which of them penalties are taken over, and averages kept beside them."""
