import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.experiment.checks import check, reach
from tests.unit.experiment.documents import OWN_SERVICES, changed, loaded, one_problem, problems

QUERY = """\
    query: rooms:join_success:ratio{room="townhall"}
    expect: ">= 0.9"
    may_break_for: 2m
"""
SOURCES = "exactly one of query, survives, http, command, python"
CREW = "crew:\n  headcount: 2\n  runbooks: runbooks.yaml\n"


@pytest.mark.parametrize(
    ("old", "new", "path", "expected", "suggestion"),
    [
        # what an objective must say
        (QUERY, '    expect: ">= 0.9"\n', "objectives[0]", SOURCES, ""),
        (QUERY, QUERY + "    python: a:b\n", "objectives[0]", SOURCES, ""),
        ('    expect: ">= 0.9"\n', "", "objectives[0]", 'a key expect, such as ">= 0.9"', ""),
        ("name: the room survives,", "name: joins succeed,", "objectives[1].name", "a name of its own", ""),
        ("survives: townhall}", "survives: townhal}", "objectives[1].survives", "townhall", "townhall"),
        ("survives: townhall}", "survives: townhall, may_break_for: 1m}", "objectives[1].may_break_for",
         "limits in `rooms: {survival: ...}`", ""),
        ("may_break_for: 2m", "may_break_for: 2m\n    may_break_in_all: 1m", "objectives[0].may_break_in_all",
         "at least 2m, as may_break_for", ""),
        ("may_break_for: 2m", "during: [faults, faults]", "objectives[0].during[1]", "each phase once", ""),
        (", after: 3m}", ", after: 0}\ntags: [x]", "", "", ""),
        ("headcount: 2", "headcount: 2\n  alerts: webhook", "crew.alerts", "`prometheus`", ""),
        # what a fault may hit, and when
        ("link: media-to-platform", "link: media-to-plattform", "faults[0].link",
         "one of edge, media-to-platform, platform-to-media", "media-to-platform"),
        ("tier: media", "tier: medai", "faults[1].tier", "one of platform, media, audience", "media"),
        ("select: {room: townhall}", "select: {room: twnhall}", "faults[1].select.room", "townhall", "townhall"),
        ("until: repaired, at_most: 10m", "at_most: 10m", "faults[0].at_most",
         "`until: repaired` beside it, or `lasts` in its place", ""),
        ("until: repaired, at_most: 10m", "until: repaired, lasts: 10m", "faults[0].lasts",
         "one of `lasts` and `until`", ""),
        ("at: 4m, lasts: 4m", "at: 12m", "faults[1].at", "less than 12m", ""),
        ("at: 4m, lasts: 4m", "at: 4m, lasts: 481s", "faults[1].lasts", "at most 8m, when timeline.faults ends", ""),
        ("at: 4m, lasts: 4m", "at: 4m, lasts: 8m", "", "", ""),
        ("at_most: 10m", "at_most: 11m1s", "faults[0].at_most", "at most 11m, when timeline.faults ends", ""),
        ("at: 4m, lasts: 4m", "name: slow, at: 4m", "faults[1].name", "a name of its own", ""),
        (CREW, "", "faults[0].until", "a section `crew`, or `lasts`", ""),
        ("crew:\n", "system: {tiers: {a: {address: 'h:1'}}}\ncrew:\n", "system", "one of `rooms` and `system`", ""),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_one_problem(
    old: str, new: str, path: str, expected: str, suggestion: str
) -> None:
    """Each thing that contradicts another is told once, at its place; and what fits is accepted."""
    if not path:
        assert problems(changed(old, new)) == []
        return
    found = one_problem(old, new)
    assert (found.path, found.expected, found.suggestion) == (path, expected, suggestion)
    assert found.line > 0


@pytest.mark.parametrize(
    ("old", "new", "path", "suggestion"),
    [
        ("link: api-to-db", "link: api-to-bd", "faults[0].link", "api-to-db"),
        ("link: api-to-db", "link: edge", "faults[0].link", ""),
        ("{from: api, to: db}", "{from: aip, to: db}", "system.links.api-to-db.from", "api"),
        ("{from: api, to: db}", "{from: db, to: api}", "system.links.api-to-db.to", ""),
        ('db: {address: "127.0.0.1:5432"}', 'db: {ready: "http://127.0.0.1:1"}', "system.tiers.db", ""),
        ('http: {url: "http://127.0.0.1:8000/"}', "survives: townhall", "objectives[0].survives", ""),
    ],
)
def test_services_of_ones_own_are_checked_the_same(old: str, new: str, path: str, suggestion: str) -> None:
    """Links and tiers of `system` are the valid words there, and rooms are not."""
    found = [one for one in problems(changed(old, new, OWN_SERVICES)) if one.path == path]
    assert [one.suggestion for one in found] == [suggestion]


IN_A_CLUSTER = """\
version: 1
title: Slow stock
world: kubernetes
timeline: {warm_up: 1s, baseline: 2s, faults: 10s}
system:
  tiers:
    front: {}
    stock: {ready: "http://stock/"}
  links: {front-to-stock: {from: front, to: stock}}
prometheus: {url: none}
objectives: [{name: it answers, http: {url: "kubernetes://c/shop/services/front:80/"}}]
faults: [{fault: latency, link: front-to-stock, delay: 300ms, at: 1s, lasts: 5s}]
"""


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("front: {}", "front: {command: [x]}", "system.tiers.front.command"),
        ("front: {}", 'front: {address: "front:80"}', "system.tiers.front.address"),
        ("front: {}", "front: {env: {A: b}}", "system.tiers.front.env"),
        ("{from: front,", "{from: load,", "system.links.front-to-stock.from"),
        ("prometheus: {url: none}\n", "", "system"),
        ("  links:", "  rules: [alerts.yaml]\n  links:", "system.rules"),
        ("world: kubernetes", "world: local", "system.tiers.front"),
    ],
)
def test_in_a_cluster_a_system_is_what_runs_there(old: str, new: str, path: str) -> None:
    """What only the local world does is refused with its place; and the local world takes no tier that is nowhere."""
    assert problems(IN_A_CLUSTER) == []
    assert path in [one.path for one in problems(changed(old, new, IN_A_CLUSTER))]


