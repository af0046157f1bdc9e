"""How often examples of each class are trained with: one option per file."""
