"""What the options have in common that make new rows of neighbouring ones."""
