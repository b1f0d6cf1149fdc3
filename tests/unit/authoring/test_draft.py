from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chaos.authoring import discovery
from chaos.authoring.discovery import Seen
from chaos.authoring.draft import IN_CLUSTERS, SCHEMA, Wanted, drafted, offered, scalar, targets
from chaos.clients.prometheus import Prometheus
from chaos.errors import UsageError
from chaos.experiment import load, loads
from chaos.faults.specs import spec_types
from chaos.testing.prometheus import FakePrometheus

SHOP = Path(__file__).parents[3] / "experiments" / "services" / "slow-redis.yaml"
KNOWN = spec_types()


async def shop() -> Seen:
    """The shipped services."""
    return await discovery.of_document(load(SHOP, faults=KNOWN))


async def scraped() -> Seen:
    """What a Prometheus tells."""
    async with FakePrometheus({"up": [(1.0, 1.0)], "shop_orders_total": [(1.0, 5.0)]}) as fake:
        fake.jobs = [
            ("Shop Front!", "http://front.example:8080/metrics"),
            ("db", "https://db.example/metrics"),
        ]
        return await discovery.of_prometheus(fake.url)


@pytest.mark.parametrize("where", ["rooms", "shop", "scraped"])
async def test_every_fault_on_every_target_makes_a_valid_document(where: str) -> None:
    """Whatever is offered for what was found can be had; a control too."""
    seen = discovery.rooms() if where == "rooms" else await (shop() if where == "shop" else scraped())
    assert loads(drafted(seen, Wanted(), KNOWN), faults=KNOWN).experiment.faults == ()
    for entry in offered(seen, KNOWN):
        for target in targets(seen, KNOWN[entry.name]):
            text = drafted(seen, Wanted(fault=entry.name, target=target), KNOWN)
            (spec,) = loads(text, faults=KNOWN).experiment.faults
            assert spec.fault == entry.name
            assert target in (getattr(spec, "link", None), getattr(spec, "tier", None))
            assert entry.name not in IN_CLUSTERS


async def test_a_document_about_services_keeps_them_and_what_they_must_hold() -> None:
    """Tiers, links, load, rules and objectives are those of the document that describes them."""
    given_, made = (
        load(SHOP, faults=KNOWN).experiment,
        loads(
            drafted(await shop(), Wanted(fault="down", target="front-to-stock"), KNOWN), faults=KNOWN
        ).experiment,
    )
    assert made.system == given_.system
    assert made.load == given_.load
    assert made.objectives == given_.objectives
    assert made.timeline == given_.timeline
    assert made.faults[0].ends(made.timeline.faults) <= made.timeline.faults


async def test_what_is_found_is_what_is_there() -> None:
    """Links with both their ends, tiers with their addresses, metrics of rules, queries and the Prometheus."""
    seen = await shop()
    assert [(way.name, way.caller, way.called) for way in seen.links] == [
        ("load-to-front", "load", "front"),
        ("front-to-stock", "front", "stock"),
        ("stock-to-redis", "stock", "redis"),
    ]
    assert seen.tiers["redis"] == "127.0.0.1:18083"
    assert "front:errors:ratio" in seen.metrics
    told = await scraped()
    assert told.tiers == {"shop-front": "front.example:8080", "db": "db.example:443"}
    assert told.metrics == ("shop_orders_total", "up")
    assert "rooms:join_success:ratio" in discovery.rooms().metrics


async def test_a_prometheus_beside_the_rooms_adds_its_metrics() -> None:
    """`--prometheus`: those of both."""
    async with FakePrometheus({"mine": [(1.0, 1.0)]}) as fake:
        seen = await discovery.with_metrics_of(discovery.rooms(), fake.url)
    assert {"mine", "rooms:hearing:ratio"} <= set(seen.metrics)


TEXTS = st.text(max_size=40) | st.sampled_from(
    ["yes", "1", "a: b", "#", "- x", "'", '"', "{", "~", "null", " x "]
)


@settings(max_examples=40)
@given(title=TEXTS, question=TEXTS, query=TEXTS, expect=TEXTS, delay=TEXTS)
def test_whatever_is_typed_the_result_is_valid_or_refused(
    title: str, question: str, query: str, expect: str, delay: str
) -> None:
    """No text breaks out of its place: the document says exactly what was typed, or there is none."""
    wanted = Wanted(
        title=title, question=question, query=query, expect=expect,
        fault="latency", target="edge", settings={"delay": delay},
    )  # fmt: skip
    with suppress(UsageError):
        made = loads(drafted(discovery.rooms(), wanted, KNOWN), faults=KNOWN).experiment
        assert not title or made.title == title
        assert not question or made.question == question
        assert not query or [one.query for one in made.objectives] == [query]
        assert [spec.fault for spec in made.faults] == ["latency"]


@example("\x85")
@example("\u2028b")
@given(st.text(max_size=60))
def test_a_text_reads_back_as_itself(text: str) -> None:
    """As a plain word or in quotes, also within braces; what no document may hold is refused and not changed."""
    document = (
        f"version: 1\ntitle: {scalar('a' + text)}\ntimeline: {{baseline: 1s, faults: 1s}}\n"
        f"objectives: [{{name: {scalar('a' + text)}, command: [x]}}]\n"
    )
    with suppress(UsageError):
        made = loads(document, faults=KNOWN).experiment
        assert made.title == made.objectives[0].name == "a" + text


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Wanted(fault="latncy"), "did you mean `latency`"),
        (Wanted(fault="latency"), "one of edge, media-to-platform, platform-to-media"),
        (Wanted(fault="latency", target="bridge"), "got bridge"),
        (Wanted(fault="pod_kill", target="media"), "cannot have the fault `pod_kill`"),
        (Wanted(target="edge"), "no fault"),
        (Wanted(query="up"), "--expect"),
        (Wanted(expect="> 1"), "of what"),
        (Wanted(query="up", http="http://x/", expect="> 1"), "two objectives"),
        (Wanted(fault="latency", target="edge", settings={"dely": "1s"}), "did you mean `delay`"),
        (Wanted(fault="latency", target="edge", settings={"delay": "fast"}), "duration"),
    ],
)
def test_what_cannot_be_had_is_refused_with_what_can(wanted: Wanted, told: str) -> None:
    """No document, and the words that would do."""
    with pytest.raises(UsageError, match=told):
        drafted(discovery.rooms(), wanted, KNOWN)


def test_a_schema_around_is_named_for_the_editor(tmp_path: Path) -> None:
    """The nearest one above; none is made up."""
    assert not drafted(discovery.rooms(), Wanted(), KNOWN, folder=tmp_path).startswith("#")
    (tmp_path / SCHEMA).write_text("{}")
    (tmp_path / "a" / "b").mkdir(parents=True)
    text = drafted(discovery.rooms(), Wanted(), KNOWN, folder=tmp_path / "a" / "b")
    assert text.startswith(f"# yaml-language-server: $schema=../../{SCHEMA}\n")


async def test_a_prometheus_without_answer_says_so() -> None:
    """The client's own words; no half of a discovery."""
    from chaos.errors import ClientError

    async with FakePrometheus() as fake:
        fake.mood = "broken"
        with pytest.raises(ClientError, match="is this a Prometheus"):
            await discovery.of_prometheus(fake.url)
        fake.mood = "well"
        async with Prometheus(fake.url) as client:
            assert await client.metrics() == []
