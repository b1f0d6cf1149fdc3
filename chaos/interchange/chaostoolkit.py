"""A Chaos Toolkit experiment as a Standby document, with every part of it: what it became, or why it is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue, TypeAdapter, ValidationError

from chaos.experiment.fault import FaultSpec
from chaos.experiment.objective import Objective, StopCondition
from chaos.interchange.actions import ALL, Begins, Ends, Made, NoEquivalentError, act
from chaos.interchange.assembly import HYPOTHESIS, Parts, Running, document, line, unique
from chaos.interchange.layout import unreadable
from chaos.interchange.links import Proxy
from chaos.interchange.objectives import Plain, judged
from chaos.interchange.values import UnknownValueError, Values, configured, secret

HEADING = ("version", "title", "description", "tags", "steady-state-hypothesis", "method", "rollbacks")
"""Keys that are no part by themselves."""
SAFEGUARDS = "chaosaddons.controls.safeguards"
_ACTIVITY_KEYS = {"name", "type", "provider", "tolerance", "pauses", "background", "controls", "ref"}


@dataclass(frozen=True)
class Item:
    """One part of the source: what it became, or, if that is empty, why it is left out. `notes` are for its author."""

    place: str
    name: str
    became: str = ""
    why: str = ""
    notes: tuple[str, ...] = ()


@dataclass
class Conversion:
    """What came of it."""

    document: Plain
    items: list[Item]
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
    """Convert an experiment. `proxies` are those that it takes for granted. Never raises: what is wrong is left out."""
    return _Converter(source, faults, proxies).whole()


@dataclass
class _Converter:
    source: Mapping[str, JsonValue]
    faults: Mapping[str, type[FaultSpec]]
    proxies: Sequence[Proxy]
    items: list[Item] = field(default_factory=list)
    values: Values = field(default_factory=Values)
    parts: Parts = field(default_factory=Parts)

    def whole(self) -> Conversion:
        for proxy in self.proxies:
            self._add_link(proxy)
        self._values()
        hypothesis = self.source.get("steady-state-hypothesis")
        probes = hypothesis.get("probes") if isinstance(hypothesis, Mapping) else hypothesis
        for place, activity in self._activities("steady-state-hypothesis.probes", probes):
            self._probe(place, activity, HYPOTHESIS)
        if isinstance(hypothesis, Mapping):
            self._controls("steady-state-hypothesis.controls", hypothesis.get("controls"))
        for place, activity in self._activities("method", self.source.get("method")):
            self._method(place, activity)
        for place, activity in self._activities("rollbacks", self.source.get("rollbacks")):
            self._rollback(place, activity)
        self._controls("controls", self.source.get("controls"))
        for key in self.source:
            if key not in HEADING and key not in ("configuration", "secrets", "controls"):
                self._leave(str(key), "", "Standby's documents have nothing like it")
        return Conversion(document(self.parts, self.source), self.items, line(self.source.get("description")))

    # --- the parts of the source ---------------------------------------------------------------------------------

    def _values(self) -> None:
        for place, name, entry in _leaves("configuration", self.source.get("configuration")):
            try:
                self.values.known[name] = self.values.configuration[name] = configured(entry)
                self._keep(place, name, "filled in where it is used")
            except UnknownValueError as error:
                self.values.unknown[name] = str(error)
                self._leave(place, name, str(error))
        secrets = self.source.get("secrets")
        for target, several in (
            secrets.items() if isinstance(secrets, Mapping) else [("", secrets)] if secrets else []
        ):
            for place, name, entry in _leaves(f"secrets.{target}", several):
                try:
                    self.values.secrets.setdefault(target, {})[name] = secret(entry)
                    self.values.known.setdefault(name, self.values.secrets[target][name])
                    self._keep(place, name, "read from the environment where it is used")
                except UnknownValueError as error:
                    self.values.unknown[name] = str(error)
                    self._leave(place, name, str(error))

    def _activities(self, place: str, several: JsonValue) -> Iterator[tuple[str, Mapping[str, JsonValue]]]:
        """Each activity of a list with its place; what is none is left out here."""
        if several is None:
            return
        if not isinstance(several, list):
            self._leave(place, "", "it is no list")
            return
        for number, one in enumerate(several):
            here = f"{place}[{number}]"
            activity = self._referred(one) if isinstance(one, Mapping) and "ref" in one else one
            if not isinstance(activity, Mapping):
                self._leave(here, "", "it is no activity, or refers to none")
                continue
            yield here, activity
            self._controls(f"{here}.controls", activity.get("controls") if activity is one else None)

    def _referred(self, one: Mapping[str, JsonValue]) -> JsonValue:
        hypothesis = self.source.get("steady-state-hypothesis")
        lists = [
            hypothesis.get("probes") if isinstance(hypothesis, Mapping) else None,
            self.source.get("method"),
            self.source.get("rollbacks"),
        ]
        several = [each for found in lists if isinstance(found, list) for each in found]
        return next(
            (
                each
                for each in several
                if isinstance(each, Mapping) and each.get("name") == one["ref"] and "ref" not in each
            ),
            None,
        )

    def _controls(self, place: str, several: JsonValue) -> None:
        if several is None:
            return
        for number, control in enumerate(several if isinstance(several, list) else [several]):
            here = f"{place}[{number}]" if isinstance(several, list) else place
            name = line(control.get("name")) if isinstance(control, Mapping) else ""
            try:
                stops = self._safeguards(control)
            except (NoEquivalentError, UnknownValueError) as error:
                self._leave(here, name, str(error))
            else:
                self.parts.stops += stops
                self._keep(here, name, "stop_when")

    def _safeguards(self, control: JsonValue) -> list[Plain]:
        """A control that ends the experiment when a query of Prometheus is not as it should be."""
        provider = control.get("provider") if isinstance(control, Mapping) else None
        if not isinstance(provider, Mapping) or provider.get("module") != SAFEGUARDS:
            raise NoEquivalentError(
                "Standby has no controls; of Chaos Toolkit's, safeguards that ask Prometheus have an equivalent"
            )
        arguments = provider.get("arguments")
        probes = arguments.get("probes") if isinstance(arguments, Mapping) else None
        stops: list[Plain] = []
        prometheus = self.parts.prometheus
        for probe in probes if isinstance(probes, list) else []:
            if not isinstance(probe, Mapping):
                raise NoEquivalentError("one of its probes is none")
            made = judged(probe, self.values, lambda value: value)
            if "query" not in made.source or prometheus not in ("", made.prometheus):
                raise NoEquivalentError(
                    "only a safeguard that asks one Prometheus for one number can stop a run"
                )
            prometheus = made.prometheus
            name = unique(line(probe.get("name")) or "a safeguard", [*self.parts.stops, *stops])
            stops.append(
                {
                    "name": name,
                    "query": made.source["query"],
                    "expect": str(made.source["expect"]).replace("==", "!="),
                }
            )
        if not stops or any(unreadable(stop) or _trouble(StopCondition, stop) for stop in stops):
            raise NoEquivalentError("its probes do not make a stop condition")
        self.parts.prometheus = prometheus
        return stops

    def _probe(self, place: str, activity: Mapping[str, JsonValue], phases: list[JsonValue]) -> None:
        name = line(activity.get("name"))
        try:
            made = judged(activity, self.values, self.parts.links.over)
            if made.prometheus and self.parts.prometheus not in ("", made.prometheus):
                raise NoEquivalentError("a document asks one Prometheus, and another probe asks another")
        except (NoEquivalentError, UnknownValueError) as error:
            self._leave(place, name, str(error))
            return
        objective: Plain = {"name": unique(name or "a probe", self.parts.objectives), **made.source}
        if "query" not in objective:
            objective["interval"] = "500ms"
        if why := unreadable(objective) or _trouble(Objective, objective):
            self._leave(place, name, why)
            return
        self.parts.prometheus = made.prometheus or self.parts.prometheus
        self.parts.objectives.append({**objective, "during": phases})
        self._keep(place, name, f"the objective {objective['name']!r}", *made.notes, *_unknown_keys(activity))

    def _method(self, place: str, activity: Mapping[str, JsonValue]) -> None:
        before, after = _pauses(activity)
        self.parts.clock += before
        if activity.get("type") == "probe":
            if "tolerance" in activity:
                self._probe(place, activity, ["faults"])
            else:
                self._leave(place, line(activity.get("name")), "it has no tolerance: nothing is judged by it")
        else:
            self._action(place, activity)
        self.parts.clock += after

    def _action(self, place: str, activity: Mapping[str, JsonValue]) -> None:
        name = line(activity.get("name"))
        try:
            done = self._act(activity)
            notes = self._do(done)
        except (NoEquivalentError, UnknownValueError) as error:
            self._leave(place, name, str(error))
            return
        became = {
            Begins: "a fault",
            Ends: "the end of a fault",
            Made: "a link",
        }[type(done)]
        self._keep(place, name, became, *notes, *_unknown_keys(activity))

    def _act(self, activity: Mapping[str, JsonValue]) -> Begins | Ends | Made:
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

    def _do(self, done: Begins | Ends | Made) -> tuple[str, ...]:
        if isinstance(done, Made):
            self._add_link(Proxy(done.name, done.listen, done.upstream))
            return ("the link is there from the beginning",)
        if isinstance(done, Ends):
            ended = [
                one for one in self.parts.running if one.ends is None and _same(one.begins.key, done.key)
            ]
            if not ended:
                raise NoEquivalentError("it ends nothing that has begun before")
            for one in ended:
                one.ends = self.parts.clock
            return ()
        if done.cluster != self.parts.cluster and self.parts.running:
            raise NoEquivalentError(
                "a document's faults are all in a cluster or all on this machine, and others came first"
            )
        if not done.cluster and done.on not in self.parts.links.proxies:
            raise NoEquivalentError(
                f"where the proxy {done.on!r} leads to is not known; give it with `--proxies`"
            )
        spec = self.faults[str(done.fault["fault"])]
        placed = {**done.fault, **({} if done.cluster else {"link": "x"})}
        if why := _trouble(spec, placed):
            raise NoEquivalentError(why)
        self.parts.running.append(Running(done, self.parts.clock))
        return done.notes

    def _rollback(self, place: str, activity: Mapping[str, JsonValue]) -> None:
        name = line(activity.get("name"))
        try:
            done = self._act(activity)
        except (NoEquivalentError, UnknownValueError) as error:
            self._leave(place, name, str(error))
            return
        undoes = isinstance(done, Ends) and (
            any(_same(one.begins.key, done.key) for one in self.parts.running)
            or done.key == ALL
            or done.key[0] in self.parts.links.proxies
        )
        if undoes:
            self._keep(place, name, "what Standby undoes by itself", *_unknown_keys(activity))
        else:
            self._leave(place, name, "Standby undoes what it did; this changes something else")

    def _add_link(self, proxy: Proxy) -> None:
        if (
            proxy.listen.rpartition(":")[2] == "0"
        ):  # wherever something is free: the experiment asks for its port by name
            self.values.known[f"{proxy.name}_PORT"] = f"@{proxy.name}"
            proxy = Proxy(proxy.name, f"127.0.0.1:@{proxy.name}", proxy.upstream)
        self.parts.links.add(proxy)

    def _keep(self, place: str, name: str, became: str, *notes: str) -> None:
        self.items.append(Item(place, name, became=became, notes=tuple(notes)))

    def _leave(self, place: str, name: str, why: str) -> None:
        self.items.append(Item(place, name, why=why))


def _leaves(place: str, several: JsonValue) -> Iterator[tuple[str, str, JsonValue]]:
    """Each named value of a section with its place; a section that is none is one value."""
    if isinstance(several, Mapping):
        for name, entry in several.items():
            yield f"{place}.{name}", str(name), entry
    elif several is not None:
        yield place, "", several


def _pauses(activity: Mapping[str, JsonValue]) -> tuple[float, float]:
    given = activity.get("pauses")
    pauses = given if isinstance(given, Mapping) else {}

    def seconds(value: JsonValue) -> float:
        well = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 3600
        return float(value) if well else 0.0  # type: ignore[arg-type]

    return seconds(pauses.get("before")), seconds(pauses.get("after"))


def _unknown_keys(activity: Mapping[str, JsonValue]) -> list[str]:
    return [f"its key `{key}` was left out" for key in activity if key not in _ACTIVITY_KEYS]


def _same(key: tuple[str, str], ended: tuple[str, str]) -> bool:
    return ended in {ALL, key, (key[0], "*")}


def _trouble(model: type[Objective | FaultSpec | StopCondition], value: Plain) -> str:
    """Why a part of the document is not valid; empty when it is."""
    try:
        TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return ""
