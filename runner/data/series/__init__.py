"""What data sets that are series are read by."""
