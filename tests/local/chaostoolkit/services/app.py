"""A small shop: `python app.py PORT`."""

from __future__ import annotations

import http.server
import sys

STOCK = '{"items": [{"name": "chair", "count": 4}, {"name": "table", "count": 2}]}'
PAGES = {
    "/health": ("text/plain", "ok"),
    "/text": ("text/plain", '{"stock": 6}'),
    "/stock": ("application/json", STOCK),
}


class Answer(http.server.BaseHTTPRequestHandler):
    """Knows a few pages."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with a page, or that there is none."""
        kind, body = PAGES.get(self.path, ("text/plain", "no such page"))
        self.send_response(200 if self.path in PAGES else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
