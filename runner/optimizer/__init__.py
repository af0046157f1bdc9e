"""What changes weights by their gradients: optimizers that torch has not, what wraps one, groups of parameters."""
