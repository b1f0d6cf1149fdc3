"""Reading what other tools write, and writing documents as a person would lay them out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from chaos.errors import UsageError
from chaos.interchange.chaostoolkit import Conversion
from chaos.interchange.layout import as_yaml
from chaos.interchange.links import Proxy

LARGEST = 1 << 20
"""Bytes of a file that is read."""


def read(path: Path) -> Mapping[str, JsonValue]:
    """A mapping in JSON or YAML. Raises UsageError for anything else."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if len(text) > LARGEST:
        raise UsageError(f"{path} is longer than {LARGEST} letters; is this an experiment?")
    try:
        found = _loaded(text)
    except (ValueError, YAMLError, RecursionError) as error:
        raise UsageError(f"{path} is neither JSON nor YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, Mapping):
        raise UsageError(f"{path} holds no experiment: expected a mapping with `title`, `method` and so on")
    return found


def read_proxies(path: Path) -> list[Proxy]:
    """Proxies from a file in the form of Toxiproxy's `-config`: name, listen, upstream. Raises UsageError."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [Proxy(str(row["name"]), str(row["listen"]), str(row["upstream"])) for row in rows]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{path} is no configuration of Toxiproxy ({type(error).__name__}: {error}); expected "
            '[{"name": "app", "listen": "127.0.0.1:6666", "upstream": "127.0.0.1:8080"}]'
        ) from error


def written(conversion: Conversion, source: str) -> str:
    """The document as YAML, below where it came from and what its author said about it."""
    head = [f"Converted from {source}, an experiment of Chaos Toolkit.", *_lines(conversion.description)]
    out = ""
    for key, value in conversion.document.items():
        out += "\n" if key in ("system", "objectives", "stop_when", "faults", "load") else ""
        out += as_yaml({key: value})
    return "".join(f"# {line}\n" for line in head) + out


def _lines(text: str, width: int = 100) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]


def _loaded(text: str) -> JsonValue:
    try:
        found: JsonValue = json.loads(text)
    except ValueError:
        yaml = YAML(typ="safe")
        yaml.version = (1, 1)  # as Chaos Toolkit reads it
        found = json.loads(json.dumps(yaml.load(text), default=str))
    return found
