"""A first document from what was found and what is wanted. What it gives has been loaded: it is valid."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from chaos.authoring.discovery import Seen
from chaos.authoring.reference import Entry, entries
from chaos.errors import DocumentError, UsageError
from chaos.experiment import loads
from chaos.experiment.fault import FaultSpec, LinkFaultSpec
from chaos.experiment.model import Timeline
from chaos.experiment.units import format_duration
from chaos.experiment.words import nearest, one_of

ROOM = "townhall"
IN_CLUSTERS = ("node_cordon", "pod_kill", "scale_down", "rollout_restart", "image_break")
"""Faults of a cluster's objects; the world `local` has none of them."""
SCHEMA = "standby.schema.json"
"""A file of this name, in the document's folder or one above it, is named as its schema for editors."""
_ROOMS = f"""\
world: local
time_scale: 12               # story time runs 12 times faster than the machine's
timeline: {{warm_up: 1m, baseline: 2m, faults: 4m, recovery: 1m, after: 1m}}

rooms:                       # the reference system and its load, at a thousandth of its size
  scale: 1/1000
  profile: as-found          # or hardened
  audience:
    - {{room: {ROOM}, listeners: 300_000, from: 0m, join_over: 6m, shape: linear}}
"""
_ROOMS_OBJECTIVES = f"""\
objectives:
  - {{name: joins succeed, query: 'rooms:join_success:ratio{{room="{ROOM}"}}', expect: ">= 0.9", may_break_for: 1m}}
  - {{name: the room is heard, query: 'rooms:hearing:ratio{{room="{ROOM}"}}', expect: ">= 0.9", may_break_for: 1m}}
"""
_OWN_TIMELINE = "{warm_up: 2s, baseline: 5s, faults: 20s, recovery: 2s, after: 5s}"
_KEPT_SECTIONS = ("world", "time_scale", "timeline", "prometheus", "rooms", "system", "load", "max_affected")
_SECTION = re.compile(r"^([a-z_]+) *:", re.MULTILINE)


@dataclass(frozen=True)
class Wanted:
    """What the author wants; whatever is empty is chosen for them.

    `fault` with its `target` (a link or a tier) and `settings`, or `none` for a control; `query` or `http` with
    `expect`, else the objectives of the document that describes the services.
    """

    title: str = ""
    question: str = ""
    fault: str = ""
    target: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    http: str = ""
    expect: str = ""


def offered(seen: Seen, faults: Mapping[str, type[FaultSpec]]) -> list[Entry]:
    """The faults that what was found can have."""
    local = seen.document is None or seen.document.experiment.world == "local"
    return [
        entry
        for entry in entries(faults)
        if (bool(seen.links) if issubclass(faults[entry.name], LinkFaultSpec) else bool(seen.tiers))
        and not (local and entry.name in IN_CLUSTERS)
    ]


def targets(seen: Seen, spec: type[FaultSpec]) -> list[str]:
    """The names of what a fault may be put on: links, or tiers of which something can be hurt."""
    if issubclass(spec, LinkFaultSpec):
        return [way.name for way in seen.links]
    if seen.document is None:
        return [name for name in seen.tiers if name != "audience"]
    system, local = seen.document.experiment.system, seen.document.experiment.world == "local"
    assert system is not None
    return [name for name, tier in system.tiers.items() if tier.command or not local]


def drafted(
    seen: Seen, wanted: Wanted, faults: Mapping[str, type[FaultSpec]], *, folder: Path | None = None
) -> str:
    """The document's text. Raises UsageError when what is wanted cannot be had, with what can.

    `folder` is where it is to lie; a document with services is valid beside the one that describes them only.
    """
    fault = _fault(seen, wanted, faults)
    text = "\n".join(
        [*_modeline(folder), "version: 1", *_heading(wanted, fault), "", *_body(seen, wanted), fault]
    )
    home = folder or (seen.document.folder if seen.document else None)
    try:
        loads(text, faults=faults, name="the new document", folder=home)
    except DocumentError as error:
        raise UsageError(f"this does not make a valid document:\n{error}") from error
    return text


def _modeline(folder: Path | None) -> Iterator[str]:
    """Tells an editor where the schema is, if there is one around."""
    if folder is None:
        return
    home = folder.absolute()
    for up, above in enumerate((home, *home.parents)):
        if (above / SCHEMA).is_file():
            yield f"# yaml-language-server: $schema={'../' * up}{SCHEMA}"
            return


def _heading(wanted: Wanted, fault: str) -> Iterator[str]:
    on = f"{wanted.fault} on {_put_on(fault)}" if wanted.fault not in ("", "none") else ""
    yield f"title: {scalar(wanted.title or (on[:1].upper() + on[1:] if on else 'A control'))}"
    asked = f"Do users notice {on}?" if on else "Does all that must hold hold when nothing goes wrong?"
    yield f"question: {scalar(wanted.question or asked)}"


def _put_on(fault: str) -> str:
    """The target that was chosen."""
    found = re.search(r"(?:link|tier): ([^,}]+)", fault)
    return found[1] if found else ""


