"""Composing, checking and building what a user chose."""
