"""The `rooms:` section, the settings it becomes, and their hash."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chaos.experiment.rooms import (
    PROFILES,
    Capacity,
    Knobs,
    Plan,
    PlannedRoom,
    RoomsSection,
    Settings,
    config_hash,
)

KNOBS = st.builds(
    Knobs,
    token_cache=st.booleans(),
    call_timeout=st.floats(0.1, 60.0),
    retries=st.sampled_from(["unbounded", "budget", "none"]),
    breaker=st.booleans(),
    bulkhead=st.booleans(),
    admission=st.booleans(),
    deadlines=st.booleans(),
)
SETTINGS = st.builds(
    Settings,
    scale=st.floats(1e-4, 1.0),
    time_scale=st.floats(1.0, 60.0),
    profile=st.sampled_from(["as-found", "hardened"]),
    knobs=KNOBS,
    capacity=st.builds(Capacity, platform=st.floats(0.01, 1.0), media=st.floats(0.01, 1.0)),
    bridge=st.sampled_from(["primary", "spare"]),
    bypass=st.booleans(),
    shed_joins=st.floats(0.0, 1.0),
)


def _section(**more: object) -> RoomsSection:
    group = {"room": "townhall", "listeners": 600_000, "join_over": "19m"}
    return RoomsSection.model_validate({"audience": [group], **more})


@given(SETTINGS)
def test_settings_survive_the_wire(settings: Settings) -> None:
    """What is put as JSON is what is got, to the last bit."""
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


@given(SETTINGS, SETTINGS)
def test_putting_back_what_was_before_restores_everything(before: Settings, change: Settings) -> None:
    """The undo of any change is to lay the whole former settings over."""
    changed = before.merged(change.model_dump(mode="json"))
    assert changed == change
    assert changed.merged(before.model_dump(mode="json")) == before


@given(SETTINGS)
def test_repairs_do_not_change_the_configuration(settings: Settings) -> None:
    """Operating settings are no part of the hash; every part of the configuration is."""
    repaired = settings.merged(
        {"bridge": "spare", "bypass": True, "shed_joins": 0.5, "shed_announcements": True}
    )
    assert config_hash(repaired) == config_hash(settings)
    assert config_hash(settings.merged({"knobs": {"breaker": not settings.knobs.breaker}})) != config_hash(
        settings
    )
    assert config_hash(settings.merged({"capacity": {"media": 0.005}})) != config_hash(settings)


def test_one_and_one_point_nought_are_the_same_configuration() -> None:
    """A tier that was told 1 and one that was told 1.0 agree."""
    whole = Settings.model_validate_json('{"scale": 1, "time_scale": 12}')
    assert config_hash(whole) == config_hash(
        Settings.model_validate_json('{"scale": 1.0, "time_scale": 12.0}')
    )


def test_a_profile_brings_its_knobs_and_single_ones_lie_over_it() -> None:
    """`hardened` with one knob turned back differs from it in that knob only."""
    hardened = Settings().merged({"profile": "hardened"})
    assert hardened.knobs == PROFILES["hardened"]
    assert Settings().merged({"profile": "hardened", "knobs": {"breaker": False}}).knobs == PROFILES[
        "hardened"
    ].model_copy(update={"breaker": False})
    assert hardened.merged({"knobs": {"breaker": False}}).knobs.token_cache


@pytest.mark.parametrize(
    "patch",
    [
        {"brigde": "spare"},
        {"knobs": {"breaker": "yes"}},
        {"knobs": {"tokencache": True}},
        {"scale": 0},
        {"scale": 2},
        {"capacity": {"media": 0}},
        {"shed_joins": 1.5},
        {"profile": "naive"},
        {"knobs": None},
    ],
)
def test_wrong_settings_are_refused(patch: dict[str, object]) -> None:
    """Unknown keys, wrong types and values out of range are never guessed at."""
    with pytest.raises(ValidationError):
        Settings().merged(json.loads(json.dumps(patch)))


def test_the_section_becomes_settings_and_a_plan() -> None:
    """Units become numbers, knobs lie over the profile, every room ends at the planned end."""
    section = _section(
        scale="1/1000", profile="hardened", knobs={"call_timeout": "3s"}, capacity={"platform": "40%"}
    )
    settings = section.settings(time_scale=12.0)
    assert (settings.scale, settings.time_scale, settings.capacity.platform) == (0.001, 12.0, 0.4)
    assert settings.knobs == PROFILES["hardened"].model_copy(update={"call_timeout": 3.0})
    plan = section.plan(seed=4, time_scale=12.0, planned_end=section.audience[0].join_over)
    assert plan.rooms[0] == PlannedRoom(
        room="townhall", listeners=600_000, join_over_s=1_140.0, planned_end_s=1_140.0
    )
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


@pytest.mark.parametrize(
    "more",
    [
        {"knobs": {"call_timeout": 2}},
        {"knobs": {"call_timeout": 0}},
        {"capacity": {"platform": "140%"}},
        {"scale": "0%"},
        {"survival": {"joins": 2}},
        {"audience": []},
        {"audience": [{"room": "Town Hall", "listeners": 1, "join_over": "1m"}]},
        {"audience": [{"room": "a", "listeners": 1, "join_over": 0}]},
        {"audience": [{"room": "a", "listeners": 1, "join_over": "1m", "host_patience": 0}]},
        {"audience": [{"room": name, "listeners": 1, "join_over": "1m"} for name in ("a", "a")]},
        {"audience": [{"room": name, "listeners": 1, "join_over": "1m"} for name in ("a", "a-2")]},
    ],
)
def test_a_wrong_section_is_refused(more: dict[str, object]) -> None:
    """No unitless time-out, no capacity above what it was, no room that cannot be told from another."""
    with pytest.raises(ValidationError):
        _section(**more)
