"""An event loop on a thread of its own, in which a test that is not asynchronous holds what is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Background:
    """Runs coroutines and holds context managers, from its own thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="standby", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Its result; whoever interrupts the wait cancels it, and waits until it has cleaned up."""
        running = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return running.result()
        except KeyboardInterrupt:
            running.cancel()
            wait([running])
            raise

    @contextmanager
    def held(self, manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """What an asynchronous context manager gives, for the length of a block; one task enters and leaves it."""
        entered: Future[T] = Future()
        leave = asyncio.Event()

        async def hold() -> None:
            async with manager as given:
                entered.set_result(given)
                await leave.wait()

        holding = asyncio.run_coroutine_threadsafe(hold(), self._loop)
        try:
            either: list[Future[Any]] = [entered, holding]
            wait(either, return_when=FIRST_COMPLETED)
            if not entered.done():
                holding.result()  # raises why it was not entered
            yield entered.result()
        finally:
            self._loop.call_soon_threadsafe(leave.set)
            wait([holding])
        holding.result()

    def close(self) -> None:
        """End the thread; nothing may be held any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
