"""What happened in a run, in plain words and in order, for somebody who sees such a run for the first time."""

from __future__ import annotations

import re
from collections.abc import Iterable

from chaos.record import Event
from chaos.report import words
from chaos.report.lanes import lanes_of
from chaos.report.model import Fault, Incident, Objective, Repair, RunReport
from chaos.report.plots import curves, rooms_of
from chaos.report.trail import Trail

_BEGAN = {
    "latency": "became slow",
    "timeout": "swallowed everything that was sent",
    "reset": "cut its connections",
    "down": "was down",
    "bandwidth": "became thin",
    "slicer": "delivered everything torn into small pieces",
    "limit_data": "cut each connection after a few bytes",
    "process_kill": "was killed",
    "process_pause": "hung",
    "node_loss": "was lost",
}
_ENDED = {
    "latency": "was quick again",
    "timeout": "answered again",
    "reset": "kept its connections again",
    "down": "was up again",
    "bandwidth": "had its full width again",
    "slicer": "delivered whole again",
    "limit_data": "kept its connections again",
    "process_kill": "ran again",
    "process_pause": "went on",
    "node_loss": "was back",
}
_DID = {
    "fail_over_bridge": ("failed {} over to its spare", "failed the bridge over to its spare"),
    "bypass_tokens": ("bypassed {} with cached tokens", "bypassed the bridge with cached tokens"),
    "shed_announcements": ("dropped the announcements to followers",) * 2,
    "shed_joins": ("turned half of the new listeners away",) * 2,
    "restart_process": ("restarted {}", "restarted a process"),
    "bring_node_back": ("brought {} back", "brought a node back"),
    "scale_out_media": ("added a media instance beside {}", "added a media instance"),
    "reopen_room": ("reopened {} on another instance", "reopened the room on another instance"),
    "relaunch_room": ("opened {} anew from another account", "opened the room anew from another account"),
    "clear_link": ("had {} cleared by its provider", "had a link cleared by its provider"),
}
"""What a repair is in words: with what it was done to, and without."""


def tell(report: RunReport, events: Iterable[Event], *, going: bool = False) -> list[str]:
    """The run in sentences, each with its moment in story time (mm:ss since warm-up began).

    Of a run that is still `going` nothing is told that only its end can show.
    """
    told = [
        *_faults(report),
        *(
            entry
            for incident in (report.crew.incidents if report.crew else ())
            for entry in _incident(incident)
        ),
        *((repair.started_s, _repair(repair)) for repair in report.repairs),
    ]
    if report.lost_at_s is not None:
        told.append(
            (report.lost_at_s, f"At {words.clock(report.lost_at_s)} the room was lost: {_cause(report)}.")
        )
    told.sort(key=lambda entry: entry[0])
    closing = [] if going else _closing(report)
    return [_opening(report, events), *(sentence for _, sentence in told), *closing]


def fate(report: RunReport) -> str:
    """What became of the room, in a few words."""
    if report.survived is None:
        return "the room's fate is not known"
    if report.survived:
        return "the room lived"
    return "the room was lost" + (
        f" at {words.clock(report.lost_at_s)}" if report.lost_at_s is not None else ""
    )


def crew_words(report: RunReport) -> str:
    """The crew in a few words, with what makes a run with people one of many possible ones."""
    if report.crew is None:
        return "no crew: nobody repairs anything"
    people = words.counted(report.crew.headcount, "person", "people") if report.crew.headcount else "nobody"
    return f"{people} {'by the room' if report.crew.attending else 'on call'}"


def draw_words(report: RunReport) -> str:
    """That a run with people is one draw of chance, and which; empty without a crew."""
    if report.crew is None:
        return ""
    return f"one draw, seed {report.seed}" if report.seed is not None else "one draw"


def thing(on: str) -> str:
    """What a fault hurts, as people say it."""
    return words.listed([_thing(place) for place in words.places(on)]) or "something"


def _thing(place: str) -> str:
    if match := re.fullmatch(r"([a-z0-9]+)-to-([a-z0-9]+)", place):
        kind = "bridge" if {match[1], match[2]} == {"media", "platform"} else "link"
        return f"the {kind} from {match[1]} to {match[2]}"
    return "the way from the listeners to media" if place == "edge" else place


def _opening(report: RunReport, events: Iterable[Event]) -> str:
    rooms, _ = rooms_of(curves(Trail(events)))
    planned = max(
        (value for room in rooms if "planned" in room.roles for value in room.roles["planned"].values),
        default=None,
    )
    crew = crew_words(report)
    people, place = next(
        (crew.removesuffix(f" {at}"), at) for at in ("by the room", "on call", "") if crew.endswith(at)
    )
    stand = "sit" if report.crew and report.crew.attending else "are"
    if report.crew is None:
        who = "No crew is modelled"
    elif report.crew.headcount == 1:
        who = f"1 person {'sits' if stand == 'sit' else 'is'} {place}"
    else:
        who = f"{people[:1].upper()}{people[1:]} {stand if report.crew.headcount else 'is'} {place}"
    if planned is None:
        return f"{who} when the story begins at 00:00."
    scale = f" (at a scale of {words.ratio(report.scale)})" if report.scale is not None else ""
    return f"The room opens at 00:00; up to {words.count(planned)} listeners{scale} want to be in it. {who}."


