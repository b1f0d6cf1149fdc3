"""Every YAML block and every command of the documentation is checked here; one that nothing knows fails.

A comment above a block says more about it: `<!-- test: runbook -->` (what a YAML block is, if it is neither an
experiment, a part of one, nor a study), `<!-- save as FILE -->` and `<!-- exits CODE -->` (of pages that are followed
literally).
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import typer
from ruamel.yaml import YAML
from typer.core import TyperCommand, TyperGroup

from chaos.cli.app import run_app
from chaos.crew.runbook import load_runbook
from chaos.experiment import load, loads
from chaos.experiment.people import CrewFile
from chaos.faults.specs import spec_types
from chaos.study.document import Study
from chaos.study.loading import load_study
from handbook.commands import root
from tests.unit.handbook.blocks import PAGES, ROOT, Block, blocks, commands, every, without_blocks

BASE = {
    "version": 1,
    "title": "A document to put a part into",
    "timeline": {"warm_up": "1m", "baseline": "1m", "faults": "12m", "recovery": "1m", "after": "1m"},
    "rooms": {"audience": [{"room": "townhall", "listeners": 1000, "join_over": "1m"}]},
    "objectives": [{"name": "the room survives", "survives": "townhall"}],
}
"""What a block that is a part of an experiment is laid over."""
IMPLIED: Mapping[str, Mapping[str, object]] = {
    "alerts: webhook": {"world": "kind", "max_affected": {"pods": 1}},
    "until: repaired": {"crew": {"headcount": 1, "runbooks": "crew/runbooks.yaml"}},
}
ELSEWHERE: Mapping[str, str] = {
    "kubectl create namespace": "tests/cluster/test_existing_services.py",
    "kubectl apply": "tests/cluster/test_existing_services.py",
    "kubectl label namespace": "tests/cluster/test_existing_services.py",
    "kubectl --namespace shop rollout restart": "tests/cluster/test_existing_services.py",
    "kubectl --context C apply --filename k8s/namespaces.yaml": "tests/unit/test_charts.py",
    "helm upgrade --install": "tests/unit/test_charts.py",
    "helm install trial charts/runner": "tests/cluster/test_runner.py",
    "python -m k8s trials": "tests/cluster/test_trials.py",
    "python -m k8s dask": "tests/cluster/test_dask.py",
    "kubectl --context kind-standby --namespace standby-dask port-forward": "tests/cluster/test_dask.py",
    "dask scheduler": "tests/unit/study/test_distributed.py",
    "dask worker": "tests/unit/study/test_distributed.py",
    "promtool tsdb create-blocks-from openmetrics": "tests/local/test_dashboards.py",
}
"""Commands of other programs, by how they begin, and the tests that carry out what they do."""


CARRIED_OUT = [
    ["standby", "recover"],
    ["standby", "halt", "--all"],
    ["standby", "schema"],
    ["standby", "schema", "study"],
    ["standby", "faults"],
]
"""Commands that need nothing and leave nothing. The tutorial's are carried out by its own test."""


def document_of(block: Block, _path: Path) -> None:
    """A whole experiment. Raises DocumentError."""
    loads(block.text, faults=spec_types(), folder=ROOT / "experiments")


def study_of(block: Block, path: Path) -> None:
    """A whole study; what it names lies beside the shipped studies."""
    for kept in (ROOT / "experiments/studies").glob("*.json"):
        shutil.copy(kept, path.parent)
    path.write_text(block.text.replace("../", f"{ROOT / 'experiments'}/"))
    load_study(path, faults=spec_types())


def study_part_of(block: Block, path: Path) -> None:
    """Some sections of a study, laid over the one that the guide begins with. Raises DocumentError."""
    whole = next(other for other in blocks(ROOT / "docs/studies.md") if kind_of(other) == "study")
    yaml = YAML(typ="safe", pure=True)
    with path.open("w") as document:
        yaml.dump({**yaml.load(whole.text), **yaml.load(block.text)}, document)
    study_of(Block(block.page, block.line, block.language, "", path.read_text()), path)


