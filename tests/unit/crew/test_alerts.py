from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chaos.crew.alerts import Alert, Board
from chaos.crew.runbook import Entry, Runbook

RUNBOOK = Runbook(
    entries=(
        Entry(name="slow", alerts=("Slow", "Stalled"), match={"link": "a"}, diagnosis="d", action="x"),
        Entry(name="down", alerts=("Down",), key="instance", diagnosis="d", action="y"),
    )
)
SLOW, STALLED = Alert("Slow", {"link": "a"}), Alert("Stalled", {"link": "a"})
DOWN_1, DOWN_2 = Alert("Down", {"instance": "m1", "tier": "t"}), Alert("Down", {"instance": "m2"})


def _told(board: Board, firing: list[Alert], now: float) -> list[tuple[str, bool]]:
    return [(change.incident, change.firing) for change in board.look(firing, now)]


def test_several_alerts_of_one_entry_are_one_incident() -> None:
    """Two alerts that the same entry covers open one incident, which stays until both are gone."""
    board = Board(RUNBOOK)
    assert _told(board, [SLOW, STALLED], 0.0) == [("slow", True)]
    assert _told(board, [STALLED], 1.0) == []
    assert _told(board, [], 2.0) == []
    assert _told(board, [], 3.0) == [("slow", False)]


def test_the_key_label_tells_incidents_apart() -> None:
    """Two instances down are two incidents, each with the labels of its alert."""
    changes = Board(RUNBOOK).look([DOWN_2, DOWN_1], 0.0)
    assert [(change.incident, dict(change.labels)) for change in changes] == [
        ("down m1", {"instance": "m1", "tier": "t"}),
        ("down m2", {"instance": "m2"}),
    ]


def test_what_the_runbook_does_not_know_changes_nothing() -> None:
    """An unknown alert, and one whose labels do not match, open nothing."""
    assert Board(RUNBOOK).look([Alert("Odd"), Alert("Slow", {"link": "b"}), Alert("Slow")], 0.0) == []


def test_an_alert_that_flickers_for_less_than_two_seconds_does_not_end() -> None:
    """A gap below two real seconds is no end; the incident neither ends nor begins again."""
    board = Board(RUNBOOK)
    assert _told(board, [DOWN_1], 0.0) == [("down m1", True)]
    assert _told(board, [], 1.0) == []
    assert _told(board, [DOWN_1], 1.9) == []
    assert _told(board, [], 3.8) == []
    assert _told(board, [], 4.0) == [("down m1", False)]
    assert _told(board, [DOWN_1], 5.0) == [("down m1", True)]


@given(st.lists(st.sets(st.sampled_from((0, 1, 2, 3))), max_size=30))
def test_every_incident_begins_and_ends_by_turns(looks: list[set[int]]) -> None:
    """Whatever fires when: an incident begins, ends, begins again, and all end when all is quiet."""
    board, alerts = Board(RUNBOOK), (SLOW, STALLED, DOWN_1, DOWN_2)
    open_: set[str] = set()
    for now, firing in enumerate([*looks, set(), set(), set()]):
        for change in board.look([alerts[n] for n in firing], float(now)):
            assert change.firing == (change.incident not in open_)
            open_ ^= {change.incident}
    assert not open_
