"""A Chaos Toolkit experiment as a Standby document, with every part of it: what it became, or why it is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from chaos.experiment.fault import FaultSpec
from chaos.experiment.objective import Objective
from chaos.interchange.actions import NoEquivalentError
from chaos.interchange.assembly import HYPOTHESIS, Parts, document, line, unique
from chaos.interchange.items import Item, Items
from chaos.interchange.links import Proxy
from chaos.interchange.method import Method
from chaos.interchange.objectives import Plain, judged
from chaos.interchange.reading import Activity, hypothesis_probes, leaves, pauses, referred, unknown_keys
from chaos.interchange.safeguards import add_stops
from chaos.interchange.validity import invalid, unreadable
from chaos.interchange.values import UnknownValueError, Values, configured, secret

HEADING = ("version", "title", "description", "tags", "steady-state-hypothesis", "method", "rollbacks")
"""Keys that are no part by themselves."""


@dataclass
class Conversion:
    """What came of it."""

    document: Plain
    items: Sequence[Item]
    description: str = ""

    @property
    def converted(self) -> list[Item]:
        """The parts that have an equivalent."""
        return [item for item in self.items if item.became]

    @property
    def left_out(self) -> list[Item]:
        """The others, each with why."""
        return [item for item in self.items if not item.became]


def convert(
    source: Mapping[str, JsonValue],
    *,
    faults: Mapping[str, type[FaultSpec]],
    proxies: Sequence[Proxy] = (),
) -> Conversion:
    """Convert an experiment; what is wrong in it is left out. `proxies` are those that it takes for granted.

    Raises NoEquivalentError for one of these that can be no link.
    """
    values, parts = Values(), Parts()
    converter = _Converter(source, values, parts, Method(faults, values, parts))
    for proxy in proxies:
        converter.method.link(proxy)
    converter.convert()
    return Conversion(document(parts, source), converter.items, line(source.get("description")))


@dataclass
class _Converter:
    source: Mapping[str, JsonValue]
    values: Values
    parts: Parts
    method: Method
    items: Items = field(default_factory=Items)

    def convert(self) -> None:
        """Every part of the source, each of which becomes an item."""
        self._values()
        hypothesis = self.source.get("steady-state-hypothesis")
        for place, activity in self._activities(
            "steady-state-hypothesis.probes", hypothesis_probes(self.source)
        ):
            self._probe(place, activity, HYPOTHESIS)
        if isinstance(hypothesis, Mapping):
            self._controls("steady-state-hypothesis.controls", hypothesis.get("controls"))
        for place, activity in self._activities("method", self.source.get("method")):
            self._step(place, activity)
        for place, activity in self._activities("rollbacks", self.source.get("rollbacks")):
            self._rollback(place, activity)
        self._controls("controls", self.source.get("controls"))
        for key in self.source:
            if key not in HEADING and key not in ("configuration", "secrets", "controls"):
                self.items.leave(str(key), "", "Standby's documents have nothing like it")

    def _values(self) -> None:
        for place, name, entry in leaves("configuration", self.source.get("configuration")):
            try:
                self.values.known[name] = self.values.configuration[name] = configured(entry)
                self.items.keep(place, name, "filled in where it is used")
            except UnknownValueError as error:
                self.values.unknown[name] = str(error)
                self.items.leave(place, name, str(error))
        secrets = self.source.get("secrets")
        for target, several in (
            secrets.items() if isinstance(secrets, Mapping) else [("", secrets)] if secrets else []
        ):
            for place, name, entry in leaves(f"secrets.{target}", several):
                try:
                    self.values.secrets.setdefault(target, {})[name] = secret(entry)
                    self.values.known.setdefault(name, self.values.secrets[target][name])
                    self.items.keep(place, name, "read from the environment where it is used")
                except UnknownValueError as error:
                    self.values.unknown[name] = str(error)
                    self.items.leave(place, name, str(error))

    def _activities(self, place: str, several: JsonValue) -> Iterator[tuple[str, Activity]]:
        """Each activity of a list with its place; what is none is left out here."""
        if several is None:
            return
        if not isinstance(several, list):
            self.items.leave(place, "", "it is no list")
            return
        for number, one in enumerate(several):
            here = f"{place}[{number}]"
            refers = isinstance(one, Mapping) and "ref" in one
            activity = referred(self.source, one["ref"]) if isinstance(one, Mapping) and refers else one
            if not isinstance(activity, Mapping):
                self.items.leave(here, "", "it is no activity, or refers to none")
                continue
            yield here, activity
            if not refers:
                self._controls(f"{here}.controls", activity.get("controls"))

    def _controls(self, place: str, several: JsonValue) -> None:
        if several is None:
            return
        for number, control in enumerate(several if isinstance(several, list) else [several]):
            here = f"{place}[{number}]" if isinstance(several, list) else place
            name = line(control.get("name")) if isinstance(control, Mapping) else ""
            try:
                add_stops(control, self.values, self.parts)
            except (NoEquivalentError, UnknownValueError) as error:
                self.items.leave(here, name, str(error))
            else:
                self.items.keep(here, name, "stop_when")

    def _probe(self, place: str, activity: Activity, phases: list[JsonValue]) -> None:
        name = line(activity.get("name"))
        try:
            made = judged(activity, self.values, self.parts.links.over)
            if made.prometheus and self.parts.prometheus not in ("", made.prometheus):
                raise NoEquivalentError("a document asks one Prometheus, and another probe asks another")
        except (NoEquivalentError, UnknownValueError) as error:
            self.items.leave(place, name, str(error))
            return
        objective: Plain = {"name": unique(name or "a probe", self.parts.objectives), **made.source}
        if "query" not in objective:
            objective["interval"] = "500ms"
        if why := unreadable(objective) or invalid(Objective, objective):
            self.items.leave(place, name, why)
            return
        self.parts.prometheus = made.prometheus or self.parts.prometheus
        self.parts.objectives.append({**objective, "during": phases})
        self.items.keep(
            place, name, f"the objective {objective['name']!r}", *made.notes, *unknown_keys(activity)
        )

    def _step(self, place: str, activity: Activity) -> None:
        before, after = pauses(activity)
        self.parts.clock += before
        if activity.get("type") != "probe":
            self._action(place, activity)
        elif "tolerance" in activity:
            self._probe(place, activity, ["faults"])
        else:
            self.items.leave(
                place, line(activity.get("name")), "it has no tolerance: nothing is judged by it"
            )
        self.parts.clock += after

    def _action(self, place: str, activity: Activity) -> None:
        name = line(activity.get("name"))
        try:
            became, notes = self.method.take(activity)
        except (NoEquivalentError, UnknownValueError) as error:
            self.items.leave(place, name, str(error))
        else:
            self.items.keep(place, name, became, *notes, *unknown_keys(activity))

    def _rollback(self, place: str, activity: Activity) -> None:
        name = line(activity.get("name"))
        try:
            undoes = self.method.undoes(activity)
        except (NoEquivalentError, UnknownValueError) as error:
            self.items.leave(place, name, str(error))
            return
        if undoes:
            self.items.keep(place, name, "what Standby undoes by itself", *unknown_keys(activity))
        else:
            self.items.leave(place, name, "Standby undoes what it did; this changes something else")