def part_of(block: Block, path: Path) -> None:
    """Some sections of an experiment, which make one with the rest of another. Raises DocumentError."""
    given = YAML(typ="safe", pure=True).load(block.text)
    whole = {**BASE, **given}
    if "system" in given:
        whole.pop("rooms")
        if "objectives" not in given:
            whole["objectives"] = [{"name": "it answers", "http": {"url": "http://127.0.0.1:18001/"}}]
    for words, section in IMPLIED.items():
        if words in block.text:
            whole = {**section, **whole}
    for file in ("runbooks.yaml", "team.yaml", "rules.yaml"):
        if file in block.text:
            (path.parent / "crew").mkdir(exist_ok=True)
            for place in (path.parent / file, path.parent / "crew" / file):
                place.write_text(_FILES.get(file, ""))
    with path.open("w") as document:
        YAML(typ="safe", pure=True).dump(whole, document)
    load(path, faults=spec_types())


_FILES = {
    "runbooks.yaml": (ROOT / "experiments/crew/runbooks.yaml").read_text(encoding="utf-8"),
    "team.yaml": "version: 1\nsource: a test\npeople: {available: 100%}\n",
}


def runbook_of(block: Block, path: Path) -> None:
    """A runbook for the rooms. Raises DocumentError."""
    from chaos.experiment.repairs import ROOMS_REPAIRS

    path.write_text(block.text)
    load_runbook(path, actions=ROOMS_REPAIRS)


def crew_file_of(block: Block, _path: Path) -> None:
    """A crew file. Raises pydantic's ValidationError."""
    CrewFile.model_validate(YAML(typ="safe", pure=True).load(block.text))


def yaml_of(block: Block, _path: Path) -> None:
    """YAML of another program, such as a pipeline: it is YAML."""
    assert YAML(typ="safe", pure=True).load(block.text) is not None


KINDS: Mapping[str, Callable[[Block, Path], None]] = {
    "experiment": document_of,
    "study": study_of,
    "study part": study_part_of,
    "part": part_of,
    "runbook": runbook_of,
    "crew file": crew_file_of,
    "other": yaml_of,
}


def kind_of(block: Block) -> str:
    """What a YAML block is: what the comment above it says, else what its keys tell."""
    if named := re.match(r"test: ([a-z ]+)", block.note):
        return named[1]
    if re.search(r"^(jobs|on|stages|apiVersion):", block.text, re.MULTILINE):
        return "other"
    if re.search(r"^varies:", block.text, re.MULTILINE):
        return "study"
    if re.search(r"^version:", block.text, re.MULTILINE):
        return "experiment"
    keys = set(re.findall(r"^([a-z_]+):", block.text, re.MULTILINE))
    return "study part" if keys <= set(Study.model_fields) - {"title", "seed"} else "part"


@pytest.mark.parametrize("block", every("yaml", "yml"), ids=lambda block: block.place)
def test_every_yaml_block_is_valid(block: Block, tmp_path: Path) -> None:
    """Whoever copies it gets no error: an experiment, a study, a runbook, or sections that fit into an experiment."""
    kind = kind_of(block)
    assert kind in KINDS, f"{block.place}: no test knows `{kind}`; known: {', '.join(KINDS)}"
    KINDS[kind](block, tmp_path / "document.yaml")


@pytest.mark.parametrize("block", every("python"), ids=lambda block: block.place)
def test_every_python_block_compiles(block: Block) -> None:
    """No syntax error; what imports `chaos` imports only what is there."""
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "chaos":
            module = __import__(node.module or "", fromlist=["_"])
            for name in node.names:
                assert hasattr(module, name.name), f"{block.place}: {node.module} has no {name.name}"


@pytest.mark.parametrize("block", every("sh", "bash", "shell", "console"), ids=lambda block: block.place)
def test_every_command_is_known(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What costs nothing is carried out. Of the rest options exist, files and the values of `--set` are valid, targets
    of make are there, and other programs are run by a test that is named.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "state"))
    for words in commands(block.text):
        assert (problem := unknown(words)) == "", f"{block.place}: `{' '.join(words)}`: {problem}"
        if words in CARRIED_OUT:
            assert run_app(words[1:]) == 0, words


def unknown(words: list[str]) -> str:
    """What is wrong with a command; empty when it is known. Variables may stand before it."""
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    match words:
        case ["standby" | ".venv/bin/standby", *arguments]:
            return unknown_to_standby(arguments)
        case ["make", *arguments]:
            return unknown_to_make(arguments)
        case ["pytest", *_] | ["python", "-m", "pytest", *_]:
            return ""
    line = " ".join(words)
    test = next((test for begins, test in ELSEWHERE.items() if line.startswith(begins)), None)
    if test is None:
        return "no test knows it; see ELSEWHERE"
    if not (ROOT / test).exists():
        return f"{test} is not there"
    missing = [
        word
        for word in words
        if word.startswith(("charts/", "k8s/", "experiments/")) and not (ROOT / word).exists()
    ]
    return f"{missing} is not there" if missing else ""


