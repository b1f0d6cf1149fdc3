from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chaos.undo.watch import Decision, Sight, Watch


def look(watch: Watch, at: float, **seen: object) -> Decision:
    """A look at a run that is well unless told otherwise, by a monotonic clock; unix time is 1000 s ahead."""
    sight = Sight(**{"alive": True, "beat": 0.0, "closed": False, **seen})  # type: ignore[arg-type]
    return watch.look(sight, monotonic=at, unix=at + 1000)


def test_a_run_that_beats_is_left_alone() -> None:
    """However long it goes on, as long as its leases do."""
    watch = Watch(silence=5)
    assert {look(watch, float(t), beat=float(t), leases=[1e9]) for t in range(1000)} == {Decision.WAIT}


def test_a_run_that_is_gone_is_recovered_at_once() -> None:
    """No patience for a process that is not there."""
    watch = Watch(silence=5)
    assert look(watch, 0.0) is Decision.WAIT
    assert look(watch, 0.1, alive=False) is Decision.RECOVER
    assert "gone" in watch.because


def test_a_run_that_stands_still_is_ended() -> None:
    """The same heartbeat for as long as the patience lasts."""
    watch = Watch(silence=5)
    found = [look(watch, t / 2, beat=7.0) for t in range(11)]
    assert found == [Decision.WAIT] * 10 + [Decision.END]
    assert "heartbeat" in watch.because


def test_a_run_that_outlives_a_lease_is_ended_although_it_beats() -> None:
    """Unix time decides about leases."""
    watch = Watch(silence=5)
    assert look(watch, 1.0, beat=1.0, leases=[1002.0, 9999.0]) is Decision.WAIT
    assert look(watch, 2.5, beat=2.5, leases=[1002.0, 9999.0]) is Decision.END


def test_a_closed_journal_needs_no_guardian() -> None:
    """Whatever else is seen of its run."""
    assert look(Watch(), 0.0, alive=False, closed=True, leases=[0.0]) is Decision.LEAVE


@given(
    st.lists(st.tuples(st.floats(0.01, 3.0), st.booleans()), min_size=1, max_size=60),
    st.floats(1.0, 10.0),
)
def test_silence_is_counted_from_the_last_heartbeat(steps: list[tuple[float, bool]], patience: float) -> None:
    """A run is ended at the first look that comes `silence` after its last heartbeat, and never before."""
    watch, now, beat, heard = Watch(silence=patience), 0.0, 0, 0.0
    look(watch, now, beat=float(beat))
    for step, beats in steps:
        now += step
        if beats:
            beat, heard = beat + 1, now
        ended = look(watch, now, beat=float(beat)) is Decision.END
        assert ended == (now - heard >= patience)
        if ended:
            return
