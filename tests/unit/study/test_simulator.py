from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.errors import UsageError
from chaos.experiment import load
from chaos.faults.specs import spec_types
from chaos.study import compiling, driver
from chaos.study.durations import Durations
from chaos.study.evenings import STAGES
from chaos.study.loading import load_study
from chaos.study.replay import replay
from chaos.study.simulator import simulate
from chaos.study.validation import fitted
from tests.unit.study.cells import EXPERIMENTS, NO_FAULTS, SIX, figures, launch, played, runbook, table
from tests.unit.study.figures import FILE, Figures
from tests.unit.study.standin import SHIPPED

pytestmark = pytest.mark.usefixtures("compiled")

ODD = (
    "time_scale=20",
    "rooms.profile=hardened",
    "faults[0]={fault: timeout, link: media-to-platform, at: 1m, lasts: 3m}",
    "faults[2]={fault: node_loss, tier: media, select: {room: launch}, at: 5m, until: repaired}",
)
"""A room that is lost with its instance, behind a bridge that carries nothing for a while."""


@pytest.mark.parametrize("overrides", [SIX, ("crew.headcount=3",), (*SIX, *ODD)], ids=["six", "three", "odd"])
def test_plain_and_compiled_are_equal_to_the_byte(overrides: tuple[str, ...]) -> None:
    """The same trials give the same bytes from the plain source and from the compiled one."""
    plain, compiled = table(*overrides), table(*overrides, compiled=True)
    assert plain.evening.out.tobytes() == compiled.evening.out.tobytes()
    assert plain.evening.bits.tobytes() == compiled.evening.bits.tobytes()
    assert figures(plain, 12).tobytes() == figures(compiled, 12).tobytes()


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.sampled_from((1, 8, 60, 400)),
    st.sampled_from(("1", "1/1000")),
    st.sampled_from(("as-found", "hardened")),
    st.dictionaries(
        st.sampled_from(("token_cache", "breaker", "bulkhead", "admission", "deadlines")), st.booleans()
    ),
    st.sampled_from(("20%", "60%")),
    st.sampled_from(("burst", "launch")),
    st.sampled_from(("latency, delay: 2500ms", "down", "timeout, toxicity: 50%", "bandwidth, rate: 1KB/s")),
    st.integers(0, 9),
)
def test_any_room_is_the_same_plain_and_compiled(
    scale: int,
    size: str,
    profile: str,
    knobs: dict[str, bool],
    capacity: str,
    shape: str,
    fault: str,
    people: int,
) -> None:
    """Whatever the knobs, faults and scales, compiled code keeps its bounds: it has the bytes of the plain source."""
    told = ", ".join(f"{name}: {str(on).lower()}" for name, on in sorted(knobs.items()))
    overrides: tuple[str, ...] = (
        f"time_scale={scale}", f"rooms.scale={size}", f"rooms.profile={profile}", f"rooms.knobs={{{told}}}",
        f"rooms.capacity={{platform: {capacity}, media: {capacity}}}", f"rooms.audience[0].shape={shape}",
        f"faults[0]={{fault: {fault}, link: media-to-platform, at: 1m, until: repaired}}",
        f"crew.headcount={people}", "crew.attending=true",
    )  # fmt: skip
    if "down" in fault:
        overrides = (*overrides, "faults[2].select={room: launch}")
    plain, compiled = table(*overrides), table(*overrides, compiled=True)
    assert plain.evening.out.tobytes() == compiled.evening.out.tobytes()
    assert figures(plain, 2).tobytes() == figures(compiled, 2).tobytes()
    assert 0.0 <= plain.evening.out[driver.OUT_JOINED] <= 1.0


@pytest.mark.parametrize("overrides", [SIX, (*SIX, *ODD)], ids=["six", "odd"])
def test_a_trial_goes_its_own_way_as_if_it_had_been_alone(overrides: tuple[str, ...]) -> None:
    """Trials that part from the shared evening at their first repair end as those that never shared it."""
    shared, alone = table(*overrides), table(*overrides)
    # No conditions are those of the shared evening: every trial parts at the first fault.
    alone.evening = alone.evening._replace(c=np.full_like(alone.evening.c, np.nan))
    assert figures(alone, 8).tobytes() == figures(shared, 8).tobytes()


