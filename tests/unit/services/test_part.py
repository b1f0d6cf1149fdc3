"""Services of one's own in a namespace: what of it they are, and what must be there before a run begins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from chaos.clients.cluster import Cluster
from chaos.errors import PreflightError
from chaos.experiment.system import SystemSection
from chaos.faults.specs import LatencySpec
from chaos.services.part import scope
from chaos.testing.cluster import FakeCluster
from chaos.worlds.cluster.link_objects import Wanted, objects
from chaos.worlds.cluster.sight import Sight
from chaos.worlds.cluster.world import ClusterWorld
from tests.unit.worlds.cluster.shop import service, shop, target

SYSTEM = SystemSection.model_validate(
    {
        "tiers": {"front": {}, "stock": {"ready": "http://stock/price?of=chair"}},
        "links": {"front-to-stock": {"from": "front", "to": "stock"}},
    }
)
SLOW = LatencySpec.model_validate({"fault": "latency", "link": "front-to-stock", "delay": "300ms"})


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    """The shop with a link, and an outpost."""
    with shop() as fake:
        wanted = Wanted("front-to-stock", "stock", 80)
        kinds = {"configmaps", "services", "deployments"}
        for kind, one in objects(wanted, fake.objects["services"]["stock"]):
            assert kind in kinds
            if kind == "services":
                one["spec"]["clusterIP"] = "10.96.0.8"
            fake.add(kind, one)
        fake.add("services", service("outpost", "10.96.0.9"))
        yield fake


@pytest.fixture
async def sight(cluster: FakeCluster) -> AsyncIterator[Sight]:
    """A first look at it."""
    async with Cluster(cluster.context) as client:
        found = Sight(target(cluster), client, lambda *_, **__: None)
        await found.look()
        yield found


async def test_tiers_are_deployments_and_links_are_found_by_name(sight: Sight) -> None:
    """Only the tiers may be touched; pods are known by the deployment's own selector; `ready` gives what to ask."""
    part = scope(SYSTEM, [SLOW], "shop.yaml")
    links = await part.links(sight)
    (proxy,) = links["front-to-stock"].proxies
    assert (proxy.caller, proxy.callee) == ("front", "stock")
    assert (proxy.listen, proxy.upstream) == ("link-front-to-stock:20080", "stock:80")
    assert links["front-to-stock"].probe == "/price?of=chair"
    world = ClusterWorld(sight.target, sight, links, "", part)
    assert [(one.name, list(one.pods)) for one in world.processes()] == [
        ("front", ["front-x"]),
        ("stock", ["stock-x"]),
    ]
    assert await part.token(sight.cluster, sight.target) == "", "no token is needed"


async def test_what_is_not_there_is_told_before_anything_is_touched(
    sight: Sight, cluster: FakeCluster
) -> None:
    """A tier that is no deployment, a link that nobody added, an effect that nobody could see: each with its cure."""
    tiers = {"front": {}, "store": {}, "stock": {"ready": "http://stock/"}}
    other = SYSTEM.model_copy(update={"tiers": SystemSection.model_validate({"tiers": tiers}).tiers})
    with pytest.raises(PreflightError, match=r"system\.tiers\.store: there is no Deployment `store`"):
        await scope(other, [], "shop.yaml").links(sight)
    link = {"front-to-store": {"from": "front", "to": "stock"}}
    missing = SystemSection.model_validate({"tiers": {"front": {}, "stock": {}}, "links": link})
    with pytest.raises(PreflightError, match=r"standby link add front-to-store --to"):
        await scope(missing, [], "shop.yaml").links(sight)
    mute = SystemSection.model_validate({"tiers": {"front": {}, "stock": {}}, "links": SYSTEM.links})
    with pytest.raises(PreflightError, match="a tier without `ready`"):
        await scope(mute, [SLOW], "shop.yaml").links(sight)
    sight.services = {name: one for name, one in sight.services.items() if name != "outpost"}
    with pytest.raises(PreflightError, match=r"faults\[0\]: there is no outpost"):
        await scope(SYSTEM, [SLOW], "shop.yaml").links(sight)
    own = SLOW.model_copy(update={"proof": object()})
    assert await scope(SYSTEM, [own], "shop.yaml").links(sight)
    assert all(asked.startswith("GET ") for asked in cluster.asked)
