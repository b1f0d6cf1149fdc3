"""The `standby` command: a thin layer that reads arguments, calls the parts, and turns errors into exit codes."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from chaos.cli.app import run_app

    sys.exit(run_app(sys.argv[1:]))