def test_cells_that_differ_in_their_crew_alone_share_the_evening_without_one() -> None:
    """Whatever else differs, who bears silence for longer too, has an evening of its own."""
    two, six, patient = (
        table(*SIX, "crew.headcount=2"),
        table(*SIX),
        table(*SIX, "rooms.survival.may_break_for=3m"),
    )
    assert two.evening is six.evening
    assert patient.evening is not six.evening


def test_any_number_of_workers_gives_the_same_bytes() -> None:
    """One worker and two, and the same trials asked for in two parts."""
    one, two = (played(*SIX, trials=1200, workers=workers) for workers in (1, 2))
    parts = [played(*SIX, trials=600, first=first) for first in (1001, 1601)]
    for name in ("lost_at", "lost_listener_minutes", "joined", "repaired_at"):
        whole = getattr(one, name).tobytes()
        assert whole == getattr(two, name).tobytes()
        assert whole == b"".join(getattr(part, name).tobytes() for part in parts)
    assert one.events == two.events == sum(part.events for part in parts)


def test_a_seed_is_the_upper_half_of_a_live_seed() -> None:
    """With `seed` S, trial k has the draws of a live run with the seed S * 2**32 + first + k."""
    experiment, book = launch(*SIX).experiment, runbook()
    named = simulate(experiment, runbook=book, first=5, trials=20, seed=3)
    whole = simulate(experiment, runbook=book, first=3 * 2**32 + 5, trials=20)
    other = simulate(experiment, runbook=book, first=5, trials=20)
    assert named.repaired_at.tobytes() == whole.repaired_at.tobytes() != other.repaired_at.tobytes()


def test_seeds_that_no_live_run_has_are_refused() -> None:
    """A stream beyond the last seed would wrap around to another one."""
    with pytest.raises(UsageError, match="no seeds of live runs"):
        simulate(launch(*SIX).experiment, runbook=runbook(), first=1, trials=1, seed=2**31)


def test_the_controls() -> None:
    """Without faults and with the capacity of before every room survives; with repairs that do nothing, none."""
    calm, idle, nobody = (
        played(*SIX, *NO_FAULTS),
        played(*SIX, "crew.repairs=false"),
        played("crew.headcount=0"),
    )
    assert calm.survived.all()
    assert np.all(calm.joined == 1.0)
    assert not idle.survived.any()
    assert np.isinf(idle.repaired_at).all()
    assert idle.events > 0
    assert np.unique(idle.lost_at).size == 1
    assert nobody.lost_at[0] == idle.lost_at[0]
    assert nobody.lost_listener_minutes[0] == idle.lost_listener_minutes[0]


def test_people_by_the_room_keep_what_people_on_call_lose() -> None:
    """The two crews of the headline differ in the simulator in the direction in which they did live."""
    on_call, by_the_room = played("crew.headcount=2"), played(*SIX)
    assert on_call.survived.mean() < 0.1
    assert 0.5 < by_the_room.survived.mean() < 0.95
    kept = by_the_room.survived
    assert by_the_room.joined[kept].min() >= 0.9
    assert np.median(by_the_room.lost_listener_minutes[kept]) < np.median(on_call.lost_listener_minutes) / 10
    assert by_the_room.repaired_at[kept].max() < np.inf


def test_halving_the_step_changes_little() -> None:
    """The error of the step: the evening without a crew is lost within 5 s of where half the step loses it, with lost
    listener-minutes within 1 %, and nine of ten trials have their fate.
    """
    coarse, fine = (table(*SIX, step=step, compiled=True) for step in (1.0, 0.5))
    one, two = coarse.evening.out, fine.evening.out
    assert abs(one[driver.OUT_LOST_AT] - two[driver.OUT_LOST_AT]) <= 5
    assert one[driver.OUT_LOST] == pytest.approx(two[driver.OUT_LOST], rel=0.01)
    fates = [np.isinf(figures(each, 200)[:, driver.OUT_LOST_AT]) for each in (coarse, fine)]
    assert (fates[0] == fates[1]).mean() >= 0.95


def test_headcount_does_nothing_to_one_incident_that_anybody_can_answer() -> None:
    """The null test: one incident, all available, all skilled, no wrong diagnosis, no helping: a flat curve from one
    person on.
    """
    flat = (
        *NO_FAULTS[1:],
        "faults=[{fault: node_loss, tier: media, select: {instance: media-2}, at: 1m, until: repaired}]",
        "crew.mechanisms={availability: false, coverage: false, helping: false}",
        "crew.people={mistriage: 0}",
    )
    curves = [played(*flat, f"crew.headcount={people}") for people in (1, 2, 5, 10)]
    assert np.isfinite(curves[0].repaired_at).mean() > 0.5
    for curve in curves[1:]:
        assert curve.repaired_at.tobytes() == curves[0].repaired_at.tobytes()


