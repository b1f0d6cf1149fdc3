"""The guides for authors: every command is carried out, every document loads, every example passes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from chaos import api as api  # imported here once, and not anew in the session that a test starts
from chaos.cli.app import app, run_app
from chaos.faults.registry import registry as registry

pytest_plugins = ["pytester"]

DOCS = Path(__file__).parents[2] / "docs"
CONVERTED = Path(__file__).parents[1] / "local" / "chaostoolkit"
GUIDES = ("writing", "chaostoolkit", "testing")


def blocks(guide: str, language: str) -> list[str]:
    """What stands in code blocks of a language."""
    return re.findall(
        rf"```{language}\n(.*?)```", (DOCS / f"{guide}.md").read_text(encoding="utf-8"), re.DOTALL
    )


@pytest.mark.parametrize("guide", ["writing", "chaostoolkit"])
def test_every_command_of_a_guide_works(
    guide: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In their order, in an empty folder but for an experiment to convert; each exits with 0."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STANDBY_STATE", str(tmp_path / "state"))
    (tmp_path / "experiment.json").write_text((CONVERTED / "slow-but-in-time.json").read_text())
    (tmp_path / "toxiproxy.json").write_text((CONVERTED / "proxies" / "toxiproxy.json").read_text())
    commands = "".join(blocks(guide, "sh")).splitlines()
    assert len(commands) >= 2
    for line in commands:
        command, _, target = line.partition(" > ")
        program, *arguments = shlex.split(command)
        assert program == "standby"
        assert run_app(arguments) == 0, line
        told = capsys.readouterr()
        if target:
            (tmp_path / target).write_text(told.out)


def test_every_document_of_a_guide_is_valid() -> None:
    """Whoever copies it gets no error."""
    documents = [block for guide in GUIDES for block in blocks(guide, "yaml")]
    assert documents
    for document in documents:
        api.loads(document)


def test_every_example_of_the_fakes_passes(pytester: pytest.Pytester) -> None:
    """The examples of docs/testing.md are a test module, one for each public module of chaos.testing."""
    examples = [block for block in blocks("testing", "python") if "chaos.testing" in block]
    pytester.makeini(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    for number, example in enumerate(examples):
        (pytester.path / f"test_{number}.py").write_text(example)
    outcome = pytester.inline_run("-p", "no:cacheprovider")
    outcome.assertoutcome(passed=len(examples))
    named = {
        name for example in examples for name in re.findall(r"from chaos\.testing\.(\w+) import", example)
    }
    public = {path.stem for path in (DOCS.parent / "chaos" / "testing").glob("*.py")} - {"__init__"}
    assert named == public


def test_every_option_and_command_that_a_guide_names_is_there() -> None:
    """Words such as `--of` and `standby completion` are those of the command line."""
    import typer.main

    known = {"--config", "--junit-xml"}
    words = set()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        words.add(name)
        known |= {option for parameter in command.params for option in parameter.opts}
        for inner in getattr(command, "commands", {}).values():
            known |= {option for parameter in inner.params for option in parameter.opts}
    for guide in ("writing", "chaostoolkit"):
        text = (DOCS / f"{guide}.md").read_text(encoding="utf-8")
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= known
        assert set(re.findall(r"`standby ([a-z]+)", text)) <= words


def test_links_of_the_guides_lead_somewhere() -> None:
    """No dead link."""
    for guide in GUIDES:
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", (DOCS / f"{guide}.md").read_text(encoding="utf-8")):
            assert (DOCS / link).exists(), link
