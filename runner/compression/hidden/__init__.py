"""Hidden layers of networks, heard while they work."""
