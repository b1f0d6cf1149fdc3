"""`python -m k8s up | deploy | down`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from chaos.errors import StandbyError
from k8s.charts import deploy
from k8s.nodes import down, up
from k8s.steps import need_docker, say


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one of the three; 0 when it is done, 1 with the reason and the cure on stderr."""
    parser = argparse.ArgumentParser(prog="python -m k8s", description=__doc__)
    parser.add_argument("what", choices=("up", "deploy", "down"))
    what = parser.parse_args(arguments).what
    begun = time.monotonic()
    try:
        need_docker()
        {"up": up, "deploy": deploy, "down": down}[what]()
    except StandbyError as error:
        say(str(error))
        return 1
    say(f"{what}: done in {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
