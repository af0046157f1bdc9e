"""Techniques that vary the training inputs, on the device."""
