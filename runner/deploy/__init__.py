"""From a trained network to one that is smaller, faster, or runs elsewhere: each in a run folder of its own."""
