"""How many seconds Redis takes to answer a PING; the proof that a fault on its link is in force."""

from __future__ import annotations

import os
import socket
import sys
import time

if __name__ == "__main__":
    host, port = os.environ["LINK_STOCK_TO_REDIS"].rsplit(":", 1)
    begun = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=4) as redis:
        redis.sendall(b"PING\r\n")
        if redis.makefile("rb").readline() != b"+PONG\r\n":
            sys.exit(1)
    print(f"{time.monotonic() - begun:.3f}")
