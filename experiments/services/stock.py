"""The stock service: counts in Redis, which it reaches across a link, how often it was asked."""

from __future__ import annotations

import json
import os
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST, PORT = os.environ["LINK_STOCK_TO_REDIS"].rsplit(":", 1)
TIMEOUT = 0.5


def asked() -> int:
    """One more question in Redis' count (INCR, in Redis' own protocol)."""
    with socket.create_connection((HOST, int(PORT)), timeout=TIMEOUT) as redis:
        redis.sendall(b"*2\r\n$4\r\nINCR\r\n$5\r\nasked\r\n")
        answer = redis.makefile("rb").readline()
    if not answer.startswith(b":"):
        raise ValueError(f"Redis answered {answer!r}")
    return int(answer[1:])


class Stock(BaseHTTPRequestHandler):
    """`/stock` asks Redis; `/healthz` is its own."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(200, b"ok")
            return
        try:
            body = json.dumps({"left": asked() % 100}).encode()
        except (OSError, ValueError) as error:
            self._answer(503, str(error).encode())
        else:
            self._answer(200, body)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Stock).serve_forever()
