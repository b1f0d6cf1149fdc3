"""What there is to write an experiment about: tiers, links and metrics of a world. Looks, and touches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from chaos.authoring.outline import ROOMS_ENDS, Way
from chaos.clients.prometheus import Prometheus
from chaos.errors import UsageError
from chaos.experiment import Loaded
from chaos.experiment.system import NO_PROMETHEUS
from chaos.rooms.system.layout import rule_files
from chaos.worlds.local.kept import kept_folder
from chaos.worlds.local.world import LocalWorld

MOST_TIERS = 20
"""Of a Prometheus' jobs; an experiment is about a few of them."""
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9-]+")


@dataclass(frozen=True)
class Seen:
    """What was found. `tiers` are by name, with the address at which each answers where that is known.

    `document` is the one that describes the services; None for the rooms, or where only a Prometheus is known.
    """

    what: str
    tiers: dict[str, str]
    links: tuple[Way, ...]
    metrics: tuple[str, ...]
    rooms: bool = False
    document: Loaded | None = None
    prometheus: str = ""
    notes: tuple[str, ...] = field(default=())


def rooms() -> Seen:
    """The reference rooms, as their layout and their rules say."""
    tiers = dict.fromkeys(("audience", "media", "platform"), "")
    links = tuple(Way(name, *ends) for name, ends in ROOMS_ENDS.items())
    return Seen("the reference rooms", tiers, links, tuple(_recorded(map(Path, rule_files()))), rooms=True)


async def kept() -> Seen:
    """The kept local world, which runs now. Raises UsageError when none is kept, WorldError when it does not answer."""
    folder = kept_folder()
    if not (folder / "world.json").exists():
        raise UsageError(
            f"no local world is kept in {folder}; start one with `standby up --world local`, or leave out `--of kept`"
        )
    world = LocalWorld.attach(folder)
    ends = {
        name: ROOMS_ENDS.get(name.removesuffix("-spare"), (link.proxies[0].caller, link.proxies[0].callee))
        for name, link in world.links.items()
        if link.proxies
    }
    tiers = {info.tier: "" for info in world.processes() if info.tier in rooms().tiers}
    return replace(
        rooms(),
        what=f"the kept local world in {folder}",
        tiers=dict(sorted(tiers.items())),
        links=tuple(Way(name, *both) for name, both in ends.items() if not name.endswith("-spare")),
        metrics=await _asked(world.prometheus),
    )


async def of_document(loaded: Loaded) -> Seen:
    """The services that a document describes, and the metrics of its rules and of the Prometheus that it names."""
    experiment = loaded.experiment
    if experiment.system is None:
        return replace(rooms(), what=f"the rooms of {loaded.path}")
    section, given = experiment.system, experiment.prometheus
    metrics = set(_recorded(loaded.file(name) for name in section.rules))
    metrics.update(word for one in experiment.objectives if one.query for word in _names(one.query))
    notes: tuple[str, ...] = ()
    if given is not None and given.url != NO_PROMETHEUS:
        if given.bearer_token_env or given.headers or given.url.startswith("kubernetes:"):
            notes = (f"the metrics of {given.url} were not asked for: it wants credentials",)
        else:
            metrics.update(await _asked(given.url))
    return Seen(
        f"the services of {loaded.path}",
        {name: tier.address or "" for name, tier in section.tiers.items()},
        tuple(Way(name, link.from_, link.to) for name, link in section.links.items()),
        tuple(sorted(metrics)),
        document=loaded,
        notes=notes,
    )


async def of_prometheus(url: str) -> Seen:
    """What a Prometheus scrapes, each job as a tier, and its metrics. Raises ClientError when it does not answer.

    It does not know who calls whom: there are no links.
    """
    async with Prometheus(url) as client:
        targets, metrics = await client.targets(), await client.metrics()
    tiers: dict[str, str] = {}
    for job, scraped in targets:
        name = _NOT_IN_A_NAME.sub("-", job.lower()).strip("-")[:40]
        parts = urlsplit(scraped)
        if name and name[0].isalpha() and parts.hostname and len(tiers) < MOST_TIERS:
            port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 80)
            tiers.setdefault(name, f"{parts.hostname}:{port}")
    notes = ("a Prometheus does not know who calls whom: no links",)
    return Seen(f"what Prometheus at {url} scrapes", tiers, (), tuple(metrics), prometheus=url, notes=notes)


async def with_metrics_of(seen: Seen, url: str) -> Seen:
    """The same with the metrics of a Prometheus, which is to judge."""
    return replace(seen, metrics=tuple(sorted({*seen.metrics, *await _asked(url)})), prometheus=url)


async def _asked(url: str) -> tuple[str, ...]:
    async with Prometheus(url) as client:
        return tuple(await client.metrics())


def _recorded(files: Iterable[Path]) -> Sequence[str]:
    """The names that rule files record; a file that is no rule file is whoever's checks it is to tell."""
    names: list[str] = []
    for file in files:
        try:
            read = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, YAMLError):
            continue
        groups = read.get("groups", []) if isinstance(read, dict) else []
        names += [
            str(rule["record"])
            for group in groups
            for rule in (group.get("rules", []) if isinstance(group, dict) else [])
            if isinstance(rule, dict) and "record" in rule
        ]
    return sorted(set(names))


def _names(query: str) -> list[str]:
    """What looks like a recorded name in PromQL: `rooms:joins:rate`."""
    return re.findall(r"[a-zA-Z_]\w*(?::\w+)+", query)
