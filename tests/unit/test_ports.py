from __future__ import annotations

import random
import socket

import pytest

from chaos.errors import WorldError
from chaos.ports import BLOCK, LOWEST, Ports


def exhaust(ports: Ports) -> None:
    """Take more ports than a block has."""
    for _ in range(BLOCK):
        ports.take()


def looks_first_at(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever draws from now on looks at this block first."""
    monkeypatch.setattr(
        random.SystemRandom, "shuffle", lambda _, blocks: blocks.sort(key=lambda block: block != first)
    )


def test_a_world_s_ports_are_its_own_and_none_is_given_twice() -> None:
    """Every port is free, below the kernel's range for outgoing connections, and in one block."""
    ports = Ports()
    taken = [ports.take() for _ in range(30)]
    assert len(set(taken)) == 30
    assert max(taken) - min(taken) < BLOCK
    assert min(taken) >= LOWEST


def test_of_two_who_draw_at_the_same_moment_one_gets_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anybody listens there, a block is nobody else's."""
    mine = Ports()
    first = mine.take()
    looks_first_at(first, monkeypatch)
    assert not first <= Ports().take() < first + BLOCK
    assert mine.take() == first + 1


def test_whoever_listens_in_a_block_keeps_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One listener is enough, though who drew the block is gone: spares are safe, whatever of the world has died."""
    mine = Ports()
    first = mine.take()
    looks_first_at(first, monkeypatch)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", first + 7))
        listener.listen()
        del mine
        with socket.create_server(("127.0.0.1", first + BLOCK - 1)):
            pass  # nobody holds the block any more
        assert not first <= Ports().take() < first + BLOCK


def test_a_port_that_another_program_has_is_passed_over() -> None:
    """A listener in the middle of the block is not handed out."""
    ports = Ports()
    first = ports.take()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", first + 1))
        listener.listen()
        assert ports.take() == first + 2


def test_a_used_up_block_is_an_error() -> None:
    """More ports than a block has cannot be had."""
    ports = Ports()
    with pytest.raises(WorldError, match="more than the"):
        exhaust(ports)
