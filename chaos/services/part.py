"""A user's own services as a part of a cluster: which deployments, behind which links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from chaos.errors import PreflightError
from chaos.experiment.fault import FaultSpec, LinkFaultSpec
from chaos.experiment.system import SystemSection, TierSection
from chaos.worlds.base import Link
from chaos.worlds.cluster.layout import links_of
from chaos.worlds.cluster.scope import Scope
from chaos.worlds.cluster.sight import Sight
from chaos.worlds.cluster.vantage import NO_OUTPOST
from chaos.worlds.outpost import SERVICE

SECRET = "outpost"
"""The Secret with the token of the outpost that `charts/outpost` installs."""


def scope(system: SystemSection, faults: Sequence[FaultSpec], path: str) -> Scope:
    """The part of a namespace that a document's `system` means; `path` is the document's."""

    async def links(sight: Sight) -> Mapping[str, Link]:
        _tiers_are_there(system, sight, path)
        found = await _links(system, sight, path)
        _can_be_seen(faults, found, sight, path)
        return found

    return Scope(links, lambda deployment: deployment.name in system.tiers, SECRET, own=False)


def _tiers_are_there(system: SystemSection, sight: Sight, path: str) -> None:
    """Every tier is a Deployment; one that is only called may be any pods behind a Service."""
    for name in system.tiers:
        only_called = any(link.to == name for link in system.links.values()) and not any(
            link.from_ == name for link in system.links.values()
        )
        if name not in sight.deployments and not only_called:
            known = ", ".join(sorted(sight.deployments)) or "none"
            raise PreflightError(
                f"{path}: system.tiers.{name}: there is no Deployment `{name}` in {sight.target}; there are {known}"
            )


async def _links(system: SystemSection, sight: Sight, path: str) -> Mapping[str, Link]:
    if not system.links:
        return {}
    ends = {name: (link.from_, link.to) for name, link in system.links.items()}
    found = await links_of(sight, lambda link, _instance: ends.get(link, ("", "")), None)
    wanted: dict[str, Link] = {}
    for name, link in system.links.items():
        if name not in found:
            raise PreflightError(
                f"{path}: system.links.{name}: there is no such link in {sight.target}, only "
                f"{', '.join(found)}; put it there with `standby link add {name} --to SERVICE:PORT "
                f"--context {sight.target.context} --namespace {sight.target.namespace}`"
            )
        wanted[name] = Link(name, found[name].proxies, probe=_probe(system.tiers[link.to]))
    return wanted


def _probe(tier: TierSection) -> str | None:
    """The path of `ready`, which is asked through the link and straight; None where the tier speaks no HTTP."""
    if tier.ready is None:
        return None
    parts = urlsplit(tier.ready)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _can_be_seen(faults: Sequence[FaultSpec], links: Mapping[str, Link], sight: Sight, path: str) -> None:
    """A fault of a link without a `proof:` of its own is seen by an outpost, over HTTP."""
    for place, fault in enumerate(faults):
        if not isinstance(fault, LinkFaultSpec) or fault.proof is not None or fault.link not in links:
            continue
        if links[fault.link].probe is None:
            raise PreflightError(
                f"{path}: faults[{place}]: the link {fault.link} leads to a tier without `ready`, so nobody knows "
                "what to ask it over HTTP; give the tier a `ready`, or the fault a `proof:` of its own"
            )
        if SERVICE not in sight.services:
            raise PreflightError(f"{path}: faults[{place}]: {NO_OUTPOST.format(target=sight.target)}")
