"""The commands of `standby` and what they take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

import chaos
from chaos.cli import completion
from chaos.codes import INCONCLUSIVE, NOT_UNDONE, USAGE
from chaos.errors import DocumentError, StandbyError, UndoError, UsageError


def _exit_with(code: int | None, **_parameters: object) -> None:
    raise typer.Exit(code or 0)


app = typer.Typer(
    name="standby",
    help="Find out how few people your integration can survive with.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    result_callback=_exit_with,
)

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Experiment documents, or folders of them.",
        show_default=False,
        autocompletion=completion.documents,
    ),
]
Overrides = Annotated[
    Optional[list[str]],  # noqa: UP045 - typer reads it
    typer.Option("--set", metavar="PATH=VALUE", help="Set a value of the document, e.g. crew.headcount=3."),
]
World = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--world", help="local, kind or kubernetes.", autocompletion=completion.worlds),
]
Context = Annotated[Optional[str], typer.Option(help="The context of the cluster.")]  # noqa: UP045
Namespace = Annotated[Optional[str], typer.Option(help="The namespace in the cluster.")]  # noqa: UP045
Seed = Annotated[Optional[int], typer.Option("--seed", min=0, help="The seed of every draw.")]  # noqa: UP045
Out = Annotated[Optional[Path], typer.Option("--out", help="The folder for the run's record and reports.")]  # noqa: UP045


def run_app(arguments: list[str]) -> int:
    """Run the command line; its exit code."""
    try:
        app(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except StandbyError as error:
        return _refused(error)
    return 0


@app.command()
def run(
    files: Files,
    world: World = None,
    context: Context = None,
    namespace: Namespace = None,
    set_: Overrides = None,
    seed: Seed = None,
    out: Out = None,
    junit: Annotated[Optional[Path], typer.Option(help="Also write a JUnit file here.")] = None,  # noqa: UP045
    store: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--store",
            metavar="URL",
            help="Also keep each run's files here, under its name, such as s3://bucket/folder.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be touched, and touch nothing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the verdicts only.")] = False,
    grafana: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="URL", help="Leave annotations in this Grafana ($STANDBY_GRAFANA_TOKEN)."),
    ] = None,
    history: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Add a line about each run to this file, for `standby history`."),
    ] = None,
    trials: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(
            min=1, metavar="N", help="Run up to N times, until --share is clear: no run is retried."
        ),
    ] = None,
    share: Annotated[
        str, typer.Option(help="With --trials: how many of the runs must end as expected.")
    ] = "50%",
) -> int:
    """Run experiments and exit with their verdict (0 pass, 1 fail, 3 inconclusive, 4 not undone, 5 aborted)."""
    from chaos.cli import documents, running
    from chaos.clients.grafana import Grafana

    overrides = [*(set_ or []), *([f"world={world}"] if world else [])]
    loaded = documents.load_all(files, overrides)
    documents.about_something(loaded)
    asked = running.Asked(
        seed=seed,
        out=out,
        junit=junit,
        quiet=quiet,
        context=context,
        namespace=namespace,
        store=store,
        grafana=Grafana.given(grafana) if grafana else None,
        history=history,
        trials=trials,
        share=documents.share_of("--share", share),
    )
    targets = running.permitted(loaded, asked)
    if dry_run:
        for one, target in zip(loaded, targets, strict=True):
            documents.tell_plan(one)
            if target is not None:
                running.tell_objects(one, target)
            print("  nothing was touched")
        return 0
    return running.run_all(loaded, asked)


@app.command()
def validate(files: Files, set_: Overrides = None) -> int:
    """Check experiments and studies; every problem with its place, exit 2 when there is one."""
    from chaos.cli import documents

    studies, experiments = documents.told_apart(files)
    if studies:
        from chaos.cli import studying

        studying.validate(studies)
    for one in documents.load_all(experiments, set_ or []):
        for warning in one.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        print(f"{one.path}: valid: {one.experiment.title}")
    return 0


@app.command()
def recover(
    run_name: Annotated[Optional[str], typer.Argument(metavar="[RUN]")] = None,  # noqa: UP045
    context: Context = None,
    namespace: Namespace = None,
) -> int:
    """Undo whatever dead runs left behind, and wait until it is gone; 0 also when there was nothing.

    With `--context` and `--namespace` it reads the journals that runs keep in that namespace: no local file is needed.
    """
    from chaos.cli import recovering

    if context is None and namespace is None:
        return recovering.recover(run_name)
    if context is None or namespace is None:
        raise UsageError("`--context` and `--namespace` go together: neither is ever guessed")
    return recovering.recover_in(context, namespace, run_name)


@app.command()
def halt(
    run_name: Annotated[Optional[str], typer.Argument(metavar="[RUN]")] = None,  # noqa: UP045
    all_: Annotated[bool, typer.Option("--all", help="Every run that goes on.")] = False,
) -> int:
    """Stop a run from anywhere: it undoes everything and ends aborted."""
    from chaos.cli import recovering

    if run_name is None and not all_:
        raise UsageError(
            "say which run to halt, or `--all`; `standby halt --all` stops every run of this state folder"
        )
    return recovering.halt(None if all_ else run_name)


@app.command()
def study(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The study document.", show_default=False)],
    live: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--live", min=0, help="How many live runs stand beside the simulated ones."),
    ] = None,
    simulated: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--simulated", min=1, help="Simulated trials at each point, at most."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Keep the live runs that are there.")] = False,
    out: Annotated[Optional[Path], typer.Option("--out", help="The folder for the study's files.")] = None,  # noqa: UP045
    workers: Annotated[Optional[int], typer.Option("--workers", min=1, help="Threads to use.")] = None,  # noqa: UP045
    scheduler: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--scheduler", metavar="ADDRESS", help="Simulate on a Dask cluster, e.g. tcp://10.0.0.5:8786."
        ),
    ] = None,
) -> int:
    """Answer how many people are needed, from many simulated runs and some live ones; 0 when it completes."""
    from chaos.cli import studying

    return studying.study(file, studying.Asked(live, simulated, resume, out, workers, scheduler))


@app.command()
def smallest(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The experiment.", show_default=False)],
    path: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--path", help="What to make stronger, e.g. faults[0].delay; without it: which faults?"),
    ] = None,
    from_: Annotated[Optional[str], typer.Option("--from", help="Its weakest value, which holds.")] = None,  # noqa: UP045
    to: Annotated[Optional[str], typer.Option("--to", help="Its strongest value, which breaks it.")] = None,  # noqa: UP045
    steps: Annotated[
        int, typer.Option("--steps", min=1, max=1000, help="How finely to look between the two.")
    ] = 32,
    breaks_at: Annotated[
        str, typer.Option("--breaks-at", help="The share of runs above which failing counts as broken.")
    ] = "50%",
    confidence: Annotated[str, typer.Option("--confidence", help="How sure the answer has to be.")] = "95%",
    runs: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--runs", min=1, help="Runs in all, at most (60 live, 200,000 simulated)."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Real runs, also where it could be simulated.")
    ] = False,
    seed: Seed = None,
    out: Annotated[Optional[Path], typer.Option("--out", help="The folder for what is found.")] = None,  # noqa: UP045
    set_: Overrides = None,
) -> int:
    """Find the weakest fault that breaks a passing experiment, or the fewest faults that break a failing one."""
    from chaos.cli import smallest as searching

    asked = searching.Asked(
        path, from_, to, steps, breaks_at, confidence, runs, seed, live, out, tuple(set_ or ())
    )
    return searching.smallest(file, asked)


@app.command()
def schema(
    of: Annotated[
        str,
        typer.Argument(
            metavar="[experiment|study|events]", help="Of which document, or of the record's lines."
        ),
    ] = "experiment",
) -> int:
    """Print the JSON Schema of experiment or study documents, for editors, or of the lines of a record."""
    if of == "events":
        from chaos.catalogue import schema as events_schema

        print(events_schema.schema_text(), end="")
        return 0
    if of == "study":
        from chaos.study import schema as study_schema

        print(study_schema.schema_text(), end="")
        return 0
    if of != "experiment":
        raise UsageError(f"no document is called `{of}`; expected one of experiment, study, events")
    from chaos.experiment.schema import schema_text
    from chaos.faults.specs import spec_types

    print(schema_text(spec_types()), end="")
    return 0


@app.command()
def faults(
    name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(metavar="[FAULT]", help="One fault only.", autocompletion=completion.faults),
    ] = None,
) -> int:
    """List the faults: parameters with their units, and an example of each."""
    from chaos.cli import writing

    return writing.faults(name)


@app.command(name="completion")
def completion_(
    shell: Annotated[
        str, typer.Argument(metavar="bash|zsh|fish", help="Your shell.", autocompletion=completion.shells)
    ],
) -> int:
    """Print what makes a shell complete commands, options, faults, worlds and documents."""
    print(completion.script(shell, app), end="")
    return 0


@app.command()
def explain(
    files: Files,
    set_: Overrides = None,
    picture: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--picture", metavar="FILE", help="Also draw it into this .svg or .html file."),
    ] = None,
) -> int:
    """Say in words, and draw, what an experiment would do and how far it reaches; nothing is touched."""
    from chaos.cli import documents, writing

    return writing.explain(documents.expanded(files), set_ or [], picture)


@app.command()
def new(
    file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(metavar="[FILE]", help="Where to write it; standard output unless given."),
    ] = None,
    of: Annotated[
        str,
        typer.Option(
            "--of",
            metavar="rooms|kept|DOCUMENT|URL",
            help="What it is about: the reference rooms, the kept local world, the services of a document, or what "
            "the Prometheus at a URL scrapes.",
            autocompletion=completion.systems,
        ),
    ] = "rooms",
    prometheus: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--prometheus", metavar="URL", help="A Prometheus to ask for metrics, beside that."),
    ] = None,
    title: Annotated[str, typer.Option("--title", help="What the report is called.")] = "",
    question: Annotated[str, typer.Option("--question", help="The one question that it answers.")] = "",
    fault: Annotated[
        str,
        typer.Option(
            "--fault", help="What goes wrong; `none` for a control.", autocompletion=completion.faults
        ),
    ] = "",
    on: Annotated[str, typer.Option("--on", metavar="LINK|TIER", help="What the fault is put on.")] = "",
    with_: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--with", metavar="NAME=VALUE", help="A parameter of the fault, e.g. delay=300ms."),
    ] = None,
    query: Annotated[str, typer.Option("--query", metavar="PROMQL", help="What must hold, by PromQL.")] = "",
    http: Annotated[
        str, typer.Option("--http", metavar="URL", help="What must hold: this answers 200.")
    ] = "",
    expect: Annotated[str, typer.Option("--expect", help="What the value must be, e.g. '>= 0.9'.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Only show the tiers, links, metrics and faults that there are.")
    ] = False,
    ask: Annotated[
        Optional[bool],  # noqa: UP045
        typer.Option("--ask/--no-ask", help="Ask for what is not given; asked at a terminal unless given."),
    ] = None,
) -> int:
    """Write a new experiment that is valid: asks what it is about, or takes it from the options."""
    from chaos.authoring.draft import Wanted
    from chaos.cli import writing

    settings = writing.settings_of(with_ or [])
    wanted = Wanted(title, question, fault, on, settings, query, http, expect)
    ask = sys.stdin.isatty() and not fault if ask is None else ask
    asked = writing.Asked(of, prometheus, file, force, ask, wanted)
    return writing.show(asked) if show else writing.new(asked)


@app.command()
def report(
    folders: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Argument(metavar="[DIR]...", help="A run's folder; or two to compare, each a run or several."),
    ] = None,
    before: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option("--before", metavar="DIR", help="Runs before the change; more than once for several."),
    ] = None,
    after: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option("--after", metavar="DIR", help="Runs after it."),
    ] = None,
    out: Annotated[Optional[Path], typer.Option("--out", help="The folder for the comparison.")] = None,  # noqa: UP045
) -> int:
    """Write a run's reports anew, from its record alone; of two DIRs, what moved between them, beyond noise or not."""
    from chaos.cli import reporting

    return reporting.report(folders or [], before or [], after or [], out)


