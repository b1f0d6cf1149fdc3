import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from chaos.experiment.schema import SCHEMA_FILE, schema, schema_text
from chaos.experiment.source import parse
from chaos.experiment.tree import data
from chaos.faults.specs import spec_types
from tests.unit.experiment.documents import DOCUMENT, FAULTS, OWN_SERVICES, changed, problems

EXPERIMENTS = sorted((Path(__file__).parents[3] / "experiments").glob("*.yaml"))
VALIDATOR = Draft202012Validator(schema(FAULTS))


def wrong(text: str) -> list[str]:
    """What an editor would underline."""
    return [error.message for error in VALIDATOR.iter_errors(data(parse(text, "x.yaml")[0]))]


def test_the_committed_schema_is_current() -> None:
    """What editors read is what the loader enforces (`standby schema > chaos/experiment/schema.json`)."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(spec_types())


def test_the_schema_is_a_schema() -> None:
    """It is valid itself, and every fault and every key of a fault has a description."""
    made = json.loads(schema_text(spec_types()))
    Draft202012Validator.check_schema(made)
    for spec in spec_types().values():
        definition = made["$defs"][spec.__name__]
        assert definition["description"]
        assert "fault" in definition["required"]
        for key, value in definition["properties"].items():
            assert key == "fault" or value.get("description"), f"{spec.__name__}.{key}"


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_shipped_experiments_fit_the_schema(path: Path) -> None:
    """An editor underlines nothing in what is shipped."""
    made = Draft202012Validator(schema(spec_types()))
    assert [error.message for error in made.iter_errors(data(parse(path.read_text(), path.name)[0]))] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: A room survives a slow bridge\n", ""),
        ("world: local", "world: locl"),
        ("headcount: 2", "headcont: 2"),
        ("delay: 900ms", "dely: 900ms"),
        ("delay: 900ms", "delay: 900"),
        ("fault: latency, ", ""),
        ("survives: townhall}", "survives: townhall, query: up}"),
        ('expect: "> 5"', "expect: 5"),
        ("join_over: 19m", "join_over: 19 min"),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(old: str, new: str) -> None:
    """Unknown and missing keys, wrong words and wrong units are underlined in an editor, too."""
    assert wrong(DOCUMENT) == []
    assert wrong(OWN_SERVICES) == []
    assert wrong(changed(old, new))
    assert problems(changed(old, new))


@given(st.sampled_from(["delay: 900ms", "at: 4m"]), st.text("0123456789.smhdu-+e% ", max_size=8))
def test_schema_and_loader_agree_on_durations(old: str, text: str) -> None:
    """What the loader takes as a duration, the schema's pattern takes as well."""
    document = changed(old, f"{old.split(':', maxsplit=1)[0]}: {json.dumps(text)}")
    if not problems(document):
        assert wrong(document.replace(json.dumps(text), json.dumps(text.strip()))) == []


def test_importing_the_units_brings_no_yaml() -> None:
    """The processes of the rooms need units, not the models of a document nor what reads YAML."""
    code = (
        "import sys, chaos.experiment.units, chaos.experiment.rooms; "
        "print([name for name in sys.modules if 'ruamel' in name or name == 'chaos.experiment.model'])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
