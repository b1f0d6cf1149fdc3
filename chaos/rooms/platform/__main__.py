"""`python -m chaos.rooms.platform`."""

from __future__ import annotations

import argparse

from chaos.rooms.platform.app import Platform
from chaos.rooms.server import Tier, named, serve


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m chaos.rooms.platform", description=__doc__)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--name", default="platform")
    parser.add_argument("--media", type=named, action="append", default=[], metavar="NAME=URL", required=True)
    parser.add_argument("--media-spare", type=named, action="append", default=[], metavar="NAME=URL")
    told = parser.parse_args()

    def build() -> Tier:
        tier = Tier("platform", told.name)
        Platform(tier, dict(told.media), dict(told.media_spare))
        return tier

    serve(told.listen, build)


if __name__ == "__main__":
    main()
