"""Chaos Toolkit's probes as objectives: by a source of Standby's own where that says the same, else by `probes`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from chaos.interchange import tolerances
from chaos.interchange.actions import NoEquivalentError
from chaos.interchange.values import Values, of_environment

PROBES = "chaos.interchange.probes"
DEFAULT_PROMETHEUS = "http://localhost:9090"
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_PLAIN_VARIABLE = re.compile(r"\$\{(\w+)\}(?!\w)")
_URL = re.compile(r"https?://\S+")
_PROVIDER_KEYS = {
    "http": {
        "type",
        "url",
        "method",
        "headers",
        "timeout",
        "arguments",
        "verify_tls",
        "max_retries",
        "secrets",
    },
    "process": {"type", "path", "arguments", "timeout", "secrets"},
    "python": {"type", "module", "func", "arguments", "secrets"},
}

Plain = dict[str, JsonValue]


@dataclass
class Judged:
    """An objective without its name and phases; `prometheus` is the server that it asks, if it asks one."""

    source: Plain
    prometheus: str = ""
    notes: list[str] = field(default_factory=list)


def judged(
    activity: Mapping[str, JsonValue], values: Values, over_links: Callable[[JsonValue], JsonValue]
) -> Judged:
    """The objective of a probe. `over_links` puts links in the place of the addresses of proxies.

    Raises NoEquivalentError, or UnknownValueError for a value that is not known.
    """
    if "tolerance" not in activity:
        raise NoEquivalentError("it has no tolerance: nothing is judged by it")
    tolerance = activity["tolerance"]
    tolerance = values.filled(tolerance)
    if why := tolerances.trouble(tolerance):
        raise NoEquivalentError(f"its tolerance cannot be checked: {why}")
    if of_environment(tolerance):
        raise NoEquivalentError("its tolerance depends on the environment")
    provider = activity.get("provider")
    kind = provider.get("type") if isinstance(provider, Mapping) else None
    if not isinstance(provider, Mapping) or kind not in _MAKERS:
        raise NoEquivalentError(f"its provider is of the type {kind!r}; expected one of {', '.join(_MAKERS)}")
    made = _MAKERS[str(kind)](provider, tolerance, values)
    made.source = {key: over_links(value) for key, value in made.source.items()}
    made.notes += [
        f"`{key}` of its provider was left out" for key in provider if key not in _PROVIDER_KEYS[str(kind)]
    ]
    return made


def _http(provider: Mapping[str, JsonValue], tolerance: JsonValue, values: Values) -> Judged:
    url, headers = values.filled(provider.get("url")), values.filled(provider.get("headers")) or {}
    arguments, method = values.filled(provider.get("arguments")), provider.get("method", "GET")
    if not isinstance(url, str) or not isinstance(headers, Mapping) or not isinstance(method, str):
        raise NoEquivalentError("a request needs a `url` that is a text, and `headers` that are a mapping")
    headers = {str(key): str(value) for key, value in headers.items()}
    method, timeout = method.upper(), _timeout(values.filled(provider.get("timeout")))
    notes = ["`max_retries` was left out: a request is made once"] if provider.get("max_retries") else []
    status = isinstance(tolerance, int) and not isinstance(tolerance, bool) and 100 <= tolerance <= 599
    plain = (
        not arguments
        and provider.get("verify_tls", True) is True
        and method in _METHODS
        and _URL.fullmatch(url)
    )
    filled_in = {name: _header(str(value)) for name, value in headers.items()}
    if status and plain and not of_environment(url) and None not in filled_in.values():
        http: Plain = {"url": url}
        http |= {"method": method} if method != "GET" else {}
        http |= {"status": tolerance} if tolerance != 200 else {}
        http |= {"headers": dict(filled_in)} if headers else {}
        return Judged({"http": http, **_patience(timeout)}, notes=notes)
    own: Plain = {"url": url, "tolerance": tolerance}
    own |= {"method": method} if method != "GET" else {}
    own |= {"headers": headers} if headers else {}
    own |= {"arguments": arguments} if arguments else {}
    own |= {"timeout": timeout} if timeout else {}
    own |= {"verify_tls": False} if provider.get("verify_tls") is False else {}
    return _own("http", own, timeout, notes)


def _header(value: str) -> str | None:
    """A header's value as Standby fills it in; None where only Chaos Toolkit's rules say the same."""
    return None if "$" in _PLAIN_VARIABLE.sub("", value) else _PLAIN_VARIABLE.sub(r"$\1", value)


def _process(provider: Mapping[str, JsonValue], tolerance: JsonValue, values: Values) -> Judged:
    path, arguments = values.filled(provider.get("path")), values.filled(provider.get("arguments"))
    if not isinstance(path, str) or not path:
        raise NoEquivalentError("a process needs a `path`")
    timeout = _timeout(values.filled(provider.get("timeout")))
    own: Plain = {"path": path, "tolerance": tolerance}
    own |= {"arguments": arguments} if arguments else {}
    own |= {"timeout": timeout} if timeout else {}
    return _own("process", own, timeout, [])


def _python(provider: Mapping[str, JsonValue], tolerance: JsonValue, values: Values) -> Judged:
    module, func = provider.get("module"), provider.get("func")
    arguments = values.filled(provider.get("arguments") or {})
    if not isinstance(module, str) or not isinstance(func, str) or not isinstance(arguments, Mapping):
        raise NoEquivalentError("a function needs `module`, `func`, and `arguments` that are a mapping")
    name = f"{module}:{func}"
    if not _FUNCTION.fullmatch(name):
        raise NoEquivalentError(f"{name} is no name of a function")
    if name == "chaosprometheus.probes:query" and not set(arguments) - {"query", "timeout"}:
        return _prometheus(arguments, tolerance, values)
    notes = [f"the package of {module} must be there when it runs"]
    bare = not values.configuration and not provider.get("secrets")
    if bare and not of_environment(dict(arguments)) and isinstance(tolerance, bool | int):
        source: Plain = {"python": name, **({"arguments": dict(arguments)} if arguments else {})}
        return Judged(
            {**source, **({} if tolerance == 1 else {"expect": f"== {int(tolerance)}"})}, notes=notes
        )
    own: Plain = {"module": module, "func": func, "tolerance": tolerance}
    own |= {"arguments": dict(arguments)} if arguments else {}
    own |= {"configuration": values.configuration} if values.configuration else {}
    wanted = provider.get("secrets")
    secrets = {
        key: one
        for target in (wanted if isinstance(wanted, list) else [])
        for key, one in values.secrets.get(str(target), {}).items()
    }
    own |= {"secrets": secrets} if secrets else {}
    return _own("function", own, None, notes)


def _prometheus(arguments: Mapping[str, JsonValue], tolerance: JsonValue, values: Values) -> Judged:
    query = arguments.get("query")
    url = values.known.get("prometheus_base_url", DEFAULT_PROMETHEUS)
    if not isinstance(query, str) or not query or not isinstance(url, str):
        raise NoEquivalentError("it needs a `query`, and a `prometheus_base_url` that is a text")
    number = _one_number(tolerance)
    if number is not None and _URL.fullmatch(url) and not of_environment([query, url]):
        return Judged({"query": query, "expect": f"== {number:g}"}, prometheus=url)
    own: Plain = {"url": url, "query": query, "tolerance": tolerance}
    return _own("prometheus", own, _timeout(arguments.get("timeout")), [])


def _one_number(tolerance: JsonValue) -> float | None:
    """The number that a tolerance wants the one sample of an answer to be, if it does."""
    if (
        not isinstance(tolerance, Mapping)
        or tolerance.get("type") != "jsonpath"
        or tolerance.get("count") is not None
    ):
        return None
    steps = tolerances.steps(str(tolerance.get("path"))) or []
    expected = tolerance.get("expect")
    if steps[:2] != ["data", "result"] or steps[-2:] != ["value", 1] or not isinstance(expected, str):
        return None
    try:
        number = float(expected)
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number < 1e6 and f"{number:g}" == expected else None


def _own(probe: str, arguments: Plain, timeout: float | None, notes: list[str]) -> Judged:
    return Judged({"python": f"{PROBES}:{probe}", "arguments": arguments, **_patience(timeout)}, notes=notes)


def _timeout(value: JsonValue) -> float | None:
    """Seconds; of a pair for connecting and reading, both."""
    if isinstance(value, list) and value and all(isinstance(one, int | float) for one in value):
        value = float(sum(one for one in value if isinstance(one, int | float)))
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 3600:
        return None
    return float(value)


def _patience(timeout: float | None) -> Plain:
    """How long a value may take, and how long there may be none for that."""
    if timeout is None:
        return {}
    seconds = max(0.001, round(timeout, 3))
    return {"timeout": f"{seconds:g}s", **({"max_gap": f"{2 * seconds + 1:g}s"} if seconds > 2 else {})}


_MAKERS: Mapping[str, Callable[[Mapping[str, JsonValue], JsonValue, Values], Judged]] = {
    "http": _http,
    "process": _process,
    "python": _python,
}
