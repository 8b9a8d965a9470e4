"""The server: listens on the loopback interface and answers in threads of its own."""

from __future__ import annotations

import errno
import secrets
import socket
import threading
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvicorn

from artfs.errors import InvalidInputError, StorageError
from artfs.web.application import make_application
from artfs.web.current_store import CurrentStore
from artfs.web.site import Site

if TYPE_CHECKING:
    from artfs.documents.document import Document

__all__ = ["WebServer"]

_ADDRESS: Final = "127.0.0.1"
_SIGNAL_SECONDS: Final = 0.5
"""A signal that comes just before the main thread begins to wait is noticed only when it wakes up again."""
_GRACE_SECONDS: Final = 1
"""How long requests that go on may take when the server is closed."""


class WebServer:
    """A server of one store, which listens when it was made and answers until it is closed.

    Args:
        store: The store's directory.
        port: The port to listen on; 0: one that is free.
        hosts: Host names that are allowed besides those of the loopback.
        check: Returns what `artfs doctor --json` prints.

    Attributes:
        store: The store.
        port: The port.
        token: What requests of the API have to know.

    Raises:
        InvalidInputError: Another process listens on the port, or the user must not.
        StoreError: There is no store, or it cannot be used.
        StorageError: The system refused to listen.
    """

    def __init__(
        self,
        store: Path,
        port: int = 0,
        hosts: Collection[str] = (),
        *,
        check: Callable[[], Document],
    ) -> None:
        self.token = secrets.token_urlsafe(32)
        with ExitStack() as undo:
            listening = undo.enter_context(_listen(port))
            self.port: int = listening.getsockname()[1]
            self.store = CurrentStore(store)
            undo.callback(self.store.close)
            config = uvicorn.Config(
                make_application(Site(self.store, check), self.token, hosts),
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
            self._server = uvicorn.Server(config)
            # Not the main thread, which waits for a signal: what a request does in a thread nothing can interrupt.
            self._thread = threading.Thread(target=self._server.run, args=([listening],), name="artfs-ui", daemon=True)
            self._thread.start()
            undo.pop_all()

    @property
    def url(self) -> str:
        """The URL of the start page. The token is in its fragment, which browsers send nowhere."""
        return f"http://{_ADDRESS}:{self.port}/#token={self.token}"

    def wait(self) -> None:
        """Wait until it ends, or a signal raises an exception in the main thread."""
        while self._thread.is_alive():
            self._thread.join(_SIGNAL_SECONDS)

    def close(self) -> bool:
        """End it, and close the store.

        Returns:
            False if a request still goes on in a thread, which has the store open.
        """
        self._server.should_exit = True
        self._thread.join(_GRACE_SECONDS + 1)
        return not self._thread.is_alive() and self.store.close()


def _listen(port: int) -> socket.socket:
    """Open the socket that listens.

    Raises:
        InvalidInputError: Another process listens on the port, or the user must not.
        StorageError: The system refused.
    """
    try:
        return socket.create_server((_ADDRESS, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            what = f"port {port} is in use: give another with --port, or leave it out for one that is free"
            raise InvalidInputError(what) from error
        if error.errno == errno.EACCES:
            what = f"port {port} is not for ordinary users: give one from 1024 on with --port"
            raise InvalidInputError(what) from error
        raise StorageError.of(error, "listening for the browser") from error
