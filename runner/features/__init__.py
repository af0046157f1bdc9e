"""Features made of the columns of a table, fitted on the training part: one option per file."""
