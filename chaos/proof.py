"""What was seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Proof:
    """Whether something was seen to be so: `holds` is None when it could not be seen either way.

    `evidence` is one sentence with figures.
    """

    holds: bool | None
    evidence: str
