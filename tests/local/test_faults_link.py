"""Each fault of a link on a real Toxiproxy server in front of a real service: in force, undone, gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chaos.clients.toxiproxy import Toxiproxy
from chaos.errors import PreflightError
from chaos.faults.base import Fault
from chaos.faults.link import effect, path
from chaos.faults.registry import registry
from chaos.testing.world import FakeWorld
from chaos.undo.steps import carry_out
from chaos.worlds.base import Link
from tests.local.faults_bench import Origin, connected, origin, toxiproxy, world

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def behind() -> Iterator[Origin]:
    """A service behind the link."""
    with origin() as found:
        yield found


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A Toxiproxy server for the tests of this module, which use it one after another."""
    with toxiproxy() as url:
        yield url


@pytest.fixture(autouse=True)
def confident(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of honest samples one in a hundred thousand is refused here, so that no test fails by the luck of the draw."""
    monkeypatch.setattr(effect, "CONFIDENCE", 0.99999)


def made(place: FakeWorld, fault: str, called: str = "RUN-f1", **parameters: Any) -> Fault[Any]:
    """A fault with these parameters on the link `bridge`."""
    kind = registry()[fault]
    spec = kind.spec_type.model_validate({"fault": fault, "link": "bridge", **parameters})
    return kind(spec, place, id=called, seed=7)


CASES: list[tuple[str, dict[str, Any]]] = [
    ("latency", {"delay": "150ms", "jitter": "50ms"}),
    ("latency", {"delay": "150ms", "direction": "upstream"}),
    ("latency", {"delay": "200ms", "toxicity": 0.3}),
    ("timeout", {}),
    ("timeout", {"after": "300ms", "direction": "upstream"}),
    ("timeout", {"toxicity": 0.3}),
    ("reset", {}),
    ("reset", {"after": "200ms", "direction": "upstream"}),
    ("reset", {"toxicity": "30%"}),
    ("down", {}),
    ("bandwidth", {"rate": "20KB/s"}),
    ("bandwidth", {"rate": "200KB/s", "direction": "upstream"}),
    ("bandwidth", {"rate": "20KB/s", "toxicity": 0.3}),
    ("slicer", {"average_size": "100B", "size_variation": "50B", "delay": "1ms"}),
    ("slicer", {"average_size": "64B"}),
    ("slicer", {"average_size": "100B", "delay": "5ms", "direction": "upstream"}),
    ("slicer", {"average_size": "100B", "delay": "5ms", "toxicity": 0.3}),
    ("limit_data", {"bytes": "100KB"}),
    ("limit_data", {"bytes": "5KB", "direction": "upstream"}),
    ("limit_data", {"bytes": "5KB", "toxicity": 0.3}),
]


@pytest.mark.parametrize(("name", "parameters"), CASES, ids=str)
async def test_in_force_then_gone(server: str, behind: Origin, name: str, parameters: dict[str, Any]) -> None:
    """A fault is not in force before its act, is seen in force after it, and is seen to be gone after its undo."""
    place = await world(server, behind)
    fault = made(place, name, **parameters)
    assert await fault.check() == ("bridge/bridge-1",)
    plan = await fault.plan()
    assert (await fault.observe(plan)).holds is False

    await fault.apply(plan)
    seen = await fault.observe(plan)
    assert seen.holds is True, seen.evidence
    assert (await fault.prove_gone(plan)).holds is False

    for step in reversed(plan.undo):
        assert (await carry_out(step)).holds is True
        assert (await carry_out(step)).holds is True
    gone = await fault.prove_gone(plan)
    assert gone.holds is True, gone.evidence
    assert (await Toxiproxy(server).proxy("bridge-1")).enabled
    assert await Toxiproxy(server).toxics("bridge-1") == {}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("latency", {"delay": "100ms", "direction": "upstream"}),
        ("bandwidth", {"rate": "20KB/s"}),
        ("limit_data", {"bytes": "5KB"}),
    ],
)
async def test_without_a_payload_path(
    server: str, behind: Origin, name: str, parameters: dict[str, Any]
) -> None:
    """Where a link offers only a health path, many small answers show the effect."""
    fault = made(await world(server, behind, payload=False), name, **parameters)
    plan = await fault.plan()
    await fault.apply(plan)
    seen = await fault.observe(plan)
    assert seen.holds is True, seen.evidence


@pytest.mark.parametrize("name", ["latency", "down"])
async def test_a_fault_undone_behind_its_back_is_not_in_force(server: str, behind: Origin, name: str) -> None:
    """When somebody else removes a fault, the observation says that it is not in force."""
    place = await world(server, behind)
    fault = made(place, name, **({"delay": "50ms"} if name == "latency" else {}))
    plan = await fault.plan()
    await fault.apply(plan)
    client = Toxiproxy(server)
    await client.remove_toxic("bridge-1", fault.id)
    await client.set_enabled("bridge-1", True)
    seen = await fault.observe(plan)
    assert seen.holds is False, seen.evidence


async def test_read_back_alone_is_not_enough(server: str, behind: Origin) -> None:
    """A toxic on the wrong path is at the server, but the probes show that nobody meets it."""
    place = await world(server, behind, proxies=2)
    fault = made(place, "latency", delay="100ms", select={"instance": "media-1"})
    plan = await fault.plan()
    await fault.apply(plan)
    proxies = place.links["bridge"].proxies
    crossed = Link("bridge", (replace(proxies[0], listen=proxies[1].listen), proxies[1]), "/healthz")
    place.link_list = (crossed,)
    seen = await fault.observe(plan)
    assert seen.holds is False
    assert "0 of 11 probes met it" in seen.evidence


async def test_a_wrong_share_is_caught(server: str, behind: Origin) -> None:
    """When the share of connections that meet a fault is not its toxicity, it does not count as in force."""
    place = await world(server, behind)
    fault = made(place, "reset", toxicity=0.3)
    other = made(place, "reset", "RUN-f2")
    plan = await fault.plan()
    await fault.apply(plan)
    await other.apply(await other.plan())
    seen = await fault.observe(plan)
    assert seen.holds is False
    assert "outside" in seen.evidence


async def test_a_callee_that_does_not_answer_leaves_it_open(server: str) -> None:
    """Where the callee does not answer directly either, nothing can be said about the fault."""
    with origin() as behind:
        place = await world(server, behind)
        fault = made(place, "latency", delay="50ms")
        plan = await fault.plan()
        await fault.apply(plan)
    seen = await fault.observe(plan)
    assert seen.holds is None
    assert "does not answer directly" in seen.evidence


async def test_of_several_callees_a_dead_one_hides_only_itself(server: str) -> None:
    """The server has the toxic on both proxies; where a callee is dead it is not measured, and the other one tells.

    When that one dies as well, nothing is measured anywhere, and nothing can be said about the fault.
    """
    with origin() as dead, origin() as alive:
        place = await world(server, alive, proxies=2)
        first, second = place.link_list[0].proxies
        await Toxiproxy(server).delete_proxy(second.name)
        state = await Toxiproxy(server).create_proxy(second.name, second.listen, dead.address)
        place.link_list = (
            replace(place.link_list[0], proxies=(first, replace(second, upstream=state.upstream))),
        )
        fault = made(place, "latency", delay="100ms")
        plan = await fault.plan()
        await fault.apply(plan)
        assert (await fault.observe(plan)).holds is True
        dead.process.kill()
        dead.process.wait(10)
        seen = await fault.observe(plan)
        assert seen.holds is True, seen.evidence
        assert "not measured, for platform does not answer directly" in seen.evidence
    seen = await fault.observe(plan)
    assert seen.holds is None
    assert "it could be measured nowhere" in seen.evidence


async def test_a_dead_server_took_its_toxics_along(behind: Origin) -> None:
    """A Toxiproxy that died is no fault in force, and its undo has nothing left to do."""
    with toxiproxy() as url:
        fault = made(await world(url, behind), "latency", delay="50ms")
        plan = await fault.plan()
        await fault.apply(plan)
    assert (await fault.observe(plan)).holds is False
    assert (await carry_out(plan.undo[0])).holds is True
    assert (await fault.prove_gone(plan)).holds is True


async def test_two_faults_on_one_proxy(server: str, behind: Origin) -> None:
    """The end of a latency does not open a proxy that `down` holds shut, and the end of `down` does."""
    place = await world(server, behind)
    slow, down = made(place, "latency", delay="50ms"), made(place, "down", "RUN-f2")
    slow_plan = await slow.plan()
    await slow.apply(slow_plan)
    down_plan = await down.plan()
    await down.apply(down_plan)
    await carry_out(slow_plan.undo[0])
    seen = await down.observe(down_plan)
    assert seen.holds is True, seen.evidence
    await carry_out(down_plan.undo[0])
    gone = await down.prove_gone(down_plan)
    assert gone.holds is True, gone.evidence


async def test_an_undo_cut_off_in_the_middle_is_finished(server: str, behind: Origin) -> None:
    """A removal that died between shutting the proxy and opening it again is finished by carrying out the step
    again.
    """
    place = await world(server, behind)
    fault = made(place, "timeout")
    plan = await fault.plan()
    await fault.apply(plan)
    client = Toxiproxy(server)
    await client.set_enabled("bridge-1", False)
    await carry_out(plan.undo[0])
    assert (await client.proxy("bridge-1")).enabled
    await client.set_enabled("bridge-1", False)
    await carry_out(plan.undo[0])
    assert (await client.proxy("bridge-1")).enabled


async def test_select_takes_only_the_chosen_proxies(server: str, behind: Origin) -> None:
    """`select` hurts the proxies of the chosen instance and no other."""
    fault = made(
        await world(server, behind, proxies=3), "latency", delay="50ms", select={"instance": "media-2"}
    )
    plan = await fault.plan()
    await fault.apply(plan)
    toxics = [len(await Toxiproxy(server).toxics(f"bridge-{number}")) for number in (1, 2, 3)]
    assert plan.targets == ("bridge/bridge-2",)
    assert toxics == [0, 1, 0]


async def test_preflight_refuses_what_is_not_there(server: str, behind: Origin) -> None:
    """A shut proxy, an unknown link and a proxy that is gone are refused before anything is touched."""
    place = await world(server, behind)
    fault = made(place, "latency", delay="50ms")
    client = Toxiproxy(server)
    await client.set_enabled("bridge-1", False)
    with pytest.raises(PreflightError, match="is shut"):
        await fault.check()
    await client.delete_proxy("bridge-1")
    with pytest.raises(PreflightError, match="does not have"):
        await fault.check()
    place.link_list = ()
    with pytest.raises(PreflightError, match="no link `bridge`"):
        await fault.check()


async def test_path_through_the_link(server: str, behind: Origin) -> None:
    """A caller whose sockets lead to the link and not around it proves the path; one around it disproves it."""
    place = await world(server, behind)
    fault = made(place, "latency", delay="50ms")
    proxy = place.links["bridge"].proxies[0]
    with connected(proxy.listen):
        through = await fault.prove_path()
        with connected(proxy.upstream):
            around = await fault.prove_path()
    assert through.holds is True, through.evidence
    assert around.holds is False
    assert "around the link" in around.evidence


async def test_no_connection_proves_no_path(server: str, behind: Origin) -> None:
    """A caller without any connection to the link proves nothing."""
    place = await world(server, behind)
    proof = await path.prove(place, place.links["bridge"].proxies, within=0.3)
    assert proof.holds is None
    assert "no connections" in proof.evidence
