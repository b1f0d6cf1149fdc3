"""What a benchmark's figures are held against: one line for each, and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Bar:
    """A figure, and what it ought to be: `at most` or `at least` `asked`."""

    what: str
    measured: float
    how: Literal["at most", "at least"]
    asked: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.measured <= self.asked if self.how == "at most" else self.measured >= self.asked

    def __str__(self) -> str:
        return (
            f"{self.what}: {self.how} {self.asked:g}{self.unit} asked, {self.measured:.3g}{self.unit} measured: "
            f"{'met' if self.met else 'MISSED'}"
        )


def told(bars: Sequence[Bar]) -> int:
    """Print each; 0 when all are met, else 1."""
    for bar in bars:
        print(bar)
    return 0 if all(bar.met for bar in bars) else 1
