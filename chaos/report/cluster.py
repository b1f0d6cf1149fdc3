"""What Kubernetes itself saw during a run, by its own clock: nodes that changed, pods that left and came."""

from __future__ import annotations

from chaos.record import Event
from chaos.report import fields as f
from chaos.report.model import Cluster, Seen
from chaos.report.trail import Trail, moment


def cluster_of(trail: Trail) -> Cluster | None:
    """The cluster of a run and what was seen in it; None for a run in the local world."""
    told = f.labels(trail.start, "cluster")
    if not told:
        return None
    ready = trail.last("world_ready")
    seen = [
        _seen(event, _words(event), trail)
        for event in trail.events
        if event.name in ("node_changed", "pod_leaves", "pod_ready", "cluster_unseen", "cluster_seen_again")
    ]
    return Cluster(
        context=told.get("context", ""),
        namespace=told.get("namespace", ""),
        node_grace=f.text(ready, "node_grace") if ready is not None else "",
        seen=tuple(seen),
    )


def _seen(event: Event, what: str, trail: Trail) -> Seen:
    since = f.number(event, "since")
    return Seen(what=what, noticed_s=trail.story(event.t), since=moment(since) if since is not None else None)


def _words(event: Event) -> str:
    match event.name:
        case "node_changed":
            ready = "Ready" if f.flag(event, "ready") else "NotReady"
            shut = ", takes no new pods" if f.flag(event, "unschedulable") else ""
            return f"node {f.text(event, 'node')} is {ready}{shut}"
        case "pod_leaves":
            return f"pod {f.text(event, 'pod')} is told to leave {f.text(event, 'node')}"
        case "pod_ready":
            return f"pod {f.text(event, 'pod')} is ready on {f.text(event, 'node')}"
        case "cluster_unseen":
            return "the API server does not answer"
    return "the API server answers again"
