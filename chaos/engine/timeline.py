"""The phases of a run and when they begin, on both clocks."""

from __future__ import annotations

from dataclasses import dataclass

from chaos.engine.judgement import Window


@dataclass(frozen=True)
class Span:
    """A phase as it really was: its name and its begin and end in unix seconds."""

    phase: str
    start: float
    end: float


def windows(spans: list[Span], during: tuple[str, ...]) -> list[Window]:
    """The stretches of the named phases; phases that follow each other are one stretch."""
    found: list[Window] = []
    for span in spans:
        if span.phase not in during:
            continue
        if found and span.start - found[-1].end < 0.5:
            found[-1] = Window(found[-1].start, span.end)
        else:
            found.append(Window(span.start, span.end))
    return found
