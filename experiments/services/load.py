"""Ten customers a second ask for a price, whether they are answered or not."""

from __future__ import annotations

import os
import threading
import time
import urllib.error
import urllib.request

FRONT = f"http://{os.environ['LINK_LOAD_TO_FRONT']}"
EVERY = 0.1


def ask() -> None:
    """One customer."""
    try:
        with urllib.request.urlopen(f"{FRONT}/price", timeout=5) as answer:
            answer.read()
    except (urllib.error.URLError, OSError):
        return


if __name__ == "__main__":
    due = time.monotonic()
    while True:
        threading.Thread(target=ask, daemon=True).start()
        due += EVERY
        time.sleep(max(0.0, due - time.monotonic()))
