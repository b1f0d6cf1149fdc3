from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.record import Event, Record, read
from chaos.testing.clock import FakeClock

names = st.text(min_size=1, max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_events_are_on_disk_as_they_happen(tmp_path: Path) -> None:
    """Each event is a line of its own at once, readable while the record is still open."""
    record = Record(tmp_path / "events.jsonl")
    record.event("one", number=1)
    record.phase = "faults"
    record.event("two", text="é\n")
    found = list(read(tmp_path / "events.jsonl"))
    assert [(event.name, event.phase, event.fields) for event in found] == [
        ("one", "preflight", {"number": 1}),
        ("two", "faults", {"text": "é\n"}),
    ]
    record.close()


def test_secrets_never_reach_the_file_or_the_listeners(tmp_path: Path) -> None:
    """A secret is replaced wherever it stands, nested and inside longer texts."""
    heard: list[Event] = []
    record = Record(tmp_path / "events.jsonl", secrets=["s3cret"])
    record.hide("other")
    record.listen(heard.append)
    record.event("asked", url="http://x/?t=s3cret", nested={"list": ["other one", 5]}, plain="fine")
    record.close()
    text = (tmp_path / "events.jsonl").read_text()
    assert "s3cret" not in text
    assert "other" not in text
    assert heard[0].fields["nested"] == {"list": ["[redacted] one", 5]}


def test_a_cut_last_line_is_left_out(tmp_path: Path) -> None:
    """What a crash cut off is not guessed at."""
    record = Record(tmp_path / "events.jsonl")
    record.event("one")
    record.close()
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"event": "tw')
    assert [event.name for event in read(tmp_path / "events.jsonl")] == ["one"]


def test_the_record_is_the_user_s_alone(tmp_path: Path) -> None:
    """Nobody else may read what happened."""
    Record(tmp_path / "events.jsonl").close()
    assert (tmp_path / "events.jsonl").stat().st_mode & 0o077 == 0


@given(name=names, field=values)
def test_whatever_is_recorded_reads_back(tmp_path_factory: object, name: str, field: object) -> None:
    """Any plain data survives the file, one line per event."""
    assert hasattr(tmp_path_factory, "mktemp")
    path = tmp_path_factory.mktemp("record") / "events.jsonl"
    record = Record(path)
    record.event(name, field=field)  # type: ignore[arg-type]
    record.close()
    assert len(path.read_text(encoding="utf-8").split("\n")) == 2
    found = list(read(path))
    assert found[0].name == name
    assert found[0].fields["field"] == json.loads(json.dumps(field))


def test_a_record_that_is_there_goes_on_with_its_own_time(tmp_path: Path) -> None:
    """Whoever brings a dead run's record to its end tells its moments on the run's own clock."""
    clock = FakeClock()
    first = Record(tmp_path / "events.jsonl", clock=clock)
    first.event("run_started")
    first.close()
    later = FakeClock(monotonic=9_000.0, unix=clock.unix() + 42.0)
    second = Record(tmp_path / "events.jsonl", clock=later)
    assert second.event("run_ended").t == pytest.approx(42.0)
    second.close()
    assert [event.name for event in read(tmp_path / "events.jsonl")] == ["run_started", "run_ended"]
