"""The `rooms:` section of a document, and the settings that it becomes on the tiers of the reference system.

The document's models carry units ("40%", "5m"); `Settings` and `Plan` are what the control API speaks: plain JSON
numbers, seconds of the clock that each field names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, JsonValue, model_validator

from chaos.clock import RealSeconds, StorySeconds
from chaos.experiment.base import Many, Model, wrong
from chaos.experiment.units import Ratio, RealDuration, StoryDuration

ProfileName: TypeAlias = Literal["as-found", "hardened"]
RetryPolicy: TypeAlias = Literal["unbounded", "budget", "none"]
Shape: TypeAlias = Literal["launch", "linear", "burst"]
Bridge: TypeAlias = Literal["primary", "spare"]
RoomName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]

DEFAULT_SCALE = 1 / 1000
STAY_MEDIAN_S = 26 * 60.0  # story seconds; about what listeners stayed, see the facts on listeners
DEFAULT_HOST_PATIENCE = StorySeconds(300.0)  # assumption: a host sits out five minutes of a broken room
RELAUNCH_SUFFIX = "-2"


def _plausible_scale(value: float) -> float:
    if not 0 < value <= 1:
        raise wrong("a scale divides the listeners", expected="a ratio above 0 and up to 1, such as 1/1000")
    return value


def _share(value: float) -> float:
    if not 0 < value <= 1:
        raise wrong("a share of what it was", expected="a ratio above 0 and up to 1, such as 40%")
    return value


def _limit(value: float) -> float:
    if not 0 <= value <= 1:
        raise wrong("is not between 0 and 1", expected="a ratio from 0 to 1, such as 90%")
    return value


Scale: TypeAlias = Annotated[float, AfterValidator(_plausible_scale)]


class Knobs(Model):
    """How a tier calls across the bridge; each can be turned by itself."""

    token_cache: bool = False
    """Media keeps a listener whose renewal fails, and admits one with a recent grant, without asking platform."""
    call_timeout: float = Field(default=30.0, gt=0, le=600)
    """Real seconds after which one try of a call is given up."""
    retries: RetryPolicy = "unbounded"
    """`unbounded`: the same call again until it is answered; `budget`: at most 10 % more calls, with jitter."""
    breaker: bool = False
    """Calls fail at once while more than half of the last 20 failed; one probe after 2 s decides."""
    bulkhead: bool = False
    """Joins, renewals and reports have connections of their own; announcements get 20 % of platform's workers."""
    admission: bool = False
    """What cannot be served in time is refused at once: tokens that would wait over 1 s, joins beyond capacity."""
    deadlines: bool = False
    """Work whose caller no longer waits is dropped unserved."""


PROFILES: Mapping[ProfileName, Knobs] = {
    "as-found": Knobs(),
    "hardened": Knobs(
        token_cache=True,
        call_timeout=2.0,
        retries="budget",
        breaker=True,
        bulkhead=True,
        admission=True,
        deadlines=True,
    ),
}
"""What each profile means for each knob."""


class Capacity(Model):
    """What is left of each tier's capacity; 1 is as it was before it was lowered."""

    platform: Annotated[Ratio, AfterValidator(_share)] = 1.0
    """Of the token service."""
    media: Annotated[Ratio, AfterValidator(_share)] = 1.0
    """Of the listeners that an instance takes, and of what it can send."""


