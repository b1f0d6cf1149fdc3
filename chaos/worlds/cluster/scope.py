"""What a run is about in a namespace, beside which everything there is somebody else's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from chaos.clients.cluster import Cluster, NotInClusterError
from chaos.clients.cluster_objects import Deployment
from chaos.worlds.base import Link
from chaos.worlds.cluster.sight import Sight
from chaos.worlds.cluster.target import Target


@dataclass(frozen=True)
class Scope:
    """The links of a run, the deployments that faults may touch, and the Secret in which the token of the outpost is
    kept.

    What is Standby's `own` (the rooms) has that Secret, may be spread over the nodes before a run, and answers HTTP on
    every link; what is somebody else's is taken as it is.
    """

    links: Callable[[Sight], Awaitable[Mapping[str, Link]]]
    touches: Callable[[Deployment], bool]
    kept_in: str
    own: bool

    async def token(self, cluster: Cluster, target: Target) -> str:
        """The token; empty where there is none and none is needed. Raises ClientError."""
        try:
            return await cluster.secret(target.namespace, self.kept_in, "token")
        except NotInClusterError:
            if self.own:
                raise
            return ""
