from __future__ import annotations

import asyncio

from chaos.clients.cluster import Cluster
from chaos.clients.cluster_objects import Node, Pod
from chaos.testing.cluster import FakeCluster, deployment, node, pod
from chaos.worlds.cluster.sight import Sight
from chaos.worlds.cluster.spreading import ROLE, misplaced, spread
from chaos.worlds.cluster.target import Target


async def placed(fake: FakeCluster, client: Cluster, *on: str) -> Sight:
    """A look at media-1, media-2, … on these nodes; `a`, `b` are media nodes, `p` one of platform."""
    for name, role in (("a", "media"), ("b", "media"), ("p", "platform")):
        fake.add("nodes", node(name, labels={ROLE: role}))
    fake.objects["pods"] = {}
    for number, name in enumerate(on, start=1):
        fake.add("deployments", deployment(f"media-{number}", "media"))
        fake.add("pods", pod(f"media-{number}-x", f"media-{number}", "media", name))
    sight = Sight(Target("kind", fake.context, "rooms"), client, lambda *_, **__: None)
    await sight.look()
    return sight


async def test_only_strays_and_a_crowd_beside_an_empty_node_are_moved() -> None:
    """Whoever is on another tier's node, and the youngest of a crowd; a node that takes no pods is no place for it."""
    with FakeCluster() as fake:
        async with Cluster(fake.context) as client:
            assert [one.name for one in misplaced(await placed(fake, client, "a", "a"))] == ["media-2-x"]
            assert misplaced(await placed(fake, client, "a", "b")) == []
            assert misplaced(await placed(fake, client, "a")) == []
            sight = await placed(fake, client, "a", "a")
            assert [one.name for one in misplaced(await placed(fake, client, "a", "p"))] == ["media-2-x"]
            assert [one.name for one in misplaced(await placed(fake, client, "p", "p"))] == [
                "media-1-x",
                "media-2-x",
            ]
            assert misplaced(await placed(fake, client, "a", "elsewhere")) == []
            sight = await placed(fake, client, "a", "a")
            shut = {**sight.nodes, "b": Node("b", "1", True, None, True, {ROLE: "media"})}
            sight.nodes = shut
            assert misplaced(sight) == []


async def test_what_was_crowded_is_made_anew_and_waited_for() -> None:
    """Its deployment places it where there is room; the run begins when it is ready."""
    with FakeCluster() as fake:
        async with Cluster(fake.context) as client:
            sight = await placed(fake, client, "a", "a")
            spreading = asyncio.create_task(spread(sight))
            while "media-2-x" in fake.objects["pods"]:
                await asyncio.sleep(0.01)
            assert not spreading.done()
            fake.add("pods", pod("media-2-y", "media-2", "media", "b"))
            moved: list[Pod] = list(await spreading)
            assert [one.name for one in moved] == ["media-2-x"]
            assert await spread(sight) == []
