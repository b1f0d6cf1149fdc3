"""The Toxiproxy client against a fake server that misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import toxiproxy as library
import toxiproxy.api

from chaos.clients.toxiproxy import NotThereError, ProxyState, Removal, Toxic, Toxiproxy
from chaos.errors import ClientError, ServerGoneError
from chaos.testing.toxiproxy import FakeToxiproxy

SLOW = Toxic("slow", "latency", attributes={"latency": 5})


@pytest.fixture
async def server() -> AsyncIterator[FakeToxiproxy]:
    """A fake server with one proxy."""
    async with FakeToxiproxy() as fake:
        fake.add("p", listen="127.0.0.1:1", upstream="127.0.0.1:2")
        yield fake


async def test_a_toxic_that_is_not_kept_is_an_error(server: FakeToxiproxy) -> None:
    """The answer to a write is not believed; what is read back counts."""
    client = Toxiproxy(server.url)
    server.forgets = True
    with pytest.raises(ClientError, match="holds none instead"):
        await client.add_toxic("p", SLOW)
    server.forgets, server.misreads = False, True
    with pytest.raises(ClientError, match=r"holds latency\(latency 0\)"):
        await client.add_toxic("p", SLOW)


async def test_a_500_is_an_error(server: FakeToxiproxy) -> None:
    """A server error, which the library ignores, is raised with the server, the question and the answer."""
    server.status = 500
    with pytest.raises(ClientError, match=r"asked to enable the proxy p, and answered 500: .*as told"):
        await Toxiproxy(server.url).set_enabled("p", True)


async def test_silence_is_bounded(server: FakeToxiproxy) -> None:
    """A server that never answers costs the time-out and no more."""
    server.hangs = "GET /proxies"
    with pytest.raises(ClientError, match=r"did not answer within 0\.3 s"):
        async with asyncio.timeout(60):
            await Toxiproxy(server.url, timeout=0.3).proxies()


async def test_a_hanging_removal_makes_the_proxy_anew(server: FakeToxiproxy) -> None:
    """When the removal of a toxic hangs, the proxy is made again with everything but that toxic."""
    client = Toxiproxy(server.url, timeout=1.0)
    await client.add_toxic("p", SLOW)
    await client.add_toxic("p", Toxic("other", "bandwidth", attributes={"rate": 9}))
    server.hangs = "DELETE /proxies/p/toxics"
    removal = await client.remove_toxic("p", "slow")
    assert "made again" in removal.dropped
    assert set(server.proxies["p"].toxics) == {"other"}
    assert server.proxies["p"].enabled


async def test_a_server_that_hangs_altogether_is_told(server: FakeToxiproxy) -> None:
    """When nothing helps, the error says which server to restart, and with what."""
    await Toxiproxy(server.url).add_toxic("p", SLOW)
    client = Toxiproxy(server.url, timeout=1.0)
    server.hangs = "DELETE"
    with pytest.raises(
        ClientError, match=r"restart that server .* with the proxy p \(127.0.0.1:1 -> 127.0.0.1:2\)"
    ):
        await client.remove_toxic("p", "slow")


@pytest.mark.parametrize("enabled", [True, False])
async def test_removal_leaves_the_proxy_as_it_was(server: FakeToxiproxy, enabled: bool) -> None:
    """Where nobody can see who reads, an open proxy is shut for the removal and opened; a shut one stays shut."""
    client = Toxiproxy(server.url)
    await client.add_toxic("p", SLOW)
    server.proxies["p"].enabled = enabled
    removal = await client.remove_toxic("p", "slow")
    assert removal.found
    assert bool(removal.dropped) is enabled
    assert server.proxies["p"].enabled is enabled
    assert await client.remove_toxic("p", "slow") == Removal(found=False)


@pytest.mark.parametrize(
    ("toxic", "unread", "shuts"),
    [
        (SLOW, 0, False),
        (SLOW, 1, True),
        (SLOW, None, True),
        (Toxic("slow", "timeout"), None, False),
        (Toxic("slow", "timeout", toxicity=0.5), None, True),
        (Toxic("slow", "timeout", toxicity=0.5), 0, False),
        (Toxic("slow", "reset_peer"), 0, True),
    ],
    ids=str,
)
async def test_a_proxy_is_shut_only_where_it_must_be(
    server: FakeToxiproxy, toxic: Toxic, unread: int | None, shuts: bool
) -> None:
    """Where everybody is seen to read, and where a toxic hands nothing on, it is removed from the open proxy."""

    async def seen(_state: ProxyState) -> int | None:
        await asyncio.sleep(0)
        return unread

    client = Toxiproxy(server.url, unread=seen)
    server.proxies["p"].toxics["slow"] = {
        "name": "slow", "type": toxic.type, "stream": "downstream", "toxicity": toxic.toxicity, "attributes": {},
    }  # fmt: skip
    assert (await client.remove_toxic("p", "slow")).found
    assert ("POST /proxies/p" in server.log) is shuts
    assert server.proxies["p"].enabled
    assert server.proxies["p"].toxics == {}


async def test_what_is_not_there(server: FakeToxiproxy) -> None:
    """A missing proxy and a missing server are errors of their own kind."""
    with pytest.raises(NotThereError, match="does not have"):
        await Toxiproxy(server.url).remove_toxic("q", "slow")
    with pytest.raises(ServerGoneError, match="nothing listens"):
        await Toxiproxy("http://127.0.0.1:1").version()


@pytest.mark.parametrize("name", ["", "a/b", ".."])
async def test_names_that_no_address_can_carry_are_refused(server: FakeToxiproxy, name: str) -> None:
    """A name that Toxiproxy could never find again is refused before it is sent."""
    with pytest.raises(ClientError, match="cannot address"):
        await Toxiproxy(server.url).create_proxy(name, "127.0.0.1:0", "127.0.0.1:2")
    with pytest.raises(ClientError, match="cannot address"):
        await Toxiproxy(server.url).add_toxic("p", Toxic(name, "latency"))
    assert not [line for line in server.log if line.startswith("POST")]


async def test_names_are_quoted(server: FakeToxiproxy) -> None:
    """A name with a question mark, a blank or a percent sign reaches the server whole."""
    name = "a ?b%20c"
    server.add(name, listen="127.0.0.1:3", upstream="127.0.0.1:4")
    client = Toxiproxy(server.url)
    await client.add_toxic(name, Toxic("t?", "latency", attributes={"latency": 1}))
    await client.remove_toxic(name, "t?")
    assert server.proxies[name].toxics == {}
    assert await client.delete_proxy(name)


async def test_an_answer_that_is_no_toxiproxy(server: FakeToxiproxy) -> None:
    """A server that answers something else is told as that."""
    server.status = 200
    with pytest.raises(ClientError, match="makes no sense"):
        await Toxiproxy(server.url).proxy("p")


async def test_the_environment_is_not_asked(server: FakeToxiproxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment does not come between the client and its server."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert await Toxiproxy(server.url).version() == "2.12.0"


async def test_the_library_is_left_alone(server: FakeToxiproxy) -> None:
    """Others who use the library in this process still speak to the server that they chose."""
    before = (toxiproxy.api.APIConsumer.host, toxiproxy.api.APIConsumer.port, library.Proxy.toxics)
    await Toxiproxy(server.url).proxies()
    assert before == (toxiproxy.api.APIConsumer.host, toxiproxy.api.APIConsumer.port, library.Proxy.toxics)


def test_an_address_that_is_none() -> None:
    """What is no URL of a server is refused at once."""
    with pytest.raises(ClientError, match="write http://HOST:PORT"):
        Toxiproxy("127.0.0.1:8474")
