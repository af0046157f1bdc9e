"""What is explained: a network, some examples, and what their inputs consist of."""
