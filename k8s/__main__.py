"""`python -m k8s up | deploy | trials | dask | down`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chaos.errors import StandbyError, UsageError
from k8s.charts import deploy
from k8s.dask import dask
from k8s.nodes import CONTEXT, down, up
from k8s.steps import need_docker, say


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one of them; 0 when it is done, 1 with the reason and the cure on stderr, 2 where what was asked is wrong."""
    asked = _parser().parse_args(arguments)
    begun = time.monotonic()
    try:
        _DO[asked.what](asked)
    except StandbyError as error:
        say(str(error))
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        if asked.what == "trials":
            say("The trials go on in the cluster; the same command takes their results.")
        return 130
    say(f"{asked.what}: done in {time.monotonic() - begun:.0f} s")
    return 0


def _up(_: argparse.Namespace) -> None:
    need_docker()
    up()


def _deploy(_: argparse.Namespace) -> None:
    need_docker()
    deploy()


def _down(_: argparse.Namespace) -> None:
    need_docker()
    down()


def _dask(asked: argparse.Namespace) -> None:
    need_docker()
    dask(asked.workers, asked.python)


def _trials(asked: argparse.Namespace) -> None:
    from k8s import trials  # brings in the simulator

    trials.trials(trials.Asked(asked.study, asked.live, asked.out, asked.context, asked.image))


_DO: Final = {"up": _up, "deploy": _deploy, "down": _down, "dask": _dask, "trials": _trials}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m k8s", description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("up", help="make the kind cluster, or bring back the one that is there")
    what.add_parser("deploy", help="build the image and install the charts")
    what.add_parser("down", help="remove the cluster")
    trials = what.add_parser("trials", help="run a study's live trials, each in a namespace of its own")
    trials.add_argument("study", type=Path)
    trials.add_argument("--live", type=int, help="how many (as the document says)")
    trials.add_argument("--out", type=Path, help="the folder of the study's files (as for `standby study`)")
    trials.add_argument("--context", default=CONTEXT, help=f"the cluster ({CONTEXT})")
    trials.add_argument("--image", help="REPOSITORY:TAG that its nodes can pull (built here, for kind)")
    dask_ = what.add_parser("dask", help="a Dask cluster for the simulated part of studies")
    dask_.add_argument("--workers", type=int, default=2, help="how many workers (2)")
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    dask_.add_argument("--python", default=own, help=f"the version of the Python that uses it ({own})")
    return parser


if __name__ == "__main__":
    sys.exit(main())