def test_more_people_answer_more_incidents() -> None:
    """With incidents that overlap, the same crew is faster with more people: the null test can fail."""
    slow, fast = (played(f"crew.headcount={people}", "crew.attending=true") for people in (1, 6))
    assert fast.survived.mean() > slow.survived.mean() + 0.3


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("faults[0]={fault: slicer, link: edge, average_size: 10B, at: 1m}",), "no model of the fault `slicer`"),
        (("faults[2]={fault: node_loss, tier: media, at: 1m}",), "draws no targets"),
        (("rooms.audience=[{room: a, listeners: 5, join_over: 5m}, {room: launch, listeners: 5, join_over: 5m}]",),
         "plays one room"),
    ],
)  # fmt: skip
def test_what_has_no_model_is_refused(overrides: tuple[str, ...], message: str) -> None:
    """An experiment that the simulator cannot play is refused with the reason, and is not played as something else."""
    with pytest.raises(UsageError, match=message):
        played(*overrides, trials=1)


def test_a_crew_needs_its_runbook() -> None:
    """Left out, it is asked for."""
    with pytest.raises(UsageError, match="runbook"):
        simulate(launch().experiment, first=1, trials=1)


def test_without_numba_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulating without the extra is refused with the command that installs it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"standby-chaos\[sim\]"):
        compiling.twin(driver)


def test_the_package_imports_without_numba() -> None:
    """Nothing of the study imports numba before something is simulated."""
    code = "import sys; sys.modules['numba'] = None; import chaos.study.simulator, chaos.study.shop"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_cached_code_is_of_these_very_sources() -> None:
    """The name in the types of an entry changes with every byte of every source that is compiled into it."""
    sources = {name: compiling._source(name) for name in compiling.SOURCES}
    assert compiling.digest(sources) == compiling.stamp()
    for name, source in sources.items():
        assert compiling.digest({**sources, name: source + b"\n"}) != compiling.stamp()
    dtype = table().evening.cells.dtype
    assert dtype.names is not None
    assert compiling.stamp() in dtype.names


def test_real_durations_grow_with_the_time_scale() -> None:
    """What is measured in real seconds is longer in the story, the faster the story passes."""
    slow, fast = (table(f"time_scale={scale}").evening.cells[0]["signals"] for scale in (1, 10))
    assert fast[driver.TOKENS, driver.SEEN] == pytest.approx(10 * slow[driver.TOKENS, driver.SEEN])
    assert slow[driver.TOKENS, driver.SEEN] == Durations().tokens_seen


def test_a_larger_room_has_more_machines() -> None:
    """At ten times the speed a room of full size ends as one of a thousandth does; played again as a live run, it has
    the one machine that it ran on, which cannot answer so many joins.
    """
    whole, small = ((*NO_FAULTS, "time_scale=10", f"rooms.scale={scale}") for scale in ("1", "1/1000"))
    told = [played(*each, trials=20) for each in (whole, small)]
    assert told[0].lost_at.tobytes() == told[1].lost_at.tobytes()
    assert told[0].survived.all()
    again = [
        replay(launch(*each).experiment, seed=1001, runbook=runbook(), durations=Durations())
        for each in (whole, small)
    ]
    assert [one.survived for one in again] == [False, True]


def test_every_duration_tells_what_it_is() -> None:
    """Each has a meaning, a unit and a source, and its value is above zero."""
    told = list(Durations().told())
    assert all(each.what and each.unit and each.source and each.value > 0 for each in told)
    assert {each.name for each in told} == set(vars(Durations()))


def test_a_room_that_lost_its_instance_is_reopened() -> None:
    """Who reopens the room elsewhere brings its listeners back: fewer minutes are lost than without repairs."""
    gone = (
        *NO_FAULTS[1:],
        "faults=[{fault: node_loss, tier: media, select: {room: launch}, at: 5m, until: repaired}]",
    )
    mended, idle = played(*SIX, *gone), played(*SIX, *gone, "crew.repairs=false")
    assert not idle.survived.any()
    assert np.isfinite(mended.repaired_at).mean() > 0.9
    assert np.median(mended.lost_listener_minutes) < 0.7 * np.median(idle.lost_listener_minutes)


