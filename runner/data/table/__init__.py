"""Tables: reading them, from raw columns to what networks take, and the rows of files that are predicted."""
