"""Chaos Toolkit's actions on Toxiproxy and on Kubernetes, as Standby's faults and what ends them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pydantic import JsonValue

Arguments: TypeAlias = Mapping[str, JsonValue]
Fault: TypeAlias = dict[str, JsonValue]


class NoEquivalentError(Exception):
    """Standby has nothing that does the same; the message says why."""


@dataclass(frozen=True)
class Begins:
    """A fault: `on` is the proxy, workload or node, `key` what ends it; `notes` what the author should know."""

    fault: Fault
    on: str
    key: tuple[str, str]
    cluster: bool = False
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Ends:
    """The end of whatever fault has this key; a key whose second part is `*` ends all on its target, `*` all."""

    key: tuple[str, str]


@dataclass(frozen=True)
class Made:
    """A proxy that the experiment makes itself."""

    name: str
    upstream: str
    listen: str


Act: TypeAlias = Begins | Ends | Made
ALL = ("*", "*")
LIMITS = "say how much of the cluster it may hurt, such as `max_affected: {nodes: 1, pods: 50%}`"
"""What Chaos Toolkit never asks for, and a run on a cluster needs."""
ANYWHERE = "0.0.0.0"  # noqa: S104  where Chaos Toolkit lets a proxy listen unless it is told


def act(module: str, func: str, arguments: Arguments) -> Act | None:
    """What an action does; None for one that is not known here. Raises NoEquivalentError."""
    made = _ACTS.get((module, func)) or _ACTS.get((_short(module), func))
    return made(arguments) if made else None


def _short(module: str) -> str:
    """Of the same functions under the extensions' older names."""
    return {
        "chaosk8s.actions": "chaosk8s.pod.actions",
        "chaostoxi.actions": "chaostoxi.toxic.actions",
    }.get(module, module)


def _text(arguments: Arguments, name: str) -> str:
    found = arguments.get(name)
    if not isinstance(found, str) or not found or "${" in found:
        raise NoEquivalentError(f"`{name}` must be a name that is known before the run")
    return found


def _count(arguments: Arguments, name: str, *, default: int | None = None) -> int:
    found = arguments.get(name, default)
    if isinstance(found, str) and found.isdigit():
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise NoEquivalentError(f"`{name}` must be a whole number that is known before the run")
    return found


def _toxic(kind: str, attributes: Arguments) -> Fault:
    """A toxic's attributes as a fault's parameters, with their units."""
    if kind == "latency":
        jitter = _count(attributes, "jitter", default=0)
        return {
            "fault": "latency",
            "delay": f"{_count(attributes, 'latency')}ms",
            **({"jitter": f"{jitter}ms"} if jitter else {}),
        }
    if kind == "bandwidth":
        return {"fault": "bandwidth", "rate": f"{_count(attributes, 'rate')}KB/s"}
    if kind == "timeout":
        return {"fault": "timeout", "after": f"{_count(attributes, 'timeout')}ms"}
    if kind == "reset_peer":
        return {"fault": "reset", "after": f"{_count(attributes, 'timeout', default=0)}ms"}
    if kind == "slicer":
        return {
            "fault": "slicer",
            "average_size": f"{_count(attributes, 'average_size')}B",
            "size_variation": f"{_count(attributes, 'size_variation', default=0)}B",
            "delay": f"{_count(attributes, 'delay', default=0)}us",
        }
    if kind == "limit_data":
        return {"fault": "limit_data", "bytes": f"{_count(attributes, 'bytes')}B"}
    raise NoEquivalentError(f"Standby has no fault for the toxic `{kind}`")


def _put(arguments: Arguments, kind: str, attributes: Arguments, extra: Fault) -> Begins:
    proxy, name = _text(arguments, "for_proxy"), _text(arguments, "toxic_name")
    return Begins({**_toxic(kind, attributes), **extra, "name": name}, proxy, (proxy, name))


def _any_toxic(arguments: Arguments) -> Begins:
    attributes, toxicity = arguments.get("attributes"), arguments.get("toxicity", 1.0)
    stream = arguments.get("stream", "downstream")
    if (
        stream not in ("downstream", "upstream")
        or not isinstance(toxicity, int | float)
        or not 0 < toxicity <= 1
    ):
        raise NoEquivalentError(
            "`stream` must be upstream or downstream, `toxicity` more than 0 and at most 1"
        )
    extra: Fault = {"direction": stream} if stream != "downstream" else {}
    extra |= {"toxicity": float(toxicity)} if toxicity != 1 else {}
    given = attributes if isinstance(attributes, Mapping) else {}
    return _put(arguments, str(arguments.get("toxic_type")), given, extra)


def _named(kind: str, **renamed: str) -> Callable[[Arguments], Begins]:
    """A function of the extension that makes one kind of toxic."""

    def put(arguments: Arguments) -> Begins:
        attributes = {renamed.get(name, name): value for name, value in arguments.items()}
        return _put(arguments, kind, attributes, {})

    return put


def _down(arguments: Arguments) -> Begins:
    proxy = _text(arguments, "proxy_name")
    return Begins({"fault": "down", "name": f"{proxy} is down"}, proxy, (proxy, "down"))


