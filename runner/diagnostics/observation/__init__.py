"""How diagnostics observe a network, and what they keep of it."""
