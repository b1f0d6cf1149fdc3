"""Undo as data: a step that any process can carry out from the journal alone, once or many times.

A step is a `kind` and plain arguments. What carries it out is registered by kind, beside the code that does the act:

    @undoes("toxic")
    async def remove_toxic(args: Args) -> Proof: ...

A handler is idempotent, bounded in time, touches only what is still ours, and answers with proof that the thing is
gone (`holds` True), still there (False) or cannot be seen (None). It does not raise for a server that is gone for good
together with what was to be undone; it does raise `UndoError` or `ClientError` where the undo may still be needed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from chaos.errors import UndoError
from chaos.proof import Proof
from chaos.record import Json

Args: TypeAlias = Mapping[str, Json]
Handler: TypeAlias = Callable[[Args], Awaitable[Proof]]

_handlers: dict[str, Handler] = {}
_bounds: dict[str, float] = {}
_last: set[str] = set()

STEP_BOUND = 40.0
"""Real seconds that one undo step may take before it counts as failed, unless its kind says otherwise."""


@dataclass(frozen=True)
class UndoStep:
    """One thing to put back: what kind, and everything needed to do it without the run that caused it."""

    kind: str
    args: Args

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(f'{key}={value}' for key, value in self.args.items())})"


def undoes(kind: str, *, within: float = STEP_BOUND, last: bool = False) -> Callable[[Handler], Handler]:
    """Register the handler of a kind of undo step, which may take `within` real seconds.

    `last`: it gives away by what the rest is found and kept from others, so it waits until nothing else is left.
    """

    def register(handler: Handler) -> Handler:
        if kind in _handlers and _handlers[kind].__module__ != handler.__module__:
            raise ValueError(f"two handlers for the undo step `{kind}`")
        _handlers[kind] = handler
        _bounds[kind] = within
        if last:
            _last.add(kind)
        return handler

    return register


def bound_of(step: UndoStep) -> float:
    """How many real seconds a step may take."""
    return _bounds.get(step.kind, STEP_BOUND)


def comes_last(step: UndoStep) -> bool:
    """Whether a step is only to be done when nothing else is left."""
    return step.kind in _last


async def carry_out(step: UndoStep) -> Proof:
    """Do one step. Raises UndoError when nobody knows how."""
    handler = _handlers.get(step.kind)
    if handler is None:
        raise UndoError(
            f"no one here knows how to undo `{step.kind}` ({step}); "
            "install the package that injected it and run `standby recover` again"
        )
    return await handler(step.args)