def _faults(report: RunReport) -> list[tuple[float, str]]:
    found: list[tuple[float, str]] = []
    for fault in report.faults:
        if fault.applied_s is None:
            continue
        what = thing(fault.on) if "/" in fault.target else thing(re.sub(r" \(pid \d+\)", "", fault.target))
        began = _BEGAN.get(fault.fault)
        said = f"{what} {began}" if began else f"“{fault.name}” began on {what}"
        doubt = "" if fault.in_force else ", as planned; that it was in force is not shown"
        found.append(
            (fault.applied_s, f"At {words.clock(fault.applied_s)} {said}{_parameters(fault)}{doubt}.")
        )
        if fault.undone_s is not None and fault.undone_by in {"schedule", "repair"}:
            ended = _ENDED.get(fault.fault)
            over = f"{what} {ended}" if ended else f"“{fault.name}” was over"
            by = ", repaired" if fault.undone_by == "repair" else ", by itself"
            found.append((fault.undone_s, f"At {words.clock(fault.undone_s)} {over}{by}."))
    return found


_PLAIN = {("toxicity", "1"), ("toxicity", "1.0"), ("toxicity", "100%")}
"""Parameters that say nothing: the fault is there for every connection."""


def _parameters(fault: Fault) -> str:
    said = [
        f"{words.spoken(name)} {value}"
        for name, value in fault.parameters.items()
        if (name, value) not in _PLAIN
        and name not in {"direction", "how"}
        and not re.fullmatch(r"0? *[a-z]*", value)
    ]
    return f" ({', '.join(said)})" if said else ""


def _who(person: int | None) -> str:
    return "nobody" if person is None else f"person {person}"


def _incident(incident: Incident) -> list[tuple[float, str]]:
    found: list[tuple[float, str]] = []
    paged: list[int] = []
    waited = False
    for stage in incident.stages:
        at = f"At {words.clock(stage.begins_s)}"
        if stage.stage == "waiting" and not waited:
            waited = True
            found.append((stage.begins_s, f"{at} “{incident.incident}” had to wait: nobody was free for it."))
        elif stage.stage == "acknowledge" and stage.person is not None and stage.person not in paged:
            too = " too, as nobody had answered" if paged else ""
            paged.append(stage.person)
            found.append(
                (stage.begins_s, f"{at} {_who(stage.person)} was paged for “{incident.incident}”{too}.")
            )
        elif stage.stage == "decide" and stage.diagnosis and stage.right is False:
            found.append(
                (
                    stage.begins_s,
                    f"{at} {_who(stage.person)} took it for “{stage.diagnosis}”, which it was not.",
                )
            )
    if incident.resolved_s is not None:
        took = words.length(incident.resolved_s - incident.opened_s)
        found.append(
            (
                incident.resolved_s,
                f"At {words.clock(incident.resolved_s)} “{incident.incident}” was settled, {took} after it came up.",
            )
        )
    return found


def _repair(repair: Repair) -> str:
    name = words.spoken(repair.action)
    done_to, done = _DID.get(repair.action, (f"carried out “{name}” on {{}}", f"carried out “{name}”"))
    act = done_to.replace("{}", thing(repair.target)) if repair.target else done
    said = f"At {words.clock(repair.started_s)} {_who(repair.person)} {act}"
    if repair.right is False:
        said += ", which was the wrong thing to do"
    if repair.noop:
        said += "; as a control, nothing was really done"
    if repair.ok is False:
        said += "; it failed" + (f" ({repair.detail})" if repair.detail else "")
    return said + "."


def _cause(report: RunReport) -> str:
    failed = [each for each in report.objectives if each.survival and each.verdict == "fail"]
    first = next(
        (
            each
            for each in failed
            if any(span.began_s <= (report.lost_at_s or 0.0) <= span.ended_s for span in each.breaks)
        ),
        failed[0] if failed else None,
    )
    if first is None:
        return "what keeps a room alive no longer held"
    return f"“{first.name}” did not hold{_for_how_long(first)}"


def _for_how_long(objective: Objective) -> str:
    if not objective.longest_break_s:
        return ""
    broken = f" for {words.length(objective.longest_break_s)}"
    if not objective.may_break_for_s:
        return broken
    return f"{broken}; {words.length(objective.may_break_for_s)} are allowed"


def _closing(report: RunReport) -> list[str]:
    said: list[str] = []
    if report.survived is not None:
        said.append("In the end " + fate(report) + _minutes(report) + "." + _whole_window(report))
    lanes = [lane for lane in lanes_of(report) if lane.person is not None]
    away = [lane for lane in lanes if not lane.available and not lane.work]
    idle = [lane for lane in lanes if lane.available and not lane.work and not lane.repairs]
    if away:
        said.append(f"{words.counted(len(away), 'person', 'people')} of the crew did not answer at all.")
    if idle and len(lanes) > len(idle):
        said.append(f"{words.counted(len(idle), 'person', 'people')} of the crew never had to do anything.")
    if report.verdict == "inconclusive":
        said.append(f"Nothing can be concluded from this run: {report.why.rstrip('.')}.")
    if report.crew is not None:
        said.append(f"This is {draw_words(report)}: with another seed the same crew may fare otherwise.")
    return said


def _whole_window(report: RunReport) -> str:
    """Why a room counts as lost that was not lost at any one moment: something was too little over the whole window."""
    if report.survived is not False or report.lost_at_s is not None:
        return ""
    short = [each for each in report.objectives if each.survival and each.verdict == "fail"]
    said = [
        f"“{each.name}” came to {words.figure(each.worst)}, {words.compared(each.expect)} is required"
        for each in short
    ]
    return f" It counts as lost because over the whole time {words.listed(said)}." if said else ""


def _minutes(report: RunReport) -> str:
    if report.lost_listener_minutes is None:
        return ""
    return f"; {words.count(report.lost_listener_minutes)} listener-minutes were lost"
