"""Functions that an experiment asks."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping


def stock(kind: str, configuration: Mapping[str, str]) -> int:
    """How many of a kind the app has."""
    with urllib.request.urlopen(f"{configuration['app']}/stock", timeout=5) as answer:  # noqa: S310  an address of this test
        found = json.load(answer)
    return next(int(one["count"]) for one in found["items"] if one["name"] == kind)


def let_in(secrets: Mapping[str, str] | None = None) -> bool:
    """Whether somebody with these secrets is let in."""
    return (secrets or {}).get("token") == "open sesame"
