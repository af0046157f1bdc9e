"""Pictures and texts of what attributions say."""
