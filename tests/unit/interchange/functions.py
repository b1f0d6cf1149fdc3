"""Functions as a Chaos Toolkit extension has them."""

from __future__ import annotations

from collections.abc import Mapping


def takes_both(configuration: Mapping[str, object], secrets: Mapping[str, object]) -> bool:
    """Whether they are what the test gives."""
    return configuration == {"a": 1} and secrets == {"s": "t"}


def takes_none() -> bool:
    """Whatever it is given would be too much."""
    return True
