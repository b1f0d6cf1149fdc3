"""What a live run shows of the durations that the simulator rests on.

Causes and repairs are taken at the moments at which they were carried out, alerts at those at which the crew was told.
Where the cause is a measure that crosses its limit (tokens, sound, announcements), its moment is that of the recorded
curve, less half of the window over which the curve is taken and half a scrape.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from chaos.clock import RealSeconds
from chaos.crew.alerts import HOLD
from chaos.engine.sampling import ALERTS_EVERY
from chaos.record import Event
from chaos.report import fields as f
from chaos.report.model import Fault, Repair, RunReport
from chaos.report.trail import Trail
from chaos.rooms.system.rooms import LAG_ALLOWED

SCRAPE = RealSeconds(1.0)
BRIDGE = ("media-to-platform", "platform-to-media")
BRIDGE_ALERTS = ("BridgeSlow", "BridgeFailing", "BridgeStalled")
SLOWING = ("latency", "bandwidth")
SOON = RealSeconds(20.0)
"""An alert that begins later than this after a cause may have another one."""
WAITS = RealSeconds(0.25), RealSeconds(2.0)
"""Joins that take longer than the first wait for the instance; after the second, clients give up and press again."""
FEWEST_WAITING = 100
"""Joins under way below which a second is not told: a handful that press again are no rush."""
FEWEST_BACK = 10
"""Clients that came back, from which on their mean time is told."""
WINDOW = 6
"""Samples that a rate over 5 s has in it, one more than its seconds; another second passes until a scrape has them."""
BACK_WITHIN = RealSeconds(10.0)
"""A client that comes back later than this after its room moved was kept by something else."""
_REPAIRS = {
    "fail_over_bridge": "fail_over",
    "bypass_tokens": "settings",
    "shed_announcements": "settings",
    "shed_joins": "settings",
    "restart_process": "restart",
    "bring_node_back": "node_back",
    "scale_out_media": "scale_out",
    "reopen_room": "reopen",
    "relaunch_room": "relaunch",
}
SCALE_OUT = "scale_out_media"
_ACROSS = ("reopen_room", SCALE_OUT)
"""Repairs whose own call crosses the bridge: the simulator adds the bridge's delay itself."""
Observed: TypeAlias = dict[str, tuple[float, ...]]
"""By the name of a duration (`chaos.study.durations`): each time that it was seen, in its unit."""
Series: TypeAlias = f.Series


def observed(report: RunReport, events: Iterable[Event]) -> Observed:
    """Every duration that a run shows, as often as it shows it."""
    found: dict[str, list[float]] = {}
    run = _Run(report, Trail(events))
    for name, value in run.all():
        if math.isfinite(value) and value >= 0:
            found.setdefault(name, []).append(round(value, 3))
    return {name: tuple(values) for name, values in sorted(found.items())}


@dataclass(frozen=True)
class _Limit:
    """A curve of the record that an alert is about: `back` real seconds pass until the curve shows what is so.

    `key`: the alert's label that names the place that the curve is of; none where there is one curve alone.
    `clear`: nothing where the curve says nothing of the end.
    """

    label: str
    alert: str
    key: str
    limit: float
    back: RealSeconds
    seen: str
    clear: str


_LIMITS = (
    _Limit("tokens asked for", "TokensOverloaded", "", 0.9, RealSeconds(3.0), "tokens_seen", "tokens_clear"),
    _Limit(
        "media egress in use",
        "MediaSaturated",
        "instance",
        0.9,
        RealSeconds(1.5),
        "saturated_seen",
        "saturated_clear",
    ),
    _Limit(
        "announcement backlog",
        "AnnouncementsBacklog",
        "",
        20.0,
        RealSeconds(0.5),
        "backlog_seen",
        "backlog_clear",
    ),
    _Limit("given up by the host", "RoomEnded", "room", 0.5, RealSeconds(0.5), "room_ended_seen", ""),
)
Span: TypeAlias = tuple[float, float]
"""Begin and end of what the crew took for one alert, in real seconds of the record; infinity: it did not end."""


