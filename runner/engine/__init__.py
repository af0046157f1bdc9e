"""The training engine: loop, step, state, techniques, checkpoints."""
