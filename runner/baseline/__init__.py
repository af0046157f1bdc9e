"""What a plain model reaches on the data of a command: a network that loses to it should be known to lose."""
