"""Whether one choice is better than another, and how sure that is: numbers in, verdicts out; no folders, no torch."""
