"""`standby new`, `standby faults` and `standby explain`: help for whoever writes experiments."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from chaos.authoring import discovery
from chaos.authoring.discovery import Seen
from chaos.authoring.draft import Wanted, drafted, offered, targets
from chaos.authoring.explanation import explained
from chaos.authoring.outline import Outline, outline
from chaos.authoring.picture import html, svg
from chaos.authoring.reference import Entry, Parameter, entries, shared_parameters
from chaos.authoring.terminal import drawn
from chaos.cli.documents import told_apart
from chaos.errors import UsageError
from chaos.experiment import load
from chaos.experiment.words import nearest, one_of
from chaos.faults.specs import spec_types

_MOMENTS = re.compile(r"\s*\d+:\d\d–\d+:\d\d\s+")
_DEEP = 8
"""Letters of indentation beyond which a line is itself what goes on below another."""
_MOST_SHOWN = 30
"""Metrics that a prompt lists; any other may be typed."""


@dataclass(frozen=True)
class Asked:
    """What the command line says of a new document; `of` is `rooms`, `kept`, a document or the URL of a Prometheus."""

    of: str
    prometheus: str | None
    file: Path | None
    force: bool
    ask: bool
    wanted: Wanted


def settings_of(pairs: Sequence[str]) -> dict[str, str]:
    """`["delay=300ms"]` as what it says. Raises UsageError for what is no pair."""
    for pair in pairs:
        if not all(pair.partition("=")):
            raise UsageError(f"`--with {pair}`: expected NAME=VALUE, e.g. `--with delay=300ms`")
    return dict(pair.split("=", 1) for pair in pairs)


def new(asked: Asked) -> int:
    """Write a document that is valid; to standard output unless a file is named."""
    if asked.file is not None and asked.file.exists() and not asked.force:
        raise UsageError(f"{asked.file} is there already; name another file, or overwrite it with `--force`")
    seen = asyncio.run(_look(asked))
    wanted = _ask(seen, asked.wanted) if asked.ask else asked.wanted
    folder = asked.file.parent if asked.file else None
    if seen.document is not None and folder is not None and folder.absolute() != seen.document.folder:
        raise UsageError(
            f"files that {seen.document.path} names count from its folder; write the new document there, too"
        )
    text = drafted(seen, wanted, spec_types(), folder=folder)
    if asked.file is None:
        print(text, end="")
        return 0
    try:
        asked.file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{asked.file} cannot be written: {error.strerror}") from error
    print(f"{asked.file}: valid; see what it would do with `standby explain {asked.file}`", file=sys.stderr)
    return 0


def show(asked: Asked) -> int:
    """What there is to write about, and nothing else."""
    seen = asyncio.run(_look(asked))
    print(seen.what)
    for heading, lines in (
        ("tiers", [f"{name} {address}".strip() for name, address in seen.tiers.items()]),
        ("links", [f"{way.name}: {way.caller} calls {way.called}" for way in seen.links]),
        ("metrics", seen.metrics),
        ("faults", [f"{entry.name}: {entry.does}" for entry in offered(seen, spec_types())]),
    ):
        print(f"{heading}\n" + ("".join(f"  {line}\n" for line in lines) or "  none\n"), end="")
    for note in seen.notes:
        print(f"note: {note}")
    return 0


def explain(files: Sequence[Path], overrides: Sequence[str], picture: Path | None) -> int:
    """Say and draw what each document would do. Touches nothing but the file of the picture."""
    if picture is not None and (len(files) != 1 or picture.suffix not in (".svg", ".html")):
        raise UsageError("`--picture` draws one document into a file that ends in .svg or .html")
    studies, _ = told_apart(files)
    for place, path in enumerate(files):
        print("\n" * bool(place), end="")
        heading: list[str] = []
        if path in studies:
            heading, plan = _of_study(path, overrides)
        else:
            plan = outline(load(path, faults=spec_types(), overrides=overrides))
        for line in (*heading, *explained(plan)):
            print(_folded(line))
        print("\n".join(["", *drawn(plan, shutil.get_terminal_size().columns)]))
        if picture is not None:
            _write(picture, html(plan) if picture.suffix == ".html" else svg(plan))
    print("\nnothing was touched")
    return 0


def _of_study(path: Path, overrides: Sequence[str]) -> tuple[list[str], Outline]:
    """What a study says of itself, and the experiment that it plays."""
    from chaos.authoring.studies import explained_study
    from chaos.study.loading import load_study

    if overrides:
        raise UsageError(f"{path}: `--set` changes experiments; a study says itself what it changes")
    loaded = load_study(path, faults=spec_types())
    return explained_study(loaded.study), outline(loaded.experiment())


def faults(name: str | None) -> int:
    """Each fault, or one: its parameters with their units, and an example that is valid."""
    known = spec_types()
    if name is not None and name not in known:
        near = nearest(name, known)
        raise UsageError(
            f"there is no fault `{name}`; expected {one_of(sorted(known))}"
            + (f"; did you mean `{near}`?" if near else "")
        )
    for entry in entries(known):
        if name in (None, entry.name):
            _tell(entry)
    print("every fault may have")
    for parameter in shared_parameters(known):
        _tell_parameter(parameter)
    return 0


async def _look(asked: Asked) -> Seen:
    if asked.of.startswith(("http://", "https://")):
        return await discovery.of_prometheus(asked.of)
    if asked.of == "rooms":
        seen = discovery.rooms()
    elif asked.of == "kept":
        seen = await discovery.kept()
    else:
        seen = await discovery.of_document(load(Path(asked.of), faults=spec_types()))
    return await discovery.with_metrics_of(seen, asked.prometheus) if asked.prometheus else seen


def _ask(seen: Seen, wanted: Wanted) -> Wanted:
    """Ask for whatever the flags leave open."""
    print(f"About {seen.what}. What is in brackets is taken when you just press return.", file=sys.stderr)
    known = spec_types()
    can = {entry.name: entry for entry in offered(seen, known)}
    fault = wanted.fault or _chosen(
        "What goes wrong?", ["none", *can], {name: one.does for name, one in can.items()}
    )
    target, settings = wanted.target, dict(wanted.settings)
    if fault in can:
        target = target or _chosen("On what?", targets(seen, known[fault]), {})
        for one in can[fault].parameters:
            if one.needed and one.name not in ("link", "tier") and one.name not in settings:
                settings[one.name] = typer.prompt(f"{one.name} ({one.kind})", default=one.sample, err=True)
    query, expect = wanted.query, wanted.expect
    if not query and not wanted.http and seen.metrics:
        usual = "as usual"
        shown = [usual, *seen.metrics[:_MOST_SHOWN]]
        query = _chosen("What must hold? A metric, PromQL, or as usual", shown, {}, free=True)
        query = "" if query == usual else query
    if query and not expect:
        expect = typer.prompt(f"What must {query} be?", default=">= 0.9", err=True)
    told = f"{fault} on {target}" if target else "A control"
    title = wanted.title or typer.prompt("Title", default=told[:1].upper() + told[1:], err=True)
    question = wanted.question or typer.prompt("The one question that it answers", default="", err=True)
    return replace(
        wanted,
        title=title,
        question=question,
        fault=fault,
        target=target,
        settings=settings,
        query=query,
        expect=expect,
    )


def _chosen(question: str, words: Sequence[str], does: dict[str, str], *, free: bool = False) -> str:
    """One of the words, by its name or its number; asked for again until it is one."""
    for number, word in enumerate(words, start=1):
        print(f"  {number:>2} {word}{'  ' + does[word] if word in does else ''}", file=sys.stderr)
    while True:
        answer: str = typer.prompt(question, default=words[0], err=True)
        if answer.isdigit() and 1 <= int(answer) <= len(words):
            return words[int(answer) - 1]
        if free or answer in words:
            return answer
        print(f"expected {one_of(words)}, or its number", file=sys.stderr)


def _tell(entry: Entry) -> None:
    print(_folded(f"{entry.name}: {entry.does}"))
    for parameter in entry.parameters:
        _tell_parameter(parameter)
    print(f"  - {entry.example}\n")


def _tell_parameter(parameter: Parameter) -> None:
    needed = ", needed" if parameter.needed else ""
    print(_folded(f"    {parameter.name} ({parameter.kind}{needed}): {parameter.text}"))


def _folded(line: str) -> str:
    """A line as wide as the terminal at most; what does not fit goes on below what it belongs to."""
    width = max(40, min(110, shutil.get_terminal_size().columns))
    moments, indent = _MOMENTS.match(line), len(line) - len(line.lstrip())
    below = moments.end() if moments else indent if indent > _DEEP else indent + 4
    return textwrap.fill(
        line, width, subsequent_indent=" " * below, break_long_words=False, break_on_hyphens=False
    )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
