"""What variants of a network gain and cost: each in a process of its own, asked in turn."""
