"""The front service: tells a price, for which it asks the stock service across a link."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STOCK = f"http://{os.environ['LINK_FRONT_TO_STOCK']}"
TIMEOUT = float(os.environ.get("STOCK_TIMEOUT", "1"))
ANSWERS = Counter(ok=0, error=0)
"""Prices asked for, by how that ended."""


def metrics() -> bytes:
    """The counters in Prometheus' text format."""
    lines = [f'front_answers_total{{result="{result}"}} {count}' for result, count in ANSWERS.items()]
    return "\n".join(["# TYPE front_answers_total counter", *lines, ""]).encode()


class Front(BaseHTTPRequestHandler):
    """`/price` asks the stock service; `/healthz` and `/metrics` are its own."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(200, b"ok")
        elif self.path == "/metrics":
            self._answer(200, metrics(), "text/plain; version=0.0.4")
        else:
            self._price()

    def _price(self) -> None:
        try:
            with urllib.request.urlopen(f"{STOCK}/stock", timeout=TIMEOUT) as answer:
                left = json.load(answer)["left"]
        except (urllib.error.URLError, OSError, ValueError):
            ANSWERS["error"] += 1
            self._answer(503, b"the stock service does not answer")
        else:
            ANSWERS["ok"] += 1
            self._answer(200, json.dumps({"price": 100 if left else 120}).encode())

    def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Front).serve_forever()
