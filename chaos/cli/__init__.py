"""The `standby` command: a thin layer that reads arguments, calls the parts, and turns errors into exit codes."""

from __future__ import annotations

import gc
import os
import sys

from chaos import __version__

NO_GARBAGE_BEFORE = 200_000
"""More objects than are made for reading a document of a few pages; hardly one of them is garbage before the end."""


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        print(f"standby {__version__}")  # without reading the rest of the command line's modules
        return
    brief = sys.argv[1:2] == ["validate"]
    if brief:
        gc.set_threshold(NO_GARBAGE_BEFORE)
        # Else pydantic reads what every installed package declares, to find plugins of its own.
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from chaos.cli.app import run_app

    code = run_app(sys.argv[1:])
    if brief:
        gc.freeze()  # nothing of it is looked through once more before all of it goes
    sys.exit(code)
