"""Two small services of one's own to break: `caller` asks `echo` over the link `caller-to-echo`, all the time."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from chaos.errors import WorldError
from chaos.ports import Ports

LINK = "caller-to-echo"
TIMELINE = "{warm_up: 1s, baseline: 1s, faults: 4s, recovery: 1s, after: 1s}"
OBJECTIVE = '{name: it answers, http: {url: "http://$LINK_CALLER_TO_ECHO/"}, interval: 200ms}'

_ECHO = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *told): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
_CALLER = """
import http.client, os, time
while True:
    try:
        line = http.client.HTTPConnection(os.environ["LINK_CALLER_TO_ECHO"], timeout=3)
        for _ in range(50):
            line.request("GET", "/"); line.getresponse().read(); time.sleep(0.02)
    except (OSError, http.client.HTTPException): time.sleep(0.05)
"""


def _ports() -> Iterator[int]:
    held: list[Ports] = []
    while True:
        held.append(Ports())
        with suppress(WorldError):
            while True:
                yield held[-1].take()


_left = _ports()


def free_port() -> int:
    """A port of this machine's loopback on which nothing listens.

    No world takes it, and no outgoing connection, for as long as this process lives.
    """
    return next(_left)


def two_services(
    folder: Path, *, timeline: str = TIMELINE, objective: str = OBJECTIVE, port: int | None = None
) -> str:
    """A document about the two, without a Prometheus; their programs are written into `folder`.

    `timeline` and `objective` are YAML on one line. Faults and whatever else may be appended to the text. `echo`
    listens at `port`, or where something is free.
    """
    (folder / "echo.py").write_text(_ECHO, encoding="utf-8")
    (folder / "caller.py").write_text(_CALLER, encoding="utf-8")
    port = port or free_port()
    return textwrap.dedent(
        f"""
        version: 1
        title: Two services
        timeline: {timeline}
        prometheus: {{url: none}}
        system:
          tiers:
            caller: {{command: [{sys.executable}, caller.py]}}
            echo: {{command: [{sys.executable}, echo.py, "{port}"], address: "127.0.0.1:{port}",
                    ready: "http://127.0.0.1:{port}/"}}
          links: {{{LINK}: {{from: caller, to: echo}}}}
        objectives: [{objective}]
        """
    )
