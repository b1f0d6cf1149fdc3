"""`python -m chaos.rooms.media`."""

from __future__ import annotations

import argparse

from chaos.rooms.media.app import Media
from chaos.rooms.server import Tier, named, serve


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m chaos.rooms.media", description=__doc__)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--name", required=True)
    parser.add_argument("--platform", required=True, metavar="URL")
    parser.add_argument("--platform-spare", metavar="URL")
    parser.add_argument("--peer", type=named, action="append", default=[], metavar="NAME=URL")
    told = parser.parse_args()

    def build() -> Tier:
        tier = Tier("media", told.name)
        Media(tier, told.platform, told.platform_spare or told.platform, dict(told.peer))
        return tier

    serve(told.listen, build)


if __name__ == "__main__":
    main()
