"""The reference for programs, from signatures and docstrings."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator

import chaos
import chaos.testing
from chaos.experiment.base import Model
from chaos.experiment.docstrings import attribute_docstrings
from handbook.text import cell, code, first_sentence, prose, table

OWN_FAULTS = "chaos.faults.base"
"""Where a fault of one's own begins."""


def api_page() -> str:
    """What `import chaos` offers, how a fault of one's own is made, and the fakes for tests."""
    parts = [
        "# From Python\n",
        "What is named here keeps its name and meaning within a major version; everything else may change.\n",
        "## chaos\n\n" + first_sentence(inspect.getdoc(importlib.import_module("chaos.api"))) + "\n",
        "[The README](../readme.md#from-a-program) has an example.\n",
    ]
    for name in chaos.__all__:
        parts.append(entry(f"chaos.{name}", getattr(chaos, name)))
    parts.append(
        f"## {OWN_FAULTS}\n\nA fault of your own comes in by the entry point group `standby.faults`.\n"
    )
    parts += [entry(f"{OWN_FAULTS}.{name}", thing) for name, thing in own(OWN_FAULTS)]
    for module in pkgutil.iter_modules(chaos.testing.__path__, "chaos.testing."):
        found = list(own(module.name))
        if found and not module.ispkg:
            told = prose(inspect.getdoc(importlib.import_module(module.name)))
            parts.append(f"## {module.name}\n\n{told}")
            parts += [entry(f"{module.name}.{name}", thing) for name, thing in found]
    return "\n".join(parts)


def own(module: str) -> Iterator[tuple[str, type | Callable[..., object]]]:
    """The public classes and functions that a module itself defines, in their order."""
    for name, thing in vars(importlib.import_module(module)).items():
        named = inspect.isclass(thing) or inspect.isfunction(thing)
        if named and not name.startswith("_") and thing.__module__ == module:
            yield name, thing


def entry(name: str, thing: type | Callable[..., object]) -> str:
    """One class or function: how it is called, what it is, and of a class what it has."""
    parts = [f"### {name}\n"]
    if not inspect.isclass(thing):
        return "\n".join([*parts, _called(name, thing), prose(inspect.getdoc(thing))])
    parts.append(prose(inspect.getdoc(thing)))
    if issubclass(thing, Model):
        parts.append("Its fields are those of [the document](document.md).\n")
    elif rows := list(_fields(thing)):
        parts.append(table(["field", "type", "meaning"], rows))
    for key, member in vars(thing).items():
        if key.startswith("_"):
            continue
        if isinstance(member, property):
            parts.append(f"**`{key}`** {prose(inspect.getdoc(member))}")
        elif inspect.isfunction(member) and inspect.getdoc(member):
            parts += [_called(f"{name.rsplit('.', 1)[-1]}.{key}", member), prose(inspect.getdoc(member))]
    return "\n".join(parts)


def _fields(thing: type) -> Iterator[list[str]]:
    """The public fields of a class and of those of ours that it is made from."""
    meanings = attribute_docstrings(thing)
    ours = [one for one in reversed(thing.__mro__) if one.__module__.startswith("chaos.")]
    kinds = {key: kind for one in ours for key, kind in vars(one).get("__annotations__", {}).items()}
    for key, kind in kinds.items():
        if not key.startswith("_") and key != "model_config":
            yield [f"`{key}`", code(str(kind)), cell(meanings.get(key, ""))]


def _called(name: str, function: Callable[..., object]) -> str:
    """How it is called, on one line where that is short."""
    keyword = "await " if inspect.iscoroutinefunction(function) else ""
    signature = _written(inspect.signature(function))
    line = f"{keyword}{name}{signature}"
    if len(line) > 100:
        bare = str(signature.replace(return_annotation=inspect.Signature.empty))
        parameters = re.split(r", (?![^\[\]]*\])", bare[1:-1])  # not where a type has its own
        line = f"{keyword}{name}(\n" + "".join(f"    {one},\n" for one in parameters)
        line += str(signature)[len(bare) - 1 :]
    return f"```text\n{line}\n```\n"


def _written(signature: inspect.Signature) -> inspect.Signature:
    """With annotations, which are texts here, as they were written; defaults stay what they are."""

    def written(annotation: object) -> object:
        return _Written(annotation) if isinstance(annotation, str) else annotation

    parameters = [one.replace(annotation=written(one.annotation)) for one in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=written(signature.return_annotation))


class _Written(str):
    """A text that is its own representation."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