@pytest.mark.parametrize("scale", [1, 8])
def test_who_heard_a_room_that_is_lost_hears_five_seconds_more(scale: int) -> None:
    """Real ones: so much later than his patience says the host gives up."""
    gone = launch(
        *NO_FAULTS[1:],
        "faults=[{fault: node_loss, tier: media, select: {room: launch}, at: 5m, until: repaired}]",
        "crew.repairs=false", "rooms.audience[0].host_patience=30s", f"time_scale={scale}",
    ).experiment  # fmt: skip
    closed = replay(gone, seed=1001, runbook=runbook(), durations=Durations()).closed_at
    begins = 120 + Durations().path_proof * scale + 300
    assert closed == pytest.approx(begins + 30 + 5 * scale, abs=2.5)


def test_a_relaunched_room_is_lost_and_saves_minutes() -> None:
    """A room that was relaunched from another account stays lost; part of its audience hears again."""
    late = ("rooms.audience[0].host_patience=1m", "timeline.after=10m")
    mended, idle = played(*SIX, *late), played(*SIX, *late, "crew.repairs=false")
    assert not idle.survived.any()
    lost = ~mended.survived
    assert lost.any()
    assert mended.lost_listener_minutes.max() < idle.lost_listener_minutes.min()


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_experiments_end_as_they_do_live(path: Path) -> None:
    """Rooms that are shipped to be lost are lost, those that are shipped to live live; what has no model is refused."""
    experiment = load(path, faults=spec_types()).experiment
    if path.stem in {"platform-hang", "torn-segments"}:
        with pytest.raises(UsageError, match="no model"):
            simulate(experiment, runbook=runbook(), first=1, trials=1)
        return
    fate = simulate(experiment, runbook=runbook(), first=1, trials=2)
    assert np.isfinite(fate.lost_listener_minutes).all()
    doomed = {"black-holed-bridge", "failure-to-launch", "media-node-loss", "retry-storm-as-found"}
    harmless = {"bridge-resets", "slow-bridge", "thin-bridge"}
    assert path.stem not in doomed or not fate.survived.any()
    assert path.stem not in harmless or fate.survived.all()


def test_a_trial_in_detail_is_the_trial() -> None:
    """The fate that `simulate` tells of the same seed, plain and compiled alike; the bridge is told of 2.5 real seconds
    after its fault; each incident goes through its stages in their order.
    """
    outs = np.zeros((3, driver.OUT_WITH_STAGES)), np.zeros((3, driver.OUT_WITH_STAGES))
    for out, how in zip(outs, (False, True), strict=True):
        table(*SIX, compiled=how).play(1001, out)
    assert outs[0].tobytes() == outs[1].tobytes()
    assert outs[1][:, : driver.OUT_COLUMNS].tobytes() == figures(table(*SIX, compiled=True), 3).tobytes()
    experiment = launch(*SIX).experiment
    for seed, row in zip(range(1001, 1004), outs[0], strict=True):
        told = replay(experiment, seed=seed, runbook=runbook(), durations=Durations())
        assert told.lost_at == row[driver.OUT_LOST_AT]
        assert told.lost_at <= told.closed_at
        bridge = told.incidents["bridge-media-to-platform"]
        assert bridge["notice"] == pytest.approx(120 + 8 * 1.0 + 60 + 8 * 2.5)
        for entered in told.incidents.values():
            moments = [entered[stage] for stage in STAGES[:-1] if stage in entered]
            assert moments == sorted(moments)
            assert "notice" in entered


@pytest.mark.parametrize(
    ("arm", "headcount"),
    [("as-found", 10), ("by the room", 3), ("by the room", 10), ("attended at full capacity", 0)],
)
def test_the_figures_of_the_shipped_study_are_of_this_simulator(arm: str, headcount: int) -> None:
    """Some points of it, played again with its measured durations on its own seeds: what is written down."""
    loaded = load_study(SHIPPED, faults=spec_types())
    study, figures = loaded.study, Figures.model_validate_json(FILE.read_text(encoding="utf-8"))
    experiment = loaded.experiment(study.arm(arm).set, {"crew.headcount": headcount}).experiment
    assert study.others is not None
    count = study.trials.simulated if study.arm(arm) in study.arms else study.others.trials
    trials = simulate(
        experiment, runbook=loaded.runbook, first=study.seed, trials=count, durations=fitted(loaded, ())
    )
    assert trials.survived.mean() == pytest.approx(figures.kept[arm][headcount], abs=0.006)
