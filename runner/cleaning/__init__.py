"""What is left out of the data before anything is trained: one option per file."""
