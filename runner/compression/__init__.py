"""Techniques that make a network smaller while it is trained, or small ones as good as large ones."""
