"""Networks, built from what the data are (`Spec`)."""
