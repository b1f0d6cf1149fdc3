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


@dataclass(frozen=True)
class UndoStep:
    """One thing to put back: what kind, and everything needed to do it without the run that caused it."""

    kind: str
    args: Args

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(f'{key}={value}' for key, value in self.args.items())})"


def undoes(kind: str) -> Callable[[Handler], Handler]:
    """Register the handler of a kind of undo step."""

    def register(handler: Handler) -> Handler:
        if kind in _handlers and _handlers[kind].__module__ != handler.__module__:
            raise ValueError(f"two handlers for the undo step `{kind}`")
        _handlers[kind] = handler
        return handler

    return register


async def carry_out(step: UndoStep) -> Proof:
    """Do one step. Raises UndoError when nobody knows how."""
    handler = _handlers.get(step.kind)
    if handler is None:
        raise UndoError(
            f"no one here knows how to undo `{step.kind}` ({step}); "
            "install the package that injected it and run `standby recover` again"
        )
    return await handler(step.args)
