from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from chaos.crew.runbook import Entry, Runbook, load_runbook, stable_key
from chaos.errors import DocumentError

SHIPPED = Path(__file__).parents[3] / "experiments" / "crew" / "runbooks.yaml"


def _problems(path: Path, text: str, actions: tuple[str, ...] | None = None) -> list[str]:
    path.write_text(text)
    with pytest.raises(DocumentError) as error:
        load_runbook(path, actions=actions)
    return [str(problem).removeprefix(str(path)) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("alert", "labels", "kind", "incident", "action"),
    [
        ("BridgeSlow", {"link": "media-to-platform"}, "bridge-media-to-platform", "", "fail_over_bridge"),
        ("BridgeStalled", {"link": "platform-to-media"}, "bridge-platform-to-media", "", "fail_over_bridge"),
        ("TokensOverloaded", {"tier": "platform"}, "tokens-overloaded", "", "bypass_tokens"),
        ("AnnouncementsBacklog", {}, "announcements-backlog", "", "shed_announcements"),
        ("MediaSaturated", {"instance": "media-1"}, "media-saturated", " media-1", "scale_out_media"),
        ("InstanceDown", {"instance": "media-2"}, "instance-down", " media-2", "restart_process"),
        ("NodeDown", {"node": "node-2"}, "node-down", " node-2", "bring_node_back"),
        ("RoomGone", {"room": "townhall"}, "room-gone", " townhall", "reopen_room"),
        ("RoomEnded", {"room": "townhall"}, "room-ended", " townhall", "relaunch_room"),
    ],
)
def test_the_shipped_runbook_knows_each_alert(
    alert: str, labels: dict[str, str], kind: str, incident: str, action: str
) -> None:
    """Every paging alert of the rooms leads to its entry, its incident and its action."""
    runbook = load_runbook(SHIPPED)
    number = runbook.kind_of(alert, labels)
    assert number is not None
    entry = runbook.entries[number]
    assert (entry.name, entry.incident(labels), entry.action) == (kind, kind + incident, action)


def test_the_shipped_runbook_does_not_know_symptoms_nor_a_providers_fix() -> None:
    """`JoinsFailing` is a symptom without an entry; `clear_link` is in no headline runbook."""
    runbook = load_runbook(SHIPPED)
    assert runbook.kind_of("JoinsFailing", {"room": "townhall"}) is None
    assert "clear_link" not in {entry.action for entry in runbook.entries}


def test_a_shipped_confusion_leads_to_another_action() -> None:
    """No entry is confused with one of the same action: a wrong diagnosis does something else."""
    runbook = load_runbook(SHIPPED)
    for entry in runbook.entries:
        assert entry.confused_with
        for other in entry.confused_with:
            assert runbook.entries[runbook.index(other)].action != entry.action


def test_every_slip_is_told_at_once_with_its_place_and_the_nearest_word(tmp_path: Path) -> None:
    """Unknown confusions, unknown actions, twice the same name and an alert with two meanings, all in one error."""
    text = (
        "entries:\n"
        "  - {name: one, alerts: [Slow], diagnosis: d, action: reopen_rom, confused_with: [tvo, one]}\n"
        "  - {name: two, alerts: [Slow], diagnosis: d, action: restart}\n"
        "  - {name: two, alerts: [Gone], match: {link: a}, diagnosis: d, action: restart}\n"
        "  - {name: four, alerts: [Gone], match: {link: b}, diagnosis: d, action: restart}\n"
    )
    told = _problems(tmp_path / "r.yaml", text, ("reopen_room", "restart"))
    wanted = [
        (":2:55: entries[0].action: unknown action", "did you mean `reopen_room`?"),
        (":2:83: entries[0].confused_with[0]: no entry has this name", "did you mean `two`?"),
        (":2:88: entries[0].confused_with[1]: nothing is confused with itself", "expected one of two, four"),
        (":3:26: entries[1].alerts[0]: means one already", "expected `match` that tells the two apart"),
        (":4:12: entries[2].name: is the name of another entry too", "expected a name of its own"),
    ]
    assert len(told) == len(wanted)
    for line, (begin, end) in zip(told, wanted, strict=True):
        assert line.startswith(begin)
        assert line.endswith(end)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("entries: []\n", "entries: "),
        ("entries: 3\n", "entries: "),
        ("- 1\n", "mapping"),
        ("entries:\n  - {name: a, alarms: [X], diagnosis: d, action: b}\n", "did you mean `alerts`?"),
        ("entries:\n  - {name: a, name: b, alerts: [X], diagnosis: d, action: b}\n", "is written twice"),
        ("entries:\n  - {name: A B, alerts: [X], diagnosis: d, action: b}\n", "entries[0].name"),
    ],
)
def test_a_wrong_file_is_refused_with_words(tmp_path: Path, text: str, said: str) -> None:
    """Nothing that is no runbook is taken for one, and nothing ends in a traceback of another kind."""
    assert any(said in line for line in _problems(tmp_path / "r.yaml", text))


def test_a_runbook_made_in_code_is_checked_too() -> None:
    """An unknown confusion is refused by the model itself."""
    with pytest.raises(ValidationError, match="no entry has this name"):
        Runbook(entries=(Entry(name="a", alerts=("X",), diagnosis="d", action="b", confused_with=("c",)),))


def test_stable_keys_are_stable_and_differ() -> None:
    """A name has the same key in every run and on every machine (one is pinned), and names do not collide."""
    assert stable_key("instance-down media-1") == 0xC45148D7
    names = [f"{entry.name} media-{n}" for entry in load_runbook(SHIPPED).entries for n in range(100)]
    assert len({stable_key(name) for name in names}) == len(names)