class Settings(Model):
    """Everything that the control API of a tier can set; each tier uses what concerns it.

    `scale`, `time_scale`, `profile`, `knobs` and `capacity` are the configuration (`config_hash` stands for them);
    the rest are operating settings, which repairs change.
    """

    scale: Scale = DEFAULT_SCALE
    time_scale: float = Field(default=1.0, ge=1, le=3600)
    profile: ProfileName = "as-found"
    knobs: Knobs = PROFILES["as-found"]
    capacity: Capacity = Capacity()

    bridge: Bridge = "primary"
    """Which bridge calls take."""
    bypass: bool = False
    """Media admits and renews without asking platform."""
    shed_joins: float = Field(default=0.0, ge=0, le=1)
    """The share of new joins that media refuses at once."""
    shed_announcements: bool = False
    """Platform drops the announcement backlog and takes no new one."""

    def merged(self, patch: Mapping[str, JsonValue]) -> Settings:
        """These settings with a partial object laid over them; raises pydantic's ValidationError.

        A profile brings its knobs; knobs in the same patch override them one by one.
        """
        whole = self.model_dump(mode="json")
        profile = patch.get("profile")
        if isinstance(profile, str) and profile in PROFILES:
            whole["knobs"] = PROFILES["hardened" if profile == "hardened" else "as-found"].model_dump(
                mode="json"
            )
        for key, value in patch.items():
            below = whole.get(key)
            whole[key] = {**below, **value} if isinstance(below, dict) and isinstance(value, dict) else value
        return Settings.model_validate(whole)


