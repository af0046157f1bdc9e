"""Which weights of a network may be cut, and masks that say which of them are kept."""
