"""Who hears of what is being fetched: the log, until the command line says who else."""

import logging


class Listener:
    """Hears what goes on."""

    def tell(self, text: str) -> None:
        """A sentence that a user must hear: something is fetched now."""
        logging.getLogger(__name__).info(text)

    def put(self, text: str) -> None:
        """How far it is; called often."""

    def clear(self) -> None:
        """There is no more to say."""


_listeners = [Listener()]


def listener() -> Listener:
    """Who hears."""
    return _listeners[-1]


def listen(other: Listener) -> None:
    """From here on `other` hears."""
    _listeners[:] = [other]


def megabytes(size: int) -> str:
    """A number of bytes as people say it: ``11.5 MB``."""
    return f"{size / 1e6:.1f} MB" if size < 99.95e6 else f"{size / 1e6:,.0f} MB"
