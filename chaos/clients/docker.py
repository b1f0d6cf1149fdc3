"""Nodes of kind clusters as Docker's containers: killed, paused, stopped and brought back by Docker's own API.

Only a container that carries kind's label is ever touched, and only under the id that it was found with.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import urlsplit

from chaos.errors import ClientError, ServerGoneError

if TYPE_CHECKING:  # heavy, and validating asks no server
    import aiohttp

LABEL = "io.x-k8s.kind.cluster"
"""By which kind marks the nodes of a cluster; its value is the cluster's name."""
TIMEOUT = 20.0
"""Real seconds that a request may take; stopping a node takes some."""
GRACE = 10
"""Real seconds between SIGTERM and SIGKILL of a stop."""

Act: TypeAlias = Literal["kill", "pause", "stop", "start", "unpause"]


@dataclass(frozen=True)
class Container:
    """A container: its id, its name, the kind cluster to which it belongs, and what it does."""

    id: str
    name: str
    cluster: str
    state: str
    """Docker's word: `running`, `paused`, `exited`, …"""


class Docker:
    """Docker's engine at its socket (`$DOCKER_HOST`, or /var/run/docker.sock)."""

    def __init__(self, address: str = "") -> None:
        self.address = address or os.environ.get("DOCKER_HOST", "") or "unix:///var/run/docker.sock"

    async def node(self, name: str, cluster: str) -> Container:
        """The container of a kind node. Raises ClientError for one that is not of that kind cluster."""
        told = await self._ask("GET", f"/containers/{name}/json", {200})
        labels = _mapping(_mapping(told.get("Config")).get("Labels"))
        if labels.get(LABEL) != cluster:
            raise ClientError(
                f"the container {name} of Docker at {self.address} is no node of the kind cluster `{cluster}` "
                f"(its label {LABEL} is {labels.get(LABEL)!r}); nothing was done to it"
            )
        state = str(_mapping(told.get("State")).get("Status", ""))
        return Container(str(told["Id"]), name, cluster, state)

    async def act(self, container: Container, act: Act) -> None:
        """Do something to a container; what it is already is no error. Raises ClientError."""
        again = await self.node(container.name, container.cluster)
        if again.id != container.id:
            raise ClientError(
                f"the container {container.name} is another one than before; nothing was done to it"
            )
        query = f"?t={GRACE}" if act == "stop" else ""
        await self._ask("POST", f"/containers/{container.id}/{act}{query}", {204, 304, 409})

    async def _ask(self, method: str, path: str, good: set[int]) -> Mapping[str, object]:
        import aiohttp

        try:
            async with (
                aiohttp.ClientSession(
                    connector=self._connector(), timeout=aiohttp.ClientTimeout(total=TIMEOUT), trust_env=False
                ) as session,
                session.request(method, f"http://docker{path}") as answer,
            ):
                body = await answer.read()
                if answer.status not in good:
                    told = body.decode(errors="replace")[:200]
                    raise ClientError(
                        f"Docker at {self.address} answered {method} {path} with {answer.status}: {told}"
                    )
                return _mapping(await answer.json()) if body and answer.status == 200 else {}
        except aiohttp.ClientConnectorError as error:
            raise ServerGoneError(
                f"Docker does not answer at {self.address} ({error}); is it running, and may you use it?"
            ) from error
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ClientError(f"Docker at {self.address} failed at {method} {path}: {error!r}") from error

    def _connector(self) -> aiohttp.BaseConnector:
        import aiohttp

        parts = urlsplit(self.address)
        if parts.scheme != "unix":
            raise ClientError(
                f"Docker at {self.address} is reached by its socket only; set DOCKER_HOST to unix://PATH"
            )
        return aiohttp.UnixConnector(path=parts.path)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
