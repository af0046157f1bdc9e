"""Ensembles of trained networks: whether they go together, how much each weighs, and the folder they are kept in."""
