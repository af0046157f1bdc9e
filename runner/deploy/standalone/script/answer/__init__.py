"""From outputs to the rows of a table: a part for each task."""
