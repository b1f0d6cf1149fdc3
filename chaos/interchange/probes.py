"""Chaos Toolkit's probes for `python:` objectives: each asks as Chaos Toolkit does and tells whether it is tolerated.

A converted document names them where no objective of Standby's own says the same. In their arguments `${NAME}` stands
for an environment variable, so that no secret has to stand in a document.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import requests
from pydantic import JsonValue

from chaos.interchange.tolerances import Tolerance, met

PATIENCE = 30.0
"""Real seconds for a request or a command that names no time-out of its own; Chaos Toolkit would wait for ever."""
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def http(
    *,
    url: str,
    tolerance: Tolerance,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    arguments: JsonValue = None,
    timeout: float = PATIENCE,
    verify_tls: bool = True,
) -> bool:
    """A request; its value has `status`, `headers` and `body`. A request without an answer does not meet anything."""
    sent, given = _filled(dict(headers or {})), _filled(arguments)
    assert isinstance(sent, dict)
    body = {"params": given} if method == "GET" else {"data": given}
    if method != "GET" and sent.get("Content-Type") == "application/json":
        body = {"json": given}
    try:
        answer = requests.request(
            method,
            str(_filled(url)),
            headers={name: str(value) for name, value in sent.items()},
            timeout=timeout,
            verify=verify_tls,
            **body,  # type: ignore[arg-type]
        )
        json_ = answer.headers.get("Content-Type") == "application/json"
        value: JsonValue = answer.json() if json_ else answer.text
    except (requests.RequestException, ValueError):
        return False
    return met(tolerance, {"status": answer.status_code, "headers": dict(answer.headers), "body": value})


def process(
    *, path: str, tolerance: Tolerance, arguments: JsonValue = None, timeout: float = PATIENCE
) -> bool:
    """A command; its value has `status`, `stdout` and `stderr`. One that does not end in time meets nothing."""
    given = _filled(arguments)
    program = str(Path(path).expanduser())
    command = f"{program} {given}" if isinstance(given, str) else [program, *_words(given)]
    try:
        done = subprocess.run(
            command,
            shell=isinstance(command, str),
            timeout=timeout,
            capture_output=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    output = {"stdout": done.stdout.decode(errors="replace"), "stderr": done.stderr.decode(errors="replace")}
    return met(tolerance, {"status": done.returncode, **output})


def _words(arguments: JsonValue) -> list[str]:
    if isinstance(arguments, dict):
        arguments = [word for pair in arguments.items() for word in pair]
    several = arguments if isinstance(arguments, list) else []
    return [str(word) for word in several if word not in (None, "")]


def function(
    *,
    module: str,
    func: str,
    tolerance: Tolerance,
    arguments: JsonValue = None,
    configuration: JsonValue = None,
    secrets: JsonValue = None,
) -> bool:
    """What a function returns; it gets `configuration` and `secrets` if it takes them. What it raises is raised."""
    called = getattr(importlib.import_module(module), func)
    given = _filled(arguments or {})
    assert isinstance(given, dict)
    taken = inspect.signature(called).parameters
    for name, value in (("configuration", configuration), ("secrets", secrets)):
        if name in taken:
            given[name] = _filled(value or {})
    return met(tolerance, called(**given))


def prometheus(*, url: str, query: str, tolerance: Tolerance, timeout: float = PATIENCE) -> bool:
    """An instant query; its value is the answer of Prometheus' HTTP API as it is."""
    answer = requests.get(
        f"{str(_filled(url)).rstrip('/')}/api/v1/query", params={"query": query}, timeout=timeout
    )
    answer.raise_for_status()
    return met(tolerance, json.loads(answer.text))


def _filled(value: JsonValue) -> JsonValue:
    """With the environment's values for `${NAME}`, and for `${NAME:-otherwise}` where it has none.

    Raises KeyError for a variable that is not set: then there is no value, and nothing is concluded.
    """
    if isinstance(value, dict):
        return {key: _filled(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_filled(below) for below in value]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda found: _of_environment(found[1], found[2]), value)


def _of_environment(name: str, otherwise: str | None) -> str:
    found = os.environ.get(name, otherwise)
    if found is None:
        raise KeyError(f"the environment variable {name} is not set")
    return found
