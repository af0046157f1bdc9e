"""Reading images: single files, and the IDX format of MNIST and its relatives."""
