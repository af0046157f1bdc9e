"""What networks are built from: activations, normalizations, dropout, attention, residual blocks, recurrent layers."""
