"""Whether an attribution says anything of the network."""
