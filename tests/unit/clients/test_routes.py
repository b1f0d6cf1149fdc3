"""Addresses in a cluster: where they lead, and what an API server's own answers mean."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kubernetes.client import Configuration

from chaos.clients import routes
from chaos.clients.prometheus import Prometheus
from chaos.clients.routes import Place
from chaos.clients.toxiproxy import HungError, NotThereError, Toxiproxy
from chaos.errors import ApiAwayError, ClientError, ServerGoneError
from chaos.testing.cluster import FakeCluster


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    """An API server with nothing behind its proxy."""
    with FakeCluster() as fake:
        yield fake


def test_an_address_leads_through_the_proxy_of_its_context(cluster: FakeCluster) -> None:
    """Service and pod addresses become URLs of the API server; any other address stays what it is."""
    address = f"kubernetes://{cluster.context}/rooms/services/bridge:8474/proxies?a=b"
    server = routes.access(cluster.context).server
    assert (
        routes.resolved(address) == f"{server}/api/v1/namespaces/rooms/services/bridge:8474/proxy/proxies?a=b"
    )
    assert routes.resolved("http://127.0.0.1:8474/proxies") == "http://127.0.0.1:8474/proxies"
    assert Place.parse(f"kubernetes://{cluster.context}/rooms/pods/media-1-x:8000")[0].kind == "pods"


@pytest.mark.parametrize("name", ["BearerToken", "authorization"])
def test_the_token_is_shown_wherever_the_library_keeps_it(name: str) -> None:
    """In a pod it is kept under another name than older libraries use for a kubeconfig's."""
    configuration = Configuration()
    configuration.api_key = {name: "bearer t"}
    assert routes.Access("c", configuration).headers == {"Authorization": "bearer t"}


@pytest.mark.parametrize(
    "wrong", ["kubernetes://c/rooms", "kubernetes://c/rooms/nodes/a:1", "kubernetes://c/rooms/services/a"]
)
def test_what_is_no_address_is_refused(wrong: str) -> None:
    """With how one is written."""
    with pytest.raises(ClientError, match="write kubernetes://CONTEXT"):
        Place.parse(wrong)


async def test_the_clients_of_toxiproxy_and_prometheus_take_such_addresses(cluster: FakeCluster) -> None:
    """Both speak to what is behind the proxy as to any server, with the kubeconfig's own token."""
    cluster.proxied["services/bridge:8474"] = lambda *_: (200, "2.12.0")
    assert await Toxiproxy(f"kubernetes://{cluster.context}/rooms/services/bridge:8474").version() == "2.12.0"
    answer = '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"7"]}]}}'
    cluster.proxied["services/prometheus:9090"] = lambda *_: (200, answer)
    async with Prometheus(f"kubernetes://{cluster.context}/o/services/prometheus:9090") as prometheus:
        assert (await prometheus.instant("up"))[0].samples == ((1.0, 7.0),)


async def test_only_what_is_behind_may_say_that_something_is_not_there(cluster: FakeCluster) -> None:
    """A toxic is gone when Toxiproxy says so. When the API server has nobody to ask, nothing is known of it: were that
    taken for gone, an undo would call a toxic removed that is in force.
    """
    client = Toxiproxy(f"kubernetes://{cluster.context}/rooms/services/bridge:8474")
    with pytest.raises(ClientError, match="no endpoints available") as unknown:
        await client.toxics("edge")
    assert not isinstance(unknown.value, NotThereError | ServerGoneError)
    cluster.proxied["services/bridge:8474"] = lambda *_: (404, '{"error":"proxy not found","status":404}')
    with pytest.raises(NotThereError):
        await client.toxics("edge")


async def test_an_api_server_that_is_away_is_no_server_that_is_gone() -> None:
    """Nobody listens at the API server's port: what is behind it may be there all the same."""
    with FakeCluster() as gone:
        client = Toxiproxy(f"kubernetes://{gone.context}/rooms/services/bridge:8474")
    with pytest.raises(ApiAwayError, match="does not answer"):
        await client.toxics("edge")


async def test_who_hangs_is_told_apart(cluster: FakeCluster) -> None:
    """A Toxiproxy that hangs may need to be made anew; behind an API server that hangs it may be as well as ever."""
    client = Toxiproxy(f"kubernetes://{cluster.context}/rooms/services/bridge:8474", timeout=3.0)
    cluster.silent.add("services/bridge:8474")
    with pytest.raises(HungError):
        await client.toxics("edge")
    cluster.hangs = True
    with pytest.raises(ApiAwayError):
        await client.toxics("edge")
