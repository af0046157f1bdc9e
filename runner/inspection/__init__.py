"""What is in the data of a command before anything is trained: gaps, copies, leaks, labels, outliers, imbalance."""