@app.command()
def history(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A history that runs have added to.", show_default=False)
    ],
    recent: Annotated[
        int, typer.Option(min=1, help="How many of the newest runs are laid against the others.")
    ] = 5,
    markdown: Annotated[bool, typer.Option("--markdown", help="For a job's summary.")] = False,
) -> int:
    """Show what drifted between the newest runs of each experiment and those before them, beyond noise or not."""
    from chaos.review import history as reviewing

    found = reviewing.drifts(reviewing.read(file), recent)
    print((reviewing.markdown if markdown else reviewing.text)(found), end="")
    return 0


@app.command()
def dashboards(
    names: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(
            metavar="[DIR]...", help="Runs and studies: their folders or names; the newest run unless given."
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65_533, help="The first of three ports; 0: any that are free.")
    ] = 9191,
) -> int:
    """Serve again what runs and studies measured: Prometheus, and Grafana where Docker has it, until Ctrl-C."""
    from chaos.cli import dashboards as serving

    return serving.serve(names or [], port)


@app.command()
def watch(
    run_name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(
            metavar="[RUN]", help="Its name or folder; the run that goes on, or the next, unless given."
        ),
    ] = None,
) -> int:
    """Follow a run as it happens, on a page for a browser of this machine; Ctrl-C ends it."""
    from chaos.cli import watching

    return watching.watch(run_name)