def unknown_to_make(arguments: list[str]) -> str:
    """Targets and variables that the Makefile does not have."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for one in arguments:
        name, is_variable, _ = one.partition("=")
        pattern = rf"\$\({name}\)|\b{name}\b" if is_variable else rf"^{re.escape(one)}:"
        if not re.search(pattern, text, re.MULTILINE):
            return f"the Makefile has no {one}"
    return ""


REFUSED: type[Exception] = typer.BadParameter.__mro__[1]
"""What the command line raises for arguments that are wrong in any way."""


def unknown_to_standby(arguments: list[str]) -> str:
    """What the command line says to the arguments, and which file is not there; nothing is carried out."""
    rest = ["1" if word in ("N", "…") else word for word in arguments]
    command, words = found(rest)
    name = command.name or ""
    if isinstance(command, TyperGroup) and rest[len(words) :] and not rest[len(words)].startswith("-"):
        return f"`{rest[len(words)]}` is no command"
    try:
        given = command.make_context(name, rest[len(words) :]).params
    except typer.Exit:
        return ""
    except REFUSED as error:
        return str(error)
    return unknown_in_documents(name, given)


def unknown_in_documents(command: str, given: Mapping[str, object]) -> str:
    """A document of the checkout must be there, and must take what `--set` says."""
    files, overrides = given.get("files") or [given.get("file")], given.get("set_") or ()
    assert isinstance(files, list | tuple)
    assert isinstance(overrides, list | tuple)
    for file in files:
        path = ROOT / str(file)
        if not str(file).startswith(("experiments/", "docs/")):
            continue
        if not path.exists():
            return f"{file} is not there"
        if command == "study":
            load_study(path, faults=spec_types())
        elif path.is_file():
            load(path, faults=spec_types(), overrides=overrides)
    return ""


def test_every_command_in_the_prose_is_known() -> None:
    """`standby …` and `make …` in running text name commands, options and targets that are there."""
    wrong: list[str] = []
    for page in PAGES:
        for line in re.findall(r"`((?:standby|make) [^`\n]+)`", without_blocks(page)):
            words = re.sub(r"\[[A-Z|…]+\]|…|\|\S+", "", line).split()
            problem = (
                unknown_to_make([word for word in words[1:] if "=" not in word])
                if words[0] == "make"
                else told(words[1:])
            )
            if problem:
                wrong.append(f"{page.relative_to(ROOT)}: `{line}`: {problem}")
    assert wrong == []


def told(words: list[str]) -> str:
    """What is wrong with a command of the prose, which may leave out what it needs."""
    command, called = found(words)
    if isinstance(command, TyperGroup) and words[len(called) :] and not words[len(called)].startswith("-"):
        return f"`{words[len(called)]}` is no command"
    options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    missing = [word for word in words if word.startswith("--") and word.split("=")[0] not in options]
    return f"no option {missing}" if missing else ""


def found(words: list[str]) -> tuple[TyperCommand | TyperGroup, list[str]]:
    """The command that words call, and those of the words that name it."""
    command: TyperCommand | TyperGroup = root()
    for place, word in enumerate(words):
        below = command.commands.get(word) if isinstance(command, TyperGroup) else None
        if not isinstance(below, TyperCommand | TyperGroup):
            return command, words[:place]
        command = below
    return command, words


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("standby rnu x.yaml", "rnu"),
        ("standby run x.yaml --dryrun", "dryrun"),
        ("standby run experiments/no-such.yaml", "not there"),
        ("make no-such-target", "no-such-target"),
        ("terraform apply", "no test knows it"),
    ],
)
def test_a_command_that_is_wrong_is_found(line: str, says: str) -> None:
    """The check itself: a misspelt command, option, file or target, and a program that nobody knows."""
    assert says in unknown(line.split())


def test_no_block_escapes() -> None:
    """Code stands in fences that say what it is; indented blocks would be seen by no test."""
    for page in PAGES:
        prose = without_blocks(page)
        for indented in re.finditer(r"\n\n( {4,}\S[^\n]*)", prose):
            listed = re.search(r"^\s*([-*]|\d+\.) ", prose[: indented.start()][-200:], re.MULTILINE)
            assert listed, f"{page.relative_to(ROOT)}: an indented block: {indented[1]}"
        for block in blocks(page):
            assert block.language or not re.search(r"^ *(standby|make|kubectl) ", block.text, re.MULTILINE), (
                block.place
            )
