"""Images made of smaller ones, of which everything is known exactly."""
