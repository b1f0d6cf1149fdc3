"""What a document would do, as data for words and pictures: phases, faults with their targets, and what is hurt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chaos.experiment import Loaded
from chaos.experiment.fault import SHARED, FaultSpec, LinkFaultSpec
from chaos.experiment.model import Experiment
from chaos.experiment.objective import PHASES

ROOMS_ENDS = {
    "edge": ("audience", "media"),
    "media-to-platform": ("media", "platform"),
    "platform-to-media": ("platform", "media"),
}
"""Who calls whom over the links of the reference rooms."""
LOAD = "load"
_TOLD_APART = SHARED - {"select"}
"""What a fault says of itself beside its settings: its heading and its place."""


@dataclass(frozen=True)
class Span:
    """A phase, or a fault on its target: story seconds from the start of warm-up."""

    name: str
    begins: float
    ends: float


@dataclass(frozen=True)
class Hurt:
    """One fault: when, on what, and how. `until_repaired`: its end is the latest that it may have."""

    span: Span
    fault: str
    target: str
    link: str
    tier: str
    settings: tuple[tuple[str, str], ...]
    until_repaired: bool


@dataclass(frozen=True)
class Way:
    """A link from its caller to what is called."""

    name: str
    caller: str
    called: str


@dataclass(frozen=True)
class Outline:
    """A document as it would run: nothing of it has been looked up, started or touched."""

    experiment: Experiment
    phases: tuple[Span, ...]
    faults: tuple[Hurt, ...]
    tiers: tuple[str, ...]
    links: tuple[Way, ...]

    @property
    def ends(self) -> float:
        """The end of the last phase, in story seconds."""
        return self.phases[-1].ends

    @property
    def hurt_links(self) -> set[str]:
        """The links that some fault touches."""
        return {fault.link for fault in self.faults if fault.link}

    @property
    def hurt_tiers(self) -> set[str]:
        """The tiers of which some fault touches processes or nodes."""
        return {fault.tier for fault in self.faults if fault.tier}

    @property
    def spared(self) -> list[str]:
        """The tiers and links that no fault touches, as `the link edge`."""
        links = [f"the link {way.name}" for way in self.links if way.name not in self.hurt_links]
        return [f"the tier {name}" for name in self.tiers if name not in self.hurt_tiers] + links


def outline(loaded: Loaded) -> Outline:
    """What this document would do."""
    experiment = loaded.experiment
    tiers, links = _system(experiment)
    return Outline(experiment, tuple(_phases(experiment)), tuple(_hurts(experiment, tiers)), tiers, links)


def _phases(experiment: Experiment) -> Iterator[Span]:
    for phase in PHASES:
        begins, lasts = experiment.timeline.start(phase), experiment.timeline.length(phase)
        if lasts:
            yield Span(phase.replace("_", "-"), begins, begins + lasts)


def _system(experiment: Experiment) -> tuple[tuple[str, ...], tuple[Way, ...]]:
    """The tiers and links that there are; whatever a link names stands among the tiers."""
    if experiment.rooms is not None:
        return ("audience", "media", "platform"), tuple(Way(name, *ends) for name, ends in ROOMS_ENDS.items())
    if experiment.system is None:
        return (), ()
    links = tuple(Way(name, link.from_, link.to) for name, link in experiment.system.links.items())
    load = (LOAD,) if experiment.load is not None or any(way.caller == LOAD for way in links) else ()
    return (*load, *experiment.system.tiers), links


def _hurts(experiment: Experiment, tiers: tuple[str, ...]) -> Iterator[Hurt]:
    begun = experiment.timeline.start("faults")
    for spec in experiment.faults:
        link = spec.link if isinstance(spec, LinkFaultSpec) else ""
        process, tier, node = (str(getattr(spec, key, None) or "") for key in ("process", "tier", "node"))
        yield Hurt(
            Span(spec.title, begun + spec.at, begun + spec.ends(experiment.timeline.faults)),
            spec.fault,
            _target(link, process, tier, node),
            link,
            tier or _tier_of(process, tiers),
            tuple(_settings(spec)),
            spec.until is not None,
        )


def _target(link: str, process: str, tier: str, node: str) -> str:
    told = (("the link", link), ("the process", process), ("the tier", tier), ("the node", node))
    return next((f"{what} {name}" for what, name in told if name), "its target")


def _tier_of(process: str, tiers: tuple[str, ...]) -> str:
    """Of the rooms' `media-1` it is `media`; a service of one's own is a tier itself."""
    return next((tier for tier in tiers if process == tier or process.startswith(f"{tier}-")), "")


def _settings(spec: FaultSpec) -> Iterator[tuple[str, str]]:
    """Its own parameters as they were given, with units."""
    for name, value in spec.model_dump(mode="json", by_alias=True, exclude_unset=True).items():
        if name in _TOLD_APART or value is None:
            continue
        if isinstance(value, dict):
            inner = ", ".join(f"{key}: {each}" for key, each in value.items() if each is not None)
            yield name, f"{{{inner}}}"
        else:
            yield name, str(value)
