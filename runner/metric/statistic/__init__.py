"""What metrics are computed from."""
