"""Short trials before a run: which learning rate, which batch size."""
