"""`python -m chaos.rooms.platform`."""

from __future__ import annotations

import argparse
import os

from chaos.rooms.platform.app import Platform
from chaos.rooms.platform.store import MemoryStore, Store
from chaos.rooms.server import Tier, named, serve

REDIS_ENV = "STANDBY_REDIS"


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m chaos.rooms.platform", description=__doc__)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--name", default="platform")
    parser.add_argument("--media", type=named, action="append", default=[], metavar="NAME=URL", required=True)
    parser.add_argument("--media-spare", type=named, action="append", default=[], metavar="NAME=URL")
    parser.add_argument(
        "--redis",
        metavar="URL",
        default=os.environ.get(REDIS_ENV),
        help=f"where replicas share the room directory, such as redis://redis:6379/0 (or ${REDIS_ENV})",
    )
    parser.add_argument(
        "--replicas",
        type=int,
        default=1,
        metavar="N",
        help="how many processes like this one serve together: each has that part of the tier's capacity",
    )
    told = parser.parse_args()
    if told.replicas < 1:
        parser.error(f"--replicas must be at least 1, not {told.replicas}")

    def build() -> Tier:
        tier = Tier("platform", told.name)
        Platform(tier, dict(told.media), dict(told.media_spare), _store(told.redis), told.replicas)
        return tier

    serve(told.listen, build)


def _store(redis: str | None) -> Store:
    if not redis:
        return MemoryStore()
    from chaos.rooms.platform.redis_store import RedisStore

    return RedisStore(redis)


if __name__ == "__main__":
    main()
