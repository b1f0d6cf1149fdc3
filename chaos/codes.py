"""The exit codes of `standby`: what each means, and which of several weighs most."""

from __future__ import annotations

from collections.abc import Iterable

PASS, FAIL, USAGE, INCONCLUSIVE, NOT_UNDONE, ABORTED = 0, 1, 2, 3, 4, 5
INTERRUPTED, TERMINATED = 130, 143
_PRECEDENCE = (NOT_UNDONE, INTERRUPTED, TERMINATED, USAGE, ABORTED, FAIL, INCONCLUSIVE, PASS)


def combine(codes: Iterable[int]) -> int:
    """The exit code of several runs: what could not be undone weighs most, a pass least."""
    found = set(codes)
    return next((code for code in _PRECEDENCE if code in found), PASS)
