"""Networks, built from what the data are (`DataSpec`)."""