def config_hash(settings: Settings) -> str:
    """Twelve hex digits for the configuration; operating settings, which repairs change, do not count."""
    told = settings.model_dump(mode="json", include={"scale", "time_scale", "profile", "knobs", "capacity"})
    text = json.dumps(_canonical(told), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _canonical(value: JsonValue) -> JsonValue:
    """The same value with every number in one form: 1 and 1.0 are the same setting."""
    if isinstance(value, dict):
        return {key: _canonical(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_canonical(below) for below in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{float(value):.12g}"
    return value


class PlannedRoom(Model):
    """One room of a plan. Listeners and followers are full scale; seconds are story time from the story's zero."""

    room: RoomName
    """What the room is called; objectives and faults name it."""
    listeners: int = Field(ge=1, le=100_000_000)
    from_s: float = Field(default=0.0, ge=0)
    join_over_s: float = Field(gt=0)
    shape: Shape = "launch"
    followers: int = Field(default=0, ge=0, le=10_000_000_000)
    stay_s: float = Field(default=STAY_MEDIAN_S, gt=0)
    """How long half of them stay at most."""
    planned_end_s: float = Field(gt=0)
    host_patience_s: float = Field(default=float(DEFAULT_HOST_PATIENCE), gt=0)

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> PlannedRoom:
        if self.planned_end_s <= self.from_s:
            raise wrong(
                "the room would end before it begins", at="planned_end_s", expected=f"more than {self.from_s}"
            )
        return self


class Plan(Model):
    """What `PUT /control/plan` takes: who comes when. The same seed brings the same people in every arm.

    With `shards` above 1 this audience process carries the listeners whose number modulo `shards` is `shard`; the
    hosts live in shard 0.
    """

    rooms: Many[PlannedRoom]
    seed: int = Field(ge=0)
    scale: Scale = DEFAULT_SCALE
    time_scale: float = Field(default=1.0, ge=1, le=3600)
    shard: int = Field(default=0, ge=0)
    shards: int = Field(default=1, ge=1, le=64)


class KnobsSection(Model):
    """Any of the knobs, laid over the profile's."""

    token_cache: bool | None = None
    """Media keeps a listener whose renewal fails, and admits one with a recent grant, without asking platform."""
    call_timeout: RealDuration | None = None
    """Real time after which one try of a call across the bridge is given up."""
    retries: RetryPolicy | None = None
    """`unbounded`, `budget` (10 % more calls, with jitter) or `none`."""
    breaker: bool | None = None
    """A circuit breaker on calls across the bridge."""
    bulkhead: bool | None = None
    """Joins, renewals and reports apart from each other; announcements apart from tokens."""
    admission: bool | None = None
    """Refuse at once what cannot be served in time."""
    deadlines: bool | None = None
    """Drop work whose caller no longer waits."""

    @model_validator(mode="after")
    def _a_call_takes_some_time(self) -> KnobsSection:
        if self.call_timeout is not None and not 0 < self.call_timeout <= 600:
            raise wrong(
                "no call can be answered in that time", at="call_timeout", expected="above 0 and up to 10m"
            )
        return self

    def over(self, knobs: Knobs) -> Knobs:
        """`knobs` with those set here in their place."""
        return Knobs.model_validate({**knobs.model_dump(), **self._set()})

    def _set(self) -> dict[str, bool | float | str]:
        told: dict[str, bool | float | str] = self.model_dump(exclude_none=True)
        return told


class AudienceGroup(Model):
    """The people of one room, at full scale: how many come, when, and who told them."""

    room: RoomName
    """What the room is called; objectives and faults name it."""
    listeners: int = Field(ge=1, le=100_000_000)
    """How many people want to come, at full scale."""
    from_: StoryDuration = Field(default=StorySeconds(0.0), alias="from")
    """When the room opens and the first arrive, from the start of warm-up."""
    join_over: StoryDuration
    """How long it takes until all have arrived."""
    shape: Shape = "launch"
    """`launch`: a slow start and a steep middle; `linear`: evenly; `burst`: most of them at once."""
    followers: int = Field(default=0, ge=0, le=10_000_000_000)
    """The host's followers, at full scale: opening the room is announced to each of them."""
    host_patience: StoryDuration = DEFAULT_HOST_PATIENCE
    """How long the host bears a room that is broken before giving up."""

    @model_validator(mode="after")
    def _takes_time(self) -> AudienceGroup:
        if self.join_over <= 0:
            raise wrong(
                "nobody arrives in no time", at="join_over", expected="a duration above 0, such as 10m"
            )
        if self.host_patience <= 0:
            raise wrong(
                "the host would leave at once", at="host_patience", expected="a duration above 0, such as 5m"
            )
        return self


class SurvivalLimits(Model):
    """What a room must keep to survive."""

    joins: Annotated[Ratio, AfterValidator(_limit)] = 0.9
    """The share of all joins tried that must succeed."""
    hearing: Annotated[Ratio, AfterValidator(_limit)] = 0.5
    """The share of admitted listeners who must hear sound."""
    may_break_for: StoryDuration = StorySeconds(120.0)
    """How long at a stretch fewer may hear."""


class RoomsSection(Model):
    """The reference system and its load. Numbers are full scale; `scale` divides listeners and capacity."""

    scale: Annotated[Ratio, AfterValidator(_plausible_scale)] = DEFAULT_SCALE
    """By what listeners and capacity are multiplied."""
    profile: ProfileName = "as-found"
    """How the tiers call each other: naively, or with every protection."""
    knobs: KnobsSection = KnobsSection()
    """Single knobs laid over the profile's."""
    capacity: Capacity = Capacity()
    audience: Many[AudienceGroup] = Field(min_length=1, max_length=20)
    """The people of each room."""
    survival: SurvivalLimits = SurvivalLimits()
    """What a room must keep to survive."""

    @model_validator(mode="after")
    def _rooms_are_told_apart(self) -> RoomsSection:
        taken: set[str] = set()
        for index, group in enumerate(self.audience):
            names = {group.room, group.room + RELAUNCH_SUFFIX}
            if names & taken:
                raise wrong(
                    "two groups have the same room, or one has the name that another would be relaunched under",
                    at=f"audience.{index}.room",
                    expected="a name of its own",
                )
            taken |= names
        return self

    def settings(self, time_scale: float) -> Settings:
        """What every tier is set to before warm-up."""
        return Settings(
            scale=self.scale,
            time_scale=time_scale,
            profile=self.profile,
            knobs=self.knobs.over(PROFILES[self.profile]),
            capacity=self.capacity,
        )

    def plan(self, *, seed: int, time_scale: float, planned_end: StorySeconds) -> Plan:
        """What the audience is told: every room is planned to last until `planned_end`."""
        rooms = tuple(
            PlannedRoom(
                room=group.room,
                listeners=group.listeners,
                from_s=float(group.from_),
                join_over_s=float(group.join_over),
                shape=group.shape,
                followers=group.followers,
                planned_end_s=float(planned_end),
                host_patience_s=float(group.host_patience),
            )
            for group in self.audience
        )
        return Plan(rooms=rooms, seed=seed, scale=self.scale, time_scale=time_scale)

    def call_timeout(self) -> RealSeconds:
        """How long one try of a call across the bridge may take."""
        return RealSeconds(self.knobs.over(PROFILES[self.profile]).call_timeout)
