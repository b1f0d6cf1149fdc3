"""What a document puts to the test: the reference rooms, or services of one's own."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import chaos.rooms.system
import chaos.services
from chaos.clients import tools
from chaos.clients.prometheus import NoPrometheus, Prometheus
from chaos.clock import StorySeconds
from chaos.environment import filled_headers, filled_in
from chaos.errors import PreflightError
from chaos.experiment import Loaded
from chaos.experiment.model import Experiment
from chaos.experiment.rooms import RoomsSection
from chaos.experiment.system import NO_PROMETHEUS, PrometheusSection, SystemSection
from chaos.ports import Ports
from chaos.record import Record
from chaos.rooms.system import RoomsSystem
from chaos.services import ServicesSystem, load_of
from chaos.undo.journal import Journal
from chaos.worlds.base import RunWorld
from chaos.worlds.cluster.layout import links_of
from chaos.worlds.cluster.scope import Scope
from chaos.worlds.cluster.sight import TIER
from chaos.worlds.layout import Layout
from chaos.worlds.system import System

OUTLASTS = 3600.0
"""Story seconds by which rooms are planned to outlast the run, so that none ends before its time."""


class Subject(ABC):
    """What runs under stress, as a document describes it."""

    may_borrow = False
    """Whether a kept world will do."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.experiment: Experiment = loaded.experiment

    @abstractmethod
    def layout(self, folder: Path) -> Layout:
        """A local world for it whose own programs find their files in `folder`. Raises ToolError."""

    @abstractmethod
    def scope(self) -> Scope:
        """What it is in a namespace of a cluster."""

    @abstractmethod
    def system(
        self, world: RunWorld, prometheus: Prometheus, record: Record, journal: Journal, seed: int
    ) -> System:
        """It, in a world."""

    def places(self, world: RunWorld) -> Mapping[str, Sequence[str]]:
        """The known values of labels by which alerts and diagnoses name places."""
        infos = [info for info in world.processes() if info.runs]
        return {
            "instance": sorted(info.name for info in infos),
            "node": sorted({info.node for info in infos}),
            "link": [name for name in world.links if not name.endswith("-spare")],
        }

    def prometheus(self, world: RunWorld, record: Record) -> Prometheus:
        """The Prometheus that judges: the document's, none, or the world's own. Its secrets never reach `record`."""
        given = self.experiment.prometheus
        if given is None:
            return Prometheus(world.prometheus)
        if given.url == NO_PROMETHEUS:
            return NoPrometheus()
        return _given(given, self.loaded.folder, record)


class Rooms(Subject):
    """The reference rooms."""

    may_borrow = True

    @cached_property
    def _section(self) -> RoomsSection:
        assert self.experiment.rooms is not None
        return self.experiment.rooms

    def layout(self, folder: Path) -> Layout:
        return chaos.rooms.system.layout(
            folder,
            Ports(),
            toxiproxy=tools.find("toxiproxy-server"),
            prometheus=tools.find("prometheus"),
        )

    def scope(self) -> Scope:
        return Scope(
            links=lambda sight: links_of(sight, chaos.rooms.system.ends_of, chaos.rooms.system.PAYLOAD),
            touches=lambda deployment: deployment.labels.get(TIER) in chaos.rooms.system.TARGETS,
            kept_in="control",
            own=True,
        )

    def system(
        self, world: RunWorld, prometheus: Prometheus, record: Record, journal: Journal, seed: int
    ) -> System:
        return RoomsSystem(
            self._section,
            world,
            prometheus,
            record,
            journal,
            seed=seed,
            time_scale=self.experiment.time_scale,
            planned_end=StorySeconds(self.experiment.timeline.total + OUTLASTS),
        )

    def places(self, world: RunWorld) -> Mapping[str, Sequence[str]]:
        return {**super().places(world), "room": [group.room for group in self._section.audience]}


class Services(Subject):
    """Services of the user's own: in the local world each run starts them anew, in a cluster they are there already."""

    @cached_property
    def _section(self) -> SystemSection:
        assert self.experiment.system is not None
        return self.experiment.system

    def layout(self, folder: Path) -> Layout:
        own = self.experiment.prometheus is None
        return chaos.services.layout(
            self._section,
            self.experiment.load,
            home=self.loaded.folder,
            folder=folder,
            ports=Ports(),
            toxiproxy=tools.find("toxiproxy-server") if self._section.links else None,
            prometheus=tools.find("prometheus") if own else None,
        )

    def scope(self) -> Scope:
        return chaos.services.scope(self._section, self.experiment.faults, self.loaded.path)

    def system(
        self, world: RunWorld, prometheus: Prometheus, record: Record, journal: Journal, seed: int
    ) -> System:
        load = load_of(self.experiment.load, world, record, journal, home=self.loaded.folder)
        return ServicesSystem(self._section, load, world, home=self.loaded.folder)


def subject_of(loaded: Loaded) -> Subject:
    """What the document is about."""
    return Rooms(loaded) if loaded.experiment.rooms is not None else Services(loaded)


def _given(section: PrometheusSection, home: Path, record: Record) -> Prometheus:
    """The document's Prometheus. Raises PreflightError for a variable or a file that is missing."""
    headers = filled_headers(section.headers, "prometheus.headers", record.hide)
    if section.bearer_token_env is not None:
        token = filled_in(f"${section.bearer_token_env}", "prometheus.bearer_token_env", record.hide)
        headers["Authorization"] = f"Bearer {token}"
    trust = None
    if section.ca_file is not None:
        try:
            trust = ssl.create_default_context(cafile=str(home / section.ca_file))
        except (OSError, ssl.SSLError) as error:
            raise PreflightError(
                f"prometheus.ca_file: {home / section.ca_file} cannot be used: {error}"
            ) from error
    return Prometheus(section.url, headers=headers, trust=trust)