@app.command()
def up(world: Annotated[str, typer.Option("--world", help="The world to start and keep.")]) -> int:
    """Start a world and keep it, for runs to use."""
    from chaos.cli import keeping

    return keeping.up(world)


@app.command()
def down(world: Annotated[str, typer.Option("--world", help="The world to end.")]) -> int:
    """End a kept world."""
    from chaos.cli import keeping

    return keeping.down(world)


@app.command()
def demo(seed: Seed = None, out: Out = None) -> int:
    """One failure to launch, two crews at once: one keeps the room, the other does not."""
    from chaos.cli import showing

    return showing.demo(seed, out)


import_ = typer.Typer(help="Turn another tool's experiment into a Standby document.", no_args_is_help=True)
app.add_typer(import_, name="import")


@import_.command("chaostoolkit")
def import_chaostoolkit(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The experiment, JSON or YAML.", show_default=False)
    ],
    proxies: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--proxies",
            metavar="FILE",
            help="The proxies that are there before it, as Toxiproxy's -config has them.",
        ),
    ] = None,
) -> int:
    """Print a Chaos Toolkit experiment as a Standby document; what has no equivalent is listed on standard error."""
    from chaos.cli import importing

    return importing.chaostoolkit(file, proxies)


link = typer.Typer(
    help="Put a Toxiproxy between two services of a namespace, and take it away.", no_args_is_help=True
)
app.add_typer(link, name="link")
LinkName = Annotated[str, typer.Argument(metavar="NAME", help="The name of the link.")]
NeededContext = Annotated[str, typer.Option("--context", help="The context of the cluster.")]
NeededNamespace = Annotated[str, typer.Option("--namespace", help="The namespace in the cluster.")]


