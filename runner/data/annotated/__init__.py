"""Images with boxes and masks that people drew, in the formats of public collections."""
