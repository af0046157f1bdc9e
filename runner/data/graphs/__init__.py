"""What data sets that are one graph are read by."""