@link.command("add")
def link_add(
    name: LinkName,
    to: Annotated[str, typer.Option("--to", metavar="SERVICE:PORT", help="The Service that is called.")],
    context: NeededContext,
    namespace: NeededNamespace,
    swap: Annotated[
        bool,
        typer.Option("--swap", help="Turn the Service itself to the link, so that callers change nothing."),
    ] = False,
    caller: Annotated[str, typer.Option("--from", metavar="DEPLOYMENT", help="Who calls.")] = "",
    image: Annotated[str, typer.Option(help="The image of Toxiproxy.")] = "ghcr.io/shopify/toxiproxy:2.12.0",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be made and changed, and touch nothing.")
    ] = False,
) -> int:
    """Put a link between two services of a namespace, and wait until it carries traffic."""
    from chaos.cli import linking
    from chaos.worlds.cluster.target import Target

    wanted = linking.wanted_of(name, to, swap=swap, image=image, caller=caller)
    return linking.add(Target("kubernetes", context, namespace), wanted, dry_run=dry_run)


@link.command("remove")
def link_remove(name: LinkName, context: NeededContext, namespace: NeededNamespace) -> int:
    """Take a link away and give the Service back what it had; 0 also when there is none."""
    from chaos.cli import linking
    from chaos.worlds.cluster.target import Target

    return linking.remove(Target("kubernetes", context, namespace), name)


@link.command("list")
def link_list(context: NeededContext, namespace: NeededNamespace) -> int:
    """Show the links that were added to a namespace."""
    from chaos.cli import linking
    from chaos.worlds.cluster.target import Target

    return linking.list_(Target("kubernetes", context, namespace))


crew = typer.Typer(
    help="The modelled people on call: fit them to a team's own history.", no_args_is_help=True
)
app.add_typer(crew, name="crew")


@crew.command("fit")
def crew_fit(
    file: Annotated[Path, typer.Argument(metavar="INCIDENTS.csv", help="The incidents.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="The crew file to write.")] = Path("crew.yaml"),
    column: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--column", metavar="COLUMN=NAME", help="What a column is called in this file."),
    ] = None,
    until: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--until", metavar="MOMENT", help="When the history was written; its last moment unless given."
        ),
    ] = None,
) -> int:
    """Fit the crew model's people to a team's incidents, show how well it fits, and write a crew file."""
    from chaos.cli import crewing

    return crewing.fit(file, out, column or [], until)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Find out how few people your integration can survive with."""
    if version:
        print(f"standby {chaos.__version__}")
        raise typer.Exit


def _refused(error: StandbyError) -> int:
    print(str(error) if isinstance(error, DocumentError) else f"standby: {error}", file=sys.stderr)
    if isinstance(error, UsageError):
        return USAGE
    return NOT_UNDONE if isinstance(error, UndoError) else INCONCLUSIVE
