"""Small layers that are trained in place of a network's own."""
