"""The ports of the front, claimed before anything else happens, so that a taken one is told at once."""

import contextlib
import errno
import socket

_NO_SUCH_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class PortTaken(Exception):
    """A port that was asked for is in use; the message names it."""


def claim(port: int) -> list[socket.socket]:
    """Bound sockets for `localhost:port`: IPv4, and IPv6 where the machine has it.  Raises `PortTaken`.

    Both, because clients differ in what `localhost` means to them first.
    """
    with contextlib.ExitStack() as undo:
        claimed = []
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            try:
                listener = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((address, port))
                listener.listen()
            except OSError as error:
                if family == socket.AF_INET6 and error.errno in _NO_SUCH_ADDRESS:
                    continue
                raise PortTaken(f"port {port} is taken") from None
            claimed.append(listener)
        undo.pop_all()
        return claimed


def free_port() -> int:
    """A port of the loopback interface that nobody uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
