"""Vocabularies: what the tokens of a text are, and the text that tokens stand for."""
