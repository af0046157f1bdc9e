"""Texts written by trained networks: a token is drawn, read, and the next one drawn."""
