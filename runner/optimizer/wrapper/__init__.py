"""What goes around an optimizer, whichever it is."""
