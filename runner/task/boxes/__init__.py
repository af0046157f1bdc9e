"""What can be done with boxes."""
