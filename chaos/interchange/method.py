"""What the actions of a method and of rollbacks come to: faults that begin and end, and proxies that are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chaos.experiment.fault import FaultSpec
from chaos.interchange.actions import ALL, Act, Begins, Ends, Made, NoEquivalentError, act
from chaos.interchange.assembly import Parts, Running, line
from chaos.interchange.links import Proxy
from chaos.interchange.reading import Activity
from chaos.interchange.validity import invalid
from chaos.interchange.values import Values


@dataclass
class Method:
    """The actions of one experiment, taken in the order in which Chaos Toolkit would carry them out."""

    faults: Mapping[str, type[FaultSpec]]
    values: Values
    parts: Parts

    def take(self, activity: Activity) -> tuple[str, tuple[str, ...]]:
        """Add what an action does to the parts; what that is, and notes.

        Raises NoEquivalentError, or UnknownValueError for a value that is not known.
        """
        match self._act(activity):
            case Begins() as fault:
                self._begin(fault, line(activity.get("name")))
                return "a fault", fault.notes
            case Ends(key):
                self._end(key)
                return "the end of a fault", ()
            case Made() as made:
                self.link(Proxy(made.name, made.listen, made.upstream))
                return "a link", ("the link is there from the beginning",)

    def undoes(self, activity: Activity) -> bool:
        """Whether a rollback only undoes what Standby undoes by itself. Raises as `take` does."""
        done = self._act(activity)
        return isinstance(done, Ends) and (
            any(_ends(done.key, one.begins) for one in self.parts.running)
            or done.key == ALL
            or done.key[0] in self.parts.links.proxies
        )

    def link(self, proxy: Proxy) -> None:
        """A proxy as a link. Raises NoEquivalentError for one that can be none."""
        if proxy.listen.endswith(
            ":0"
        ):  # wherever something is free: the experiment asks for its port by name
            self.values.known[f"{proxy.name}_PORT"] = f"@{proxy.name}"
            proxy = Proxy(proxy.name, f"127.0.0.1:@{proxy.name}", proxy.upstream)
        self.parts.links.add(proxy)

    def _act(self, activity: Activity) -> Act:
        provider = activity.get("provider")
        if not isinstance(provider, Mapping) or provider.get("type") != "python":
            raise NoEquivalentError(
                "of what a process or a request changes nothing is known, so it could not be undone"
            )
        module, func = line(provider.get("module")), line(provider.get("func"))
        arguments = self.values.filled(provider.get("arguments") or {})
        done = act(module, func, arguments if isinstance(arguments, Mapping) else {})
        if done is None:
            raise NoEquivalentError(f"Standby has no fault that does what {module}.{func} does")
        return done

    def _begin(self, fault: Begins, name: str) -> None:
        if fault.cluster != self.parts.cluster and self.parts.running:
            raise NoEquivalentError(
                "a document's faults are all in a cluster or all on this machine, and others came first"
            )
        if not fault.cluster and fault.on not in self.parts.links.proxies:
            raise NoEquivalentError(
                f"where the proxy {fault.on!r} leads to is not known; give it with `--proxies`"
            )
        placed = {**fault.fault, **({} if fault.cluster else {"link": "x"})}
        if why := invalid(self.faults[str(fault.fault["fault"])], placed):
            raise NoEquivalentError(why)
        self.parts.running.append(Running(fault, self.parts.clock, name))

    def _end(self, key: tuple[str, str]) -> None:
        ended = [one for one in self.parts.running if one.ends is None and _ends(key, one.begins)]
        if not ended:
            raise NoEquivalentError("it ends nothing that has begun before")
        for one in ended:
            one.ends = self.parts.clock


def _ends(key: tuple[str, str], fault: Begins) -> bool:
    return key in {ALL, fault.key, (fault.key[0], "*")}
