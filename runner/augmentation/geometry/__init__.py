"""How masks and boxes follow the pixels of an image that is moved."""