def _modified(arguments: Arguments) -> Act:
    if any(arguments.get(key) is not None for key in ("listen_address", "upstream_address")):
        raise NoEquivalentError("a link does not change its ends during a run")
    if arguments.get("enabled") is False:
        return _down(arguments)
    if arguments.get("enabled") is True:
        return Ends((_text(arguments, "proxy_name"), "down"))
    raise NoEquivalentError("it changes nothing")


def _created(arguments: Arguments) -> Made:
    host, port = _text(arguments, "upstream_host"), _count(arguments, "upstream_port")
    listen = _count(arguments, "listen_port", default=0)
    if arguments.get("enabled", True) is not True:
        raise NoEquivalentError("a link is open when it is made")
    if str(host).startswith("env:"):
        raise NoEquivalentError("the upstream must be known before the run")
    return Made(
        _text(arguments, "proxy_name"),
        f"{host}:{port}",
        f"{arguments.get('listen_host', ANYWHERE)}:{listen}",
    )


def _workload(arguments: Arguments, fault: str, **parameters: JsonValue) -> Begins:
    name = _text(arguments, "name")
    return Begins(
        {"fault": fault, "tier": name, **parameters}, name, (name, fault), True, _namespace(arguments)
    )


def _namespace(arguments: Arguments) -> tuple[str, ...]:
    return (f"run it with `--context` and `--namespace {arguments.get('ns', 'default')}`", LIMITS)


def _pods(arguments: Arguments) -> Begins:
    label = _text(arguments, "label_selector")
    key, _, value = label.partition("=")
    if key not in ("app", "name", "app.kubernetes.io/name") or not value.replace("-", "").isalnum():
        raise NoEquivalentError(
            "pods are chosen by their Deployment: label_selector must be app=NAME or name=NAME"
        )
    if arguments.get("name_pattern") is not None or arguments.get("mode", "fixed") != "fixed":
        raise NoEquivalentError(
            "pods are chosen by their Deployment and a number, not by name_pattern or percentage"
        )
    select: dict[str, JsonValue] = (
        {} if arguments.get("all") is True else {"count": _count(arguments, "qty", default=1)}
    )
    grace = arguments.get("grace_period", -1)
    parameters: dict[str, JsonValue] = {"select": select} if select else {}
    if isinstance(grace, int) and grace >= 0:
        parameters["grace"] = f"{grace}s"
    assumed = f"the pods with {label} are taken to be those of the Deployment {value}"
    fault: Fault = {"fault": "pod_kill", "tier": value, **parameters}
    return Begins(fault, value, (value, "pod_kill"), True, (assumed, *_namespace(arguments)))


def _node(fault: Fault, key: str) -> Callable[[Arguments], Begins]:
    def put(arguments: Arguments) -> Begins:
        if arguments.get("label_selector") is not None or arguments.get("pod_label_selector") is not None:
            raise NoEquivalentError("a node is chosen by its name here")
        name = _text(arguments, "name")
        return Begins(
            {**fault, "node": name},
            "",
            (name, key),
            True,
            ("run it with `--context` and `--namespace`", LIMITS),
        )

    return put


_TOXIC, _PROXY = "chaostoxi.toxic.actions", "chaostoxi.proxy.actions"
_POD, _DEPLOYMENT, _NODE = "chaosk8s.pod.actions", "chaosk8s.deployment.actions", "chaosk8s.node.actions"
_ACTS: Mapping[tuple[str, str], Callable[[Arguments], Act]] = {
    (_TOXIC, "create_toxic"): _any_toxic,
    (_TOXIC, "create_latency_toxic"): _named("latency"),
    (_TOXIC, "create_bandwith_degradation_toxic"): _named("bandwidth"),
    (_TOXIC, "create_timeout_toxic"): _named("timeout"),
    (_TOXIC, "create_slicer_toxic"): _named("slicer"),
    (_TOXIC, "create_limiter_toxic"): _named("limit_data", bytes_limit="bytes"),
    (_TOXIC, "create_slow_connection_close_toxic"): _named("slow_close"),
    (_TOXIC, "delete_toxic"): lambda given: Ends((_text(given, "for_proxy"), _text(given, "toxic_name"))),
    (_PROXY, "create_proxy"): _created,
    (_PROXY, "modify_proxy"): _modified,
    (_PROXY, "disable_proxy"): _down,
    (_PROXY, "enable_proxy"): lambda given: Ends((_text(given, "proxy_name"), "down")),
    (_PROXY, "delete_proxy"): lambda given: Ends((_text(given, "proxy_name"), "*")),
    (_PROXY, "reset"): lambda _given: Ends(ALL),
    (_POD, "terminate_pods"): _pods,
    (_POD, "delete_pods"): _pods,
    (_DEPLOYMENT, "scale_deployment"): lambda given: _workload(
        given, "scale_down", to=_count(given, "replicas")
    ),
    (_DEPLOYMENT, "rollout_deployment"): lambda given: _workload(given, "rollout_restart"),
    (_NODE, "cordon_node"): _node({"fault": "node_cordon"}, "node_cordon"),
    (_NODE, "uncordon_node"): lambda given: Ends((_text(given, "name"), "node_cordon")),
    (_NODE, "drain_nodes"): _node({"fault": "node_loss", "how": "drain"}, "node_cordon"),
}
