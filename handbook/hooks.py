"""What MkDocs calls: reference pages are made, the project's own pages and whatever files are linked go along."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from handbook import api, commands, document, events, faults, metrics

ROOT = Path(__file__).parents[1]
REFERENCE = {
    "reference/commands.md": commands.commands_page,
    "reference/document.md": document.experiment_page,
    "reference/study.md": document.study_page,
    "reference/faults.md": faults.faults_page,
    "reference/metrics.md": metrics.metrics_page,
    "reference/events.md": events.events_page,
    "reference/api.md": api.api_page,
}
"""The pages that are made from the code."""
PROJECT = {
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "README.md": "readme.md",
}
"""Pages that lie beside docs/, and where they stand in the site."""
GUIDES = "Guides"
_WHOLE_LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\(([^)#\s]+)\)")
_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)")


def on_config(config: MkDocsConfig) -> None:
    """Pages that the navigation does not name are guides, in the order of the alphabet.

    There is no page for what is not found: it would have to know at which address the site is.
    """
    config.theme.static_templates.discard("404.html")
    docs = Path(config.docs_dir)
    named = set(_named(config.nav))
    others = sorted(
        path for page in docs.glob("*.md") if (path := page.relative_to(docs).as_posix()) not in named
    )
    for entry in config.nav or []:
        if GUIDES in entry:
            entry[GUIDES] = [*(entry[GUIDES] or []), *others]


def _named(nav: Any) -> Iterator[str]:
    match nav:
        case str(path):
            yield path
        case dict():
            for value in nav.values():
                yield from _named(value)
        case list():
            for value in nav:
                yield from _named(value)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/, and the files of the repository that pages link to."""
    for uri, make in REFERENCE.items():
        files.append(File.generated(config, uri, content=make()))
    for source, uri in PROJECT.items():
        files.append(File.generated(config, uri, content=(ROOT / source).read_text(encoding="utf-8")))
    linked = {
        target
        for page in files.documentation_pages()
        for link in _LINK.findall(page.content_string)
        if (target := _outside(_source(page.src_uri), link)) is not None
    }
    for target in sorted(linked):
        files.append(File.generated(config, _copy(target), abs_src_path=str(ROOT / target)))
    return files


def on_page_markdown(markdown: str, page: Page, **_others: object) -> str:
    """Links that lead out of docs/ lead to the copy of the page or file in the site."""
    here = page.file.src_uri

    def led(found: re.Match[str]) -> str:
        return in_site(here, found[1])

    def without_folders(found: re.Match[str]) -> str:
        """A folder of the repository is no page: its name stays, without a link."""
        return found[1] if (ROOT / _target(_source(here), found[2])).is_dir() else found[0]

    return _LINK.sub(led, _WHOLE_LINK.sub(without_folders, markdown))


def _source(uri: str) -> str:
    """Where a page of the site lies in the repository."""
    return next((source for source, place in PROJECT.items() if place == uri), f"docs/{uri}")


def _target(source: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))


def _outside(source: str, link: str) -> str | None:
    """The file of the repository that a link leads to, where it is neither in docs/ nor a page of the project."""
    target = _target(source, link)
    inside = target.startswith("docs/") or target in PROJECT
    return None if inside or not (ROOT / target).is_file() else target


def _copy(target: str) -> str:
    """Where the copy of a file lies in the site, which leaves out whatever begins with a dot."""
    return "/".join(["files", *(part.lstrip(".") for part in target.split("/"))])


def in_site(uri: str, link: str) -> str:
    """A link of a page as it is in the site; one that leads nowhere stays as it is, and the build refuses it."""
    target = _target(_source(uri), link)
    if target in PROJECT:
        place = PROJECT[target]
    elif target.startswith("docs/"):
        place = target.removeprefix("docs/")
    elif (ROOT / target).is_file():
        place = _copy(target)
    else:
        return link
    return posixpath.relpath(place, posixpath.dirname(uri) or ".")
