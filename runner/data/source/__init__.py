"""Where raw examples come from: files that are found, fetched, hashed, and measured against the memory."""
