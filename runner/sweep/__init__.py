"""Sweeps: searching over choices with trials that cannot be lost. Knows Hydra and Optuna, and no runner."""