def test_a_document_without_a_system_has_no_links() -> None:
    """A fault on a link needs something that has links."""
    text = OWN_SERVICES[: OWN_SERVICES.index("system:")] + OWN_SERVICES[OWN_SERVICES.index("load:") :]
    assert [(one.path, one.expected) for one in problems(text)] == [
        ("faults[0].link", "a section `rooms`, or `system` with links")
    ]


def test_contradictions_are_told_beside_malformed_values() -> None:
    """A misspelt key does not hide an unknown link or a fault that is too late."""
    text = changed("delay: 900ms, at: 1m", "dely: 900ms, at: 13m")
    text = changed("link: media-to-platform", "link: edg", text)
    assert [one.path for one in problems(text)] == ["faults[0].link", "faults[0].dely", "faults[0].at"]


@pytest.mark.parametrize(
    ("scale", "crew", "warned"),
    [
        ("12", "", False),
        ("17", "", False),
        ("18", "", True),
        ("60", "", True),
        ("1", "  attending: true\n", False),
        ("2", "  attending: true\n", True),
        ("18", "  people: {acknowledge: {median: 10m}}\n", False),
        ("12", "  people: {acknowledge: {median: 1m}}\n", True),
        ("60", "  people: {}\n", True),
    ],
)
def test_compression_that_distorts_detection_is_pointed_out(scale: str, crew: str, warned: bool) -> None:
    """Detection of more than 20 % of the median acknowledgement is a warning, and the document is accepted."""
    text = changed("time_scale: 12", f"time_scale: {scale}") + crew
    warnings = loaded(text).warnings
    assert [(one.line, one.path) for one in warnings] == ([(5, "time_scale")] if warned else [])
    assert all("detection takes" in one.message for one in warnings)


def test_without_people_no_compression_is_pointed_out() -> None:
    """Nobody on call: nothing to distort."""
    assert (
        loaded(changed("headcount: 2", "headcount: 0").replace("time_scale: 12", "time_scale: 60")).warnings
        == ()
    )


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("up", 0),
        ("rate(x[30s])", 30),
        ("rate(x[1m30s]) + rate(y[5s])", 90),
        ("max_over_time(x[5m:1s])", 300),
        ("x offset 1h", 3600),
        ("increase(x[500ms])", 0.5),
        ('x{a="[5m]"}', 0),
        ("x{a='b offset 5m'}", 0),
        ("x[", 0),
        ("x[5]", 0),
        ("x[" + "9" * 1000 + "s]", None),
    ],
)
def test_the_reach_of_a_query_is_its_longest_range(query: str, seconds: float | None) -> None:
    """Ranges, subqueries and offsets count; what stands in quotes does not."""
    assert reach(query) == seconds if seconds is not None else reach(query) > 1e9


def test_a_range_that_reaches_back_before_its_phase_is_pointed_out() -> None:
    """Each phase whose predecessor is not judged is named; the document is accepted."""
    text = changed('query: rooms:join_success:ratio{room="townhall"}', "query: rate(x[30s])")
    assert [(one.line, one.path) for one in loaded(text).warnings] == [(14, "objectives[0].query")]
    text = changed("    may_break_for: 2m", "    during: [baseline, faults, after]", text)
    told = [one.message for one in loaded(text).warnings]
    assert ["baseline" in told[0], "after" in told[1], len(told)] == [True, True, 2]
    text = changed("during: [baseline, faults, after]", "during: [warm_up, baseline]", text)
    assert "warm_up" in loaded(text).warnings[0].message


def test_a_phase_without_length_cannot_be_judged() -> None:
    """Naming a phase of no length is a problem; leaving `during` out passes over it."""
    text = changed(", after: 3m}", "}")
    assert problems(text) == []
    text = changed("may_break_for: 2m", "during: [baseline, after]", text)
    assert [(one.path, one.expected) for one in problems(text)] == [
        ("objectives[0].during[1]", "a length in timeline.after")
    ]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats()
    | st.sampled_from(["1m", "repaired", "edge", "up[5s]", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["timeline", "faults", "objectives", "rooms", "system", "crew", "at", "lasts", "until", "link", "links",
                 "tiers", "query", "during", "name", "audience", "room", "select", "time_scale", "people", "survives"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)  # fmt: skip


@given(PLAIN)
def test_checks_pass_over_what_is_malformed(document: object) -> None:
    """Whatever values a document has, checks find contradictions or nothing; they never break."""
    for finding in check(document):
        assert finding.message
        assert finding.path
