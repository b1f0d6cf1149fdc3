"""`standby link add|remove|list`."""

from __future__ import annotations

import asyncio
import re

from rich.console import Console
from rich.table import Table

import chaos.runner  # noqa: F401 - it brings in whoever knows how to undo
from chaos.errors import UsageError
from chaos.worlds.cluster import link_sight, linking
from chaos.worlds.cluster.link_objects import Wanted
from chaos.worlds.cluster.target import Target, permitted

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")


def wanted_of(name: str, to: str, *, swap: bool, image: str, caller: str) -> Wanted:
    """What the command line asks for. Raises UsageError."""
    service, colon, port = to.rpartition(":")
    if not (colon and service and port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(f"`--to {to}` is no SERVICE:PORT; write for example `--to stock:8000`")
    if "." in service:
        raise UsageError(f"`--to {to}`: a link leads to a Service of the same namespace, by its bare name")
    return Wanted(_checked(name), service, int(port), swap, image, caller)


def add(target: Target, wanted: Wanted, *, dry_run: bool) -> int:
    """Put a link there; says what its caller calls."""
    asyncio.run(permitted(target))
    if dry_run:
        for line in asyncio.run(linking.would_add(target, wanted)):
            print(line)
        print("nothing was touched")
        return 0
    asyncio.run(linking.add(target, wanted, lambda text: print(text, flush=True)))
    if wanted.swap:
        print(
            f"whoever calls {wanted.address} goes through it; connections from before go on straight until they end"
        )
    else:
        print(f"give the caller the address {wanted.address} in place of {wanted.service}:{wanted.port}")
    return 0


def remove(target: Target, name: str) -> int:
    """Take a link away; 0 also when there is none."""
    asyncio.run(permitted(target))
    print(asyncio.run(linking.remove(target, _checked(name))))
    return 0


def list_(target: Target) -> int:
    """Show the links that were added to a namespace."""
    asyncio.run(permitted(target))
    found = asyncio.run(link_sight.present(target))
    if not found:
        print(f"no link was added to {target}")
        return 0
    table = Table("link", "called at", "leads to", "from", "turned Service", "ready")
    for one in found:
        ready = "yes" if one.ready else "no"
        table.add_row(one.name, one.address, one.leads_to, one.caller or "-", one.swapped or "-", ready)
    Console().print(table)
    return 0


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"`{name}` is no name of a link: small letters, digits and dashes, at most 40, a letter first"
        )
    return name
