"""`python -m chaos.rooms.audience`."""

from __future__ import annotations

import argparse

from chaos.rooms.audience.app import Audience
from chaos.rooms.server import Tier, named, serve


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m chaos.rooms.audience", description=__doc__)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--name", default="audience")
    parser.add_argument("--platform", required=True, metavar="URL")
    parser.add_argument("--edge", type=named, action="append", required=True, metavar="NAME=HOST:PORT")
    told = parser.parse_args()

    def build() -> Tier:
        tier = Tier("audience", told.name)
        Audience(tier, told.platform, dict(told.edge))
        return tier

    serve(told.listen, build)


if __name__ == "__main__":
    main()
