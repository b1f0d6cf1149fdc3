from __future__ import annotations

import socket

import pytest

from chaos.errors import WorldError
from chaos.worlds.local.ports import BLOCK, LOWEST, Ports


def exhaust(ports: Ports) -> None:
    """Take more ports than a block has."""
    for _ in range(BLOCK + 1):
        ports.take()


def test_a_world_s_ports_are_its_own_and_none_is_given_twice() -> None:
    """Every port is free, below the kernel's range for outgoing connections, and in one block."""
    ports = Ports()
    taken = [ports.take() for _ in range(30)]
    assert len(set(taken)) == 30
    assert max(taken) - min(taken) < BLOCK
    assert min(taken) >= LOWEST


def test_whoever_listens_on_the_claim_keeps_the_whole_block() -> None:
    """A block whose first port is in use is never drawn, though its other ports are free: spares are safe."""
    claim = Ports().take()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", claim))
        listener.listen()
        for _ in range(300):
            assert Ports().take() != claim + 1


def test_a_port_that_another_program_has_is_passed_over() -> None:
    """A listener in the middle of the block is not handed out."""
    ports = Ports()
    claim = ports.take()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", claim + 1))
        listener.listen()
        assert ports.take() == claim + 2


def test_a_used_up_block_is_an_error() -> None:
    """More ports than a block has cannot be had."""
    ports = Ports()
    with pytest.raises(WorldError, match="more than the"):
        exhaust(ports)
