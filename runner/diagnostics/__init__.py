"""What to watch while a network is trained."""
