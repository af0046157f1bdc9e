"""runner: a config-driven experiment runner for neural networks."""

__version__ = "0.1.0"
