"""`standby import`: another tool's experiment as a Standby document, and what could not come along."""

from __future__ import annotations

import sys
from pathlib import Path

from chaos.errors import DocumentError, UsageError
from chaos.experiment import loads
from chaos.faults.specs import spec_types
from chaos.interchange.actions import NoEquivalentError
from chaos.interchange.chaostoolkit import convert
from chaos.interchange.files import read, read_proxies, written

STAND_IN = (
    "stands in for whoever calls over the links, of whom the experiment says nothing; put your own load there"
)


def chaostoolkit(path: Path, proxies: Path | None) -> int:
    """The document to standard output; what was left out, and what its author should know, to standard error."""
    known = spec_types()
    try:
        made = convert(read(path), faults=known, proxies=read_proxies(proxies) if proxies else ())
    except NoEquivalentError as error:
        raise UsageError(f"{proxies}: {error}") from error
    text = written(made, path.name)
    try:
        loads(text, faults=known, name="the converted document")
    except DocumentError as error:
        raise UsageError(f"{path} was converted into a document that is not valid:\n{error}") from error
    print(text, end="")
    print(f"{path}: {len(made.converted)} of {len(made.items)} parts have an equivalent", file=sys.stderr)
    if "load" in made.document:
        print(f"note: load: {STAND_IN}", file=sys.stderr)
    for item in made.items:
        told = f"{item.place} {item.name!r}" if item.name else item.place
        if not item.became:
            print(f"left out: {told}: {item.why}", file=sys.stderr)
        for note in item.notes:
            print(f"note: {told}: {note}", file=sys.stderr)
    return 0
