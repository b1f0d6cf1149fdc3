"""What a run says of itself, served on this machine for the world's own Prometheus."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

from prometheus_client import CollectorRegistry, MetricsHandler

STOPS_WITHIN = 0.02
"""Real seconds between two looks of the server of the metrics at whether it is to end: each run waits for that."""


class _Server(ThreadingHTTPServer):
    """One that does not print a stack for a caller who went away: the world's Prometheus ends when the world does."""

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def served(measures: CollectorRegistry) -> Iterator[str]:
    """Serve what was measured on loopback, for the length of a block; the address."""
    server = _Server(("127.0.0.1", 0), MetricsHandler.factory(measures))
    thread = threading.Thread(target=server.serve_forever, args=(STOPS_WITHIN,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
