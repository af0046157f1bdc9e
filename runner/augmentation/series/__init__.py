"""What the augmentations of series are made of: steps looked up between steps, and smooth curves."""