def _body(seen: Seen, wanted: Wanted) -> Iterator[str]:
    own = _objective(wanted)
    if seen.document is not None:
        sections = _sections(seen)
        yield from (sections[name].rstrip() + "\n" for name in _KEPT_SECTIONS if name in sections)
        yield own or sections["objectives"].rstrip() + "\n"
        return
    if seen.rooms:
        yield _ROOMS
        yield own or _ROOMS_OBJECTIVES
        return
    yield f"timeline: {_OWN_TIMELINE}\n"
    yield f"prometheus: {{url: {scalar(seen.prometheus)}}}"
    yield "system:\n  tiers:"
    yield from (f"    {name}: {{address: {scalar(address)}}}" for name, address in seen.tiers.items())
    yield ""
    yield own or 'objectives:\n  - {name: all that is scraped is up, query: min(up), expect: "== 1"}\n'


def _objective(wanted: Wanted) -> str:
    """The author's own, else nothing."""
    if wanted.query and wanted.http:
        raise UsageError(
            "`--query` and `--http` are two objectives; give one, and add the other to the document"
        )
    if wanted.query:
        if not wanted.expect:
            raise UsageError(f"say what `{wanted.query}` must be: `--expect '>= 0.9'`")
        asked = f"query: {scalar(wanted.query)}"
    elif wanted.http:
        asked = f"http: {{url: {scalar(wanted.http)}}}"
    elif wanted.expect:
        raise UsageError("`--expect` goes with `--query` or `--http`: of what?")
    else:
        return ""
    expect = f", expect: {json.dumps(wanted.expect)}" if wanted.expect else ""
    return f"objectives:\n  - {{name: what must hold, {asked}{expect}}}\n"


def _fault(seen: Seen, wanted: Wanted, faults: Mapping[str, type[FaultSpec]]) -> str:
    if wanted.fault in ("", "none"):
        if wanted.target or wanted.settings:
            raise UsageError("a target or a parameter is given, but no fault; `standby faults` lists them")
        return "faults: []\n"
    found = {entry.name: entry for entry in offered(seen, faults)}
    if wanted.fault not in found:
        near = nearest(wanted.fault, found)
        raise UsageError(
            f"{seen.what} cannot have the fault `{wanted.fault}`; expected {one_of(found)}"
            + (f"; did you mean `{near}`?" if near else "")
        )
    entry, spec = found[wanted.fault], faults[wanted.fault]
    known = targets(seen, spec)
    target = wanted.target or (known[0] if len(known) == 1 else "")
    if target not in known:
        raise UsageError(
            f"on what is {wanted.fault} to be? expected {one_of(known)}"
            + (f" (got {target})" if target else "")
        )
    key = "link" if issubclass(spec, LinkFaultSpec) else "tier"
    given = {
        one.name: one.sample for one in entry.parameters if one.needed and one.name not in ("link", "tier")
    }
    given |= {name: _value(text) for name, text in wanted.settings.items()}
    parts = [
        f"fault: {wanted.fault}",
        f"{key}: {target}",
        *(f"{name}: {text}" for name, text in given.items()),
    ]
    return f"faults:\n{_proof_note(seen, target)}  - {{{', '.join([*parts, *_when(seen)])}}}\n"


def _proof_note(seen: Seen, link: str) -> str:
    """What the author has to add where a fault cannot be seen by a request of HTTP."""
    called = next((way.called for way in seen.links if way.name == link), "")
    if seen.document is None or seen.document.experiment.system is None or not called:
        return ""
    if seen.document.experiment.system.tiers[called].ready:
        return ""
    return (
        f"  # {called} is not known to speak HTTP. Unless the fault is shown in its own words it is inconclusive:\n"
        '  # add proof: {command: [...], expect: ">= 0.25"}, a command that prints what it measured over the link.\n'
    )


def _when(seen: Seen) -> list[str]:
    """A while after the faults may begin, and a while before they end."""
    if seen.document is not None:
        length = seen.document.experiment.timeline.faults
    else:
        length = Timeline.model_validate({"baseline": "1s", "faults": "4m" if seen.rooms else "20s"}).faults
    at, lasts = (format_duration(float(f"{share * length:.3g}")) for share in (0.125, 0.75))
    return [f"at: {at}", f"lasts: {lasts}"]


def _sections(seen: Seen) -> dict[str, str]:
    """The top-level sections of the document that describes the services, as they are written there."""
    assert seen.document is not None
    text = seen.document.text
    starts = [(found[1], found.start()) for found in _SECTION.finditer(text)]
    ends = [*(at for _, at in starts[1:]), len(text)]
    sections = {
        name: _without_heading_of_next(text[at:end]) for (name, at), end in zip(starts, ends, strict=True)
    }
    if "objectives" not in sections:
        raise UsageError(f"{seen.document.path}: write its keys one below the other, for this to read them")
    return sections


def _without_heading_of_next(section: str) -> str:
    """Comments at the end of a section that stand at the margin belong to what comes after it."""
    lines = section.rstrip().split("\n")
    while len(lines) > 1 and (lines[-1].startswith("#") or not lines[-1].strip()):
        lines.pop()
    return "\n".join(lines)


def scalar(text: str) -> str:
    """A text as YAML that reads back as this text, also within `{}`."""
    try:
        same = YAML(typ="safe").load(f"{{a: {text}, b: 1}}") == {"a": text, "b": 1}
    except (YAMLError, ValueError):
        same = False
    if same and not re.search(r"[\s#:]$|^\s", text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub("[\x85\u2028\u2029]", lambda line_end: f"\\u{ord(line_end[0]):04x}", quoted)


def _value(text: str) -> str:
    """A parameter as it was typed: a number or a truth value stays one, everything else is a text."""
    return text if re.fullmatch(r"-?\d+(\.\d+)?|true|false", text) else scalar(text)
