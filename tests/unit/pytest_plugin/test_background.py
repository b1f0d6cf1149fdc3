from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from chaos.pytest_plugin.background import Background


@pytest.fixture
def background() -> Iterator[Background]:
    """A loop, closed afterwards."""
    made = Background()
    yield made
    made.close()


def test_one_task_enters_and_leaves_however_the_block_ends(background: Background) -> None:
    """What is held is left when the block raises, in the task that entered it; the block's error comes through."""
    tasks = []

    @asynccontextmanager
    async def thing() -> AsyncIterator[str]:
        tasks.append(asyncio.current_task())
        try:
            yield "thing"
        finally:
            tasks.append(asyncio.current_task())

    def block() -> None:
        with background.held(thing()) as given:
            assert given == "thing"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    assert len(tasks) == 2
    assert tasks[0] is tasks[1]


def test_what_cannot_be_entered_or_left_raises_where_it_is_held(background: Background) -> None:
    """Both errors come to the test, and none is lost in the other thread."""

    @asynccontextmanager
    async def thing(*, enter: bool) -> AsyncIterator[None]:
        if enter:
            raise KeyError("enter")
        yield
        raise KeyError("leave")

    with pytest.raises(KeyError, match="enter"), background.held(thing(enter=True)):
        pytest.fail("it was entered")
    with pytest.raises(KeyError, match="leave"), background.held(thing(enter=False)):
        pass
