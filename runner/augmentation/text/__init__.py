"""What augmentations of texts are made of."""
