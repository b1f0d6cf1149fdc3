"""The page of a run that is being watched, and its parts, by the templates of the report."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from chaos.report import html, words
from chaos.report.live import Situation
from chaos.report.summary import summarise
from chaos.report.trail import Trail
from chaos.watch.follow import Followed


@dataclass(frozen=True)
class Shell:
    """The page around the parts, and the policy that allows its own style sheet and script and nothing else."""

    text: str
    policy: str


@cache
def shell() -> Shell:
    """The page as it is sent once; its script fetches the parts."""
    style = html.style_of("chaos.report", "page.css") + html.style_of("chaos.watch", "live.css")
    script = html.style_of("chaos.watch", "live.js")
    policy = (
        f"default-src 'none'; style-src 'sha256-{_digest(style)}'; script-src 'sha256-{_digest(script)}'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    text = _environment().get_template("live.html.j2").render(style=Markup(style), script=Markup(script))  # noqa: S704
    return Shell(text, policy)


def parts(followed: Followed | None, others: Sequence[str] = ()) -> str:
    """What the page shows of a run now; `others` are the names of runs that go on besides."""
    template = _environment().get_template("now.html.j2")
    if followed is None or not followed.events:
        return template.render(followed=followed, others=others, standing="waiting", run=None)
    trail = Trail(followed.events)
    report = summarise(trail.events)
    going = followed.standing in ("going", "judged")
    return template.render(
        followed=followed,
        others=others,
        standing=followed.standing,
        run=followed.situation,
        progress=_progress(followed.situation),
        **html.shown(report, trail, going=going),
    )


def _progress(run: Situation) -> float:
    """How much of the planned story has passed, 0 to 100."""
    left, whole = run.left(), sum(run.lengths.values())
    return 100 * max(0.0, 1 - left / whole) if left is not None and whole else 0.0


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    made = html.report_environment("chaos.watch", "chaos.report")
    made.filters.update(real=lambda seconds: words.length(round(seconds)))
    return made
