"""From files to raw examples: a part for each kind of data."""
