"""Examples as vectors that can be compared, and which of them are alike."""
