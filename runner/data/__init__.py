"""What networks learn from: one option per file, and what the options share."""
