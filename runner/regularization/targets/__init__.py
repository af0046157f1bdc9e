"""Classes, their probabilities, and mixtures of them: what techniques make of targets and outputs."""
