"""Why there is no script."""


class NotWritten(Exception):
    """A script that predicts raw files can't be written, in words."""
