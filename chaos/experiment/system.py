"""A user's own services in the place of the reference system, their load, and the Prometheus that watches them."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

from chaos.clock import RealSeconds
from chaos.experiment.base import Many, Model, wrong
from chaos.experiment.units import RealDuration


def _names_a_program(command: tuple[str, ...]) -> tuple[str, ...]:
    if not command[0]:
        raise wrong("names no program", at="0", expected="a program, then its arguments")
    return command


Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""Small letters, digits and dashes: names of tiers and links stand in metrics, files and environment variables."""
Url: TypeAlias = Annotated[str, Field(pattern=r"^https?://\S+$")]
HostPort: TypeAlias = Annotated[str, Field(pattern=r"^[^\s:/]+:[0-9]{1,5}$|^\[[0-9a-fA-F:]+\]:[0-9]{1,5}$")]
EnvName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
RepairName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Command: TypeAlias = Annotated[Many[str], Field(min_length=1), AfterValidator(_names_a_program)]


class TierSection(Model):
    """One tier of the user's own.

    In the world `local`: a `command` that the world runs, an `address` that is already served, or both. In a cluster it
    is the Deployment of its name in the target's namespace (one that is only called by a link may be any pods behind a
    Service), which nobody starts here: of the keys below it may have `ready` alone, or none.
    """

    command: Command | None = None
    """The program and its arguments; it is started and stopped with the world. In `local` only."""
    address: HostPort | None = None
    """`host:port` at which the tier is served. In `local` only."""
    ready: Url | None = None
    """Answers 200 when the tier can work. In a cluster its path is what is asked, through a link to this tier and
    straight, to see a fault's effect."""
    metrics: Url | None = None
    """Scraped by the world's own Prometheus. In `local` only."""
    env: dict[EnvName, str] = Field(default_factory=dict)
    """Further environment variables of `command`. In `local` only."""
    cwd: str | None = None
    """The folder in which `command` runs; the document's folder unless given. In `local` only."""


class LinkSection(Model):
    """A network path from one tier to another, carried by a Toxiproxy proxy.

    In a cluster it is the link of this name in the namespace: `standby link add` puts one there.
    """

    from_: str = Field(alias="from")
    """Who calls: in `local` a tier with a `command`, or `load`, which is given the link's address in its environment;
    in a cluster a tier."""
    to: str
    """The tier that is called; in `local` it needs an `address`."""


class RepairSection(Model):
    """A repair of the user's own: what a person of the crew does when a runbook names it as the action."""

    command: Command
    """The program and its arguments; it has worked when it ends with 0. `$STANDBY_TARGET` says what it is about."""
    mends: Many[Name] = ()
    """The links and tiers whose faults it works around: one with `until: repaired` ends when it has worked."""
    timeout: Annotated[RealDuration, Field(gt=0, le=3600)] = RealSeconds(60.0)
    """How long it may take. Real time."""


class SystemSection(Model):
    """A system under test of the user's own."""

    tiers: Annotated[dict[Name, TierSection], Field(min_length=1)]
    """The tiers by name."""
    links: dict[Name, LinkSection] = Field(default_factory=dict)
    """The links by name; in `local` the caller of `api-to-db` is given its address (`host:port`) in
    `$LINK_API_TO_DB`."""
    repairs: dict[RepairName, RepairSection] = Field(default_factory=dict)
    """Repairs of one's own by name, beside `restart_process` and `clear_link`; runbooks name them as actions."""
    rules: Many[Annotated[str, Field(min_length=1)]] = ()
    """Files with recording and alerting rules for the world's own Prometheus, from the document's folder. In `local`
    only: a cluster's Prometheus has its own."""


def link_variable(link: str) -> str:
    """The environment variable that tells a caller a link's address: `api-to-db` is told in LINK_API_TO_DB."""
    return "LINK_" + link.upper().replace("-", "_")


class LoadSection(Model):
    """The user's own load: a command that runs from warm-up to the end of *after*, on this machine also for services
    in a cluster."""

    command: Command
    """The program and its arguments."""
    env: dict[EnvName, str] = Field(default_factory=dict)
    """Further environment variables."""
    cwd: str | None = None
    """The folder in which it runs; the document's folder unless given."""


GENERIC_REPAIRS = ("restart_process", "clear_link")
"""Repairs that every system has."""
NO_PROMETHEUS = "none"
"""As the URL of a document's Prometheus: there is none."""


class PrometheusSection(Model):
    """A Prometheus that is already there. Secrets come from the environment, never from the document."""

    url: Annotated[str, Field(pattern=r"^(none|(https?|kubernetes)://\S+)$")]
    """Its base URL; `kubernetes://CONTEXT/NAMESPACE/services/NAME:PORT` for one behind a cluster's API server; `none`
    where there is no Prometheus: then nothing can ask it (no `query`, no crew)."""
    bearer_token_env: EnvName | None = None
    """The environment variable that holds the bearer token."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further headers of every request; `$NAME` in a value stands for an environment variable."""
    ca_file: str | None = None
    """A file with the certificate authorities to trust, from the document's folder."""