class _Run:
    """One run, in real seconds since the start of its warm-up."""

    def __init__(self, report: RunReport, trail: Trail) -> None:
        self.report, self.trail, self.scale = report, trail, report.time_scale

    def all(self) -> Iterator[tuple[str, float]]:
        for fault in self.report.faults:
            if fault.applied_s is not None and fault.in_force is not False:
                yield from self._fault(fault, fault.applied_s / self.scale)
        scaled_out = [one for one in self.report.repairs if one.action == SCALE_OUT and one.ok]
        for repair in self.report.repairs:
            if repair not in scaled_out[1:]:  # the spare runs already
                yield from self._repair(repair)
        for limit in _LIMITS:
            yield from self._crossings(limit)
        yield from self._relaunched()
        yield from self._paths()
        yield from self._joins()
        yield from self._until_sound()
        yield from self._moves()
        yield from self._capacity()
        yield from self._egress()

    # --- causes that are acts ----------------------------------------------------------------------------------------

    def _fault(self, fault: Fault, cause: float) -> Iterator[tuple[str, float]]:
        for link in BRIDGE:
            if _names(fault.target, link):
                over = self._mended(fault, ("fail_over_bridge", "clear_link"), link)
                seen = "bridge_slow_seen" if fault.fault in SLOWING else "bridge_failing_seen"
                yield from self._told(cause, over, BRIDGE_ALERTS, "link", link, seen, "bridge_slow_clear")
        if fault.fault not in ("node_loss", "process_kill"):
            return
        for machine in {alert.labels.get("instance", "") for alert in self.report.alerts}:
            if machine and _names(fault.target, machine):
                over = self._mended(fault, ("restart_process", "bring_node_back"), machine)
                down = ("InstanceDown",)
                yield from self._told(
                    cause, over, down, "instance", machine, "instance_seen", "instance_clear"
                )
        for begin, end in self._spans(("RoomGone",)):
            if cause <= begin <= cause + SOON:
                yield "room_gone_seen", begin - cause
                reopened = self._finished(("reopen_room",), begin, "")
                if begin < reopened < end < math.inf:
                    yield "room_gone_clear", end - reopened

    def _told(
        self, cause: float, over: float, alerts: Sequence[str], label: str, place: str, seen: str, clear: str
    ) -> Iterator[tuple[str, float]]:
        """How long it took until the crew was told of a cause, and of its end."""
        spans = self._spans(alerts, label, place)
        if not any(begin < cause < end for begin, end in spans):
            yield from (
                (seen, begin - cause) for begin, _ in spans if cause <= begin < min(over, cause + SOON)
            )
        last = [end for begin, end in spans if begin < over < end < math.inf]
        yield from ((clear, end - over) for end in last)

    def _mended(self, fault: Fault, actions: Sequence[str], place: str) -> float:
        """When a fault no longer hurt: it was taken away, or a repair led around it."""
        assert fault.applied_s is not None
        undone = math.inf if fault.undone_s is None else fault.undone_s / self.scale
        return min(undone, self._finished(actions, fault.applied_s / self.scale, place))

    def _finished(self, actions: Sequence[str], after: float, place: str) -> float:
        return min(
            (
                one.finished_s / self.scale
                for one in self.report.repairs
                if one.action in actions
                and one.ok
                and not one.noop
                and one.finished_s is not None
                and one.started_s / self.scale >= after
                and (not place or not one.target or _names(one.target.removeprefix("node=node-"), place))
            ),
            default=math.inf,
        )

    def _spans(self, alerts: Sequence[str], label: str = "", place: str = "") -> list[Span]:
        """When the crew took one of these alerts to be there: from the look that found it to when it was held over."""
        own = sorted(
            (
                alert.fired_s / self.scale,
                math.inf if alert.resolved_s is None else alert.resolved_s / self.scale,
            )
            for alert in self.report.alerts
            if alert.alert in alerts and (not label or alert.labels.get(label) == place)
        )
        held = HOLD - ALERTS_EVERY
        spans: list[Span] = []
        for begin, end in own:
            if spans and begin <= spans[-1][1]:
                spans[-1] = spans[-1][0], max(spans[-1][1], end + held)
            else:
                spans.append((begin, end + held))
        return spans

    # --- causes that are limits --------------------------------------------------------------------------------------

    def _crossings(self, about: _Limit) -> Iterator[tuple[str, float]]:
        for label, series in self._curves(about.label):
            place = re.search(r"\((.+)\)$", label)
            spans = self._spans((about.alert,), about.key, place[1] if place else "")
            for begin, end in spans:
                up = _crossing(series, about.limit, begin + about.back, rising=True)
                if up is not None and 0 <= begin - (up - about.back) <= SOON:
                    yield about.seen, begin - (up - about.back)
                if not about.clear:
                    continue
                down = _crossing(series, about.limit, end, rising=False)
                if down is not None and begin < down < end and end - (down - about.back) <= SOON:
                    yield about.clear, end - (down - about.back)

    def _relaunched(self) -> Iterator[tuple[str, float]]:
        """How long it took from a relaunch until the crew was told that the room is no longer over."""
        for begin, end in self._spans(("RoomEnded",)):
            over = self._finished(("relaunch_room",), begin, "")
            if begin < over < end < math.inf:
                yield "room_ended_clear", end - over

    def _curves(self, label: str) -> Iterator[tuple[str, Series]]:
        """The recorded curves whose label begins so, with their whole labels."""
        for event in self.trail.of("figure"):
            whole = f.text(event, "label")
            if whole.startswith(label):
                series = f.series(event, "series")
                yield whole, tuple((round(t - self.trail.zero, 3), value) for t, value in series)

    def _curve(self, label: str) -> dict[float, float]:
        """The first of them, without the moments at which it has no value."""
        return _known(next((series for _, series in self._curves(label)), ()))

    # --- repairs and rates -------------------------------------------------------------------------------------------

    def _repair(self, repair: Repair) -> Iterator[tuple[str, float]]:
        name = _REPAIRS.get(repair.action)
        if name is None or repair.noop or not repair.ok or repair.took_real_s is None:
            return
        if repair.action not in _ACROSS or not self._hurt_at(BRIDGE[1], repair.started_s):
            yield name, repair.took_real_s

    def _hurt_at(self, link: str, story: float) -> bool:
        """Whether a fault hurt a link of the bridge."""
        return any(
            _names(fault.target, link)
            and fault.applied_s is not None
            and fault.applied_s <= story < (math.inf if fault.undone_s is None else fault.undone_s)
            for fault in self.report.faults
        )

    def _paths(self) -> Iterator[tuple[str, float]]:
        ends = {phase.phase: phase for phase in self.report.phases}
        if "baseline" in ends and "faults" in ends and ends["baseline"].ended_s is not None:
            yield "path_proof", (ends["faults"].started_s - ends["baseline"].ended_s) / self.scale

    def _joins(self) -> Iterator[tuple[str, float]]:
        """Joins that an instance answers in a second while more wait for it, for nothing else, and not in vain.

        By Little's law so many are under way that whoever is answered has waited as long as WAITS says.
        """
        done, under_way = self._curve("joins let in"), self._curve("joins under way")
        line, lag = self._curve("wait for a token"), self._curve("audience behind its schedule")

        def waited(moment: float, rate: float) -> bool:
            """For the instance, for nothing else, while the audience kept up."""
            several = under_way.get(moment, 0.0)
            held_up = line.get(moment, 0.0) > WAITS[0] or lag.get(moment, 0.0) > LAG_ALLOWED
            slow = any(self._hurt_at(link, moment * self.scale) for link in BRIDGE)
            return (
                several >= FEWEST_WAITING
                and WAITS[0] < several / rate < WAITS[1]
                and not held_up
                and not slow
            )

        for t, u in pairwise(sorted(done)):
            rate = (done[u] - done[t]) / (u - t)
            if rate > 0 and waited(t, rate):
                yield "joins_per_second", rate

    def _until_sound(self) -> Iterator[tuple[str, float]]:
        """How soon who is let in hears, before anything is hurt: the mean over each of the curve's windows."""
        hurt = min(
            (one.applied_s for one in self.report.faults if one.applied_s is not None), default=math.inf
        )
        curve = self._curve("from being in to fresh sound")
        yield from (("recovery", mean) for mean in _full(curve, lambda moment: moment < hurt / self.scale))

    def _moves(self) -> Iterator[tuple[str, float]]:
        """Clients that look for their room come back evenly over a span: twice the mean of their times.

        Not while they wait in the line for tokens, or for a slow bridge.
        """
        back, line = self._curve("clients that came back by themselves"), self._curve("wait for a token")
        for repair in self.report.repairs:
            if repair.action != "reopen_room" or not repair.ok or repair.noop or repair.finished_s is None:
                continue
            begin = repair.finished_s / self.scale
            moments = [t for t in sorted(back) if begin - SCRAPE <= t <= begin + BACK_WITHIN]
            came = back[moments[-1]] - back[moments[0]] if moments else 0.0
            waited = any(line.get(t, 0.0) > SCRAPE for t in moments)
            if came < FEWEST_BACK or waited or self._hurt_at(BRIDGE[0], repair.finished_s):
                continue
            away = [(t, (back[moments[-1]] - back[t]) / came) for t in moments if t >= begin]
            until = sum((u - t) * (one + other) / 2 for (t, one), (u, other) in pairwise(away))
            yield "moved", 2 * (away[0][0] - begin + until)

    def _capacity(self) -> Iterator[tuple[str, float]]:
        """The work that the token service does, of what the settings say, while joins stand in line."""
        line = self._curve("wait for a token")
        full = _full(self._curve("work done"), lambda moment: line.get(moment, 0.0) > SCRAPE)
        yield from (("token_capacity", done) for done in full)

    def _egress(self) -> Iterator[tuple[str, float]]:
        """The sound that an instance sends, of what the settings say, while more is asked of it."""
        asked, label = dict(self._curves("media egress in use")), "sound sent, of what can be sent"
        for whole, series in self._curves(label):
            use = _known(asked.get(f"media egress in use{whole.removeprefix(label)}", ()))
            full = _full(_known(series), lambda moment, use=use: use.get(moment, 0.0) > 1.0)  # type: ignore[misc]
            yield from (("egress_capacity", sent) for sent in full)


def _known(series: Series) -> dict[float, float]:
    """A curve without the moments at which it has no value."""
    return {t: value for t, value in series if value is not None}


def _full(curve: Mapping[float, float], holds: Callable[[float], bool]) -> Iterator[float]:
    """The values of a rate, or of a mean, all of whose window something held; their windows do not overlap."""
    moments, free = sorted(curve), -math.inf
    for place, moment in enumerate(moments):
        window = moments[max(0, place - WINDOW) : place + 1]
        if moment >= free and len(window) > WINDOW and all(map(holds, window)):
            yield curve[moment]
            free = moment + WINDOW - 1


def _names(text: str, word: str) -> bool:
    """Whether a text names a place: `media-to-platform` is not named by `media-to-platform-spare`."""
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def _crossing(series: Series, limit: float, before: float, *, rising: bool) -> float | None:
    """The last moment before another at which a curve passed its limit, between its samples by a straight line."""
    found = None
    known = [(t, value) for t, value in series if value is not None and t <= before]
    for (t, low), (u, high) in pairwise(known):
        first, second = (low, high) if rising else (-low, -high)
        edge = limit if rising else -limit
        if first <= edge < second:
            found = t + (u - t) * (edge - first) / (second - first)
    return found
