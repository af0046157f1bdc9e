"""The port that a server listens at, of this machine alone."""

from __future__ import annotations

import socket

from runner.errors import ConfigError

HOST = "127.0.0.1"
TRIED = 100  # ports behind one that is taken


def bound(port: int) -> socket.socket:
    """A socket that listens at a port of this machine alone.

    Args:
        port: 0: any that is free.

    Raises:
        ConfigError: another program listens there, or it may not be listened at.
    """
    try:
        return _bound(port)
    except PermissionError:
        raise ConfigError(f"--port {port}: may not be listened at by this user. Take one from 1024 on.") from None
    except OSError as error:
        free = next(filter(_is_free, range(port + 1, min(port + TRIED, 65_536))), None)
        instead = f" --port {free} is free." if free else ""
        raise ConfigError(f"--port {port}: can't be listened at ({error.strerror}).{instead}") from None


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
        made.listen(2048)
    except OSError:
        made.close()
        raise
    return made


def _is_free(port: int) -> bool:
    try:
        _bound(port).close()
    except OSError:
        return False
    return True
