"""Getting what others publish, data and weights: described once, fetched, verified by SHA-256, kept in a cache."""
