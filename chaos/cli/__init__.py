"""The `standby` command: a thin layer that reads arguments, calls the parts, and turns errors into exit codes."""

from __future__ import annotations

import sys

from chaos import __version__


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        print(f"standby {__version__}")  # without reading the rest of the command line's modules
        return
    from chaos.cli.app import run_app

    sys.exit(run_app(sys.argv[1:]))
