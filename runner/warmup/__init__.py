"""The rise of the learning rate in front of a schedule."""
