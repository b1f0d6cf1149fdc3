"""The pages: one file, no network, everything in it, whatever the names are."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from chaos.record import Event
from chaos.report.html import demo_page, report_page
from chaos.report.summary import summarise
from chaos.testing.events import example_run, write_events

HOSTILE = "<script>alert('x')</script> \"q\" & </style> {{ 7*7 }}\nnext"
VOID = {"meta", "br", "link", "img", "input", "hr"}


class _Page(HTMLParser):
    """What a browser would see: tags with attributes, balanced or not, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def _page(events: list[Event]) -> str:
    return report_page(summarise(events), events)


def _demo(folder: Path, title: str = "Two crews") -> str:
    write_events(example_run(survived=True, headcount=6), folder / "six")
    write_events(example_run(title=title, room=title), folder / "three")
    return demo_page([("six people", folder / "six"), (f"three {title}", folder / "three")])


def test_the_pages_load_nothing(tmp_path: Path) -> None:
    """No script, no style attribute, no address, no source: the page works without a network and under its own CSP.

    The only links lead to the reports in the folders beside it.
    """
    for page in (_page(example_run()), _demo(tmp_path)):
        seen = _Page(page)
        assert not {tag for tag, _ in seen.tags} & {
            "script",
            "link",
            "img",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
        }
        attributes = {name for _, attrs in seen.tags for name in attrs}
        assert not attributes & {"src", "style", "xlink:href", "srcset", "action"}
        links = {(tag, attrs["href"] or "") for tag, attrs in seen.tags if "href" in attrs}
        assert all(tag == "a" and re.fullmatch(r"[\w%.-]+/report\.html", href) for tag, href in links)
        assert not [name for name in attributes if name.startswith("on")]
        assert "http://" not in page
        assert "https://" not in page
        assert "@import" not in page
        assert set(re.findall(r"url\(([^)]*)\)", page)) <= {"#stripes", "#broken", "#doubt"}


def test_the_content_security_policy_allows_the_one_style_sheet_only() -> None:
    """The policy forbids everything but the style whose hash it names, and that is the page's style."""
    page = _page(example_run())
    policy = next(attrs["content"] for tag, attrs in _Page(page).tags if attrs.get("http-equiv"))
    style = page.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_hostile_names_stay_names(tmp_path: Path) -> None:
    """A name with markup, quotes, a template and a newline shows as it is, everywhere, and opens no tag."""
    for page in (_page(example_run(title=HOSTILE, room=HOSTILE)), _demo(tmp_path, HOSTILE)):
        seen = _Page(page)
        assert "script" not in {tag for tag, _ in seen.tags}
        assert seen.unbalanced == []
        assert seen.open == []
        assert "<script>alert('x')</script>" in seen.text
        assert "{{ 7*7 }}" in seen.text


@pytest.mark.parametrize("events", [example_run(), example_run(headcount=0), example_run()[:60], []])
def test_pages_are_well_formed(events: list[Event]) -> None:
    """Every tag that is opened is closed, for a whole run, one without a crew, one cut off, one that is empty."""
    seen = _Page(_page(events))
    assert (seen.unbalanced, seen.open) == ([], [])


def test_the_first_heading_is_the_verdict_and_why() -> None:
    """The verdict stands first as a word with a shape of its own, and with the reason in the same sentence."""
    page = _page(example_run())
    heading = page.split("<h1>")[1].split("</h1>")[0]
    assert "<svg" in heading
    said = " ".join(_Page(heading).text.split())
    assert said == "fail the room plays on: broken for 16 min 50 s at a stretch; 2 min are allowed"


def test_each_verdict_has_a_shape_of_its_own() -> None:
    """Verdicts are told apart without colour."""
    pages = [_page(example_run()), _page(example_run(survived=True)), _page(example_run()[:60])]
    shapes = {page.split("<h1>")[1].split("</svg>")[0] for page in pages}
    assert len(shapes) == 3


def test_the_page_holds_everything_that_was_promised() -> None:
    """Fate, minutes, crew as one draw, both clocks, evidence, objectives, assumptions, warnings, command, document."""
    text = " ".join(_Page(_page(example_run())).text.split())
    for part in (
        "6.3 million",
        "3 people on call",
        "one draw, seed 7",
        "1/1000",
        "12 : 1",
        "30:00 of story in 2 min 30 s of real time",
        "p50 of 20 probes rose from 0.7 ms to 911 ms",
        "2 of 2 callers hold sockets to the link's listeners",
        "the toxic is not listed any more",
        "limit ≥ 0.5",
        "platform overloaded (wrong)",
        "lognormal, median 2.9 min, sigma 0.8",
        "detection takes 12 % of the median acknowledgement",
        "standby run experiments/failure-to-launch.yaml --seed 7 --set crew.headcount=3",
        "timeline: {warm_up: 2m, baseline: 2m, faults: 20m, recovery: 4m, after: 2m}",
        "room lost 15:10",
        "toxiproxy 2.12.0",
    ):
        assert part in text, part


def test_the_order_of_the_page_is_verdict_picture_evidence_objectives_people_assumptions_document() -> None:
    """What matters most comes first."""
    headings = re.findall(r"<h2>([^<]*)", _page(example_run()))
    assert [heading.strip() for heading in headings] == [
        "What happened when",
        "The same in words",
        "Evidence for every fault",
        "How long the loss of a node lasted",
        "Objectives",
        "Incidents and what people did",
        "What is measured, what is assumed",
        "Warnings",
        "To repeat it",
        "The document",
    ]


def test_the_picture_has_a_row_for_each_fault_person_room_and_objective() -> None:
    """Nothing that took place is missing from the picture."""
    page = _page(example_run())
    rows = re.findall(r'<div class="row[^"]*"><div class="what"><b>([^<]*)</b>', page)
    for name in (
        "slow bridge", "platform hangs", "media node lost", "torn segments", "townhall", "lobby",
        "Person 1", "Person 2", "Person 3", "Nobody yet", "the room plays on", "joins succeed",
        "BridgeSlow", "Story time", "Real time",
    ):  # fmt: skip
        assert name in rows, name
    assert page.count('class="broken"') == 3
    assert page.count('class="force"') == 4
    assert 'class="mark wrong"' in page


def test_light_dark_and_paper_are_all_provided_for() -> None:
    """The style follows the reader's colour scheme, has a form for narrow screens and one for paper."""
    style = _page(example_run()).split("<style>")[1].split("</style>")[0]
    assert "prefers-color-scheme:dark" in style
    assert "@media print" in style
    assert "max-width:720px" in style
    light, dark = (
        set(re.findall(r"--([a-z-]+):#", part)) for part in style.split("prefers-color-scheme:dark")[:2]
    )
    assert light == dark | (light - dark)
    assert dark >= light - {"tone", "tone-bg"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(scheme: str) -> None:
    """Words reach the contrast of 4.5 : 1 on what they stand on, in both schemes."""
    style = _page(example_run()).split("<style>")[1]
    block = style.split("prefers-color-scheme:dark")[0 if scheme == "light" else 1].split("*{box-sizing")[0]
    colours = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{3,8})", block))
    pairs = [(ink, ground) for ink in ("ink", "muted", "pass", "fail", "doubt") for ground in ("bg", "panel")]
    pairs += [("pass", "pass-bg"), ("fail", "fail-bg"), ("doubt", "doubt-bg"), ("muted", "fail-bg")]
    pairs += [("on-force", "force"), ("on-act", "act")]
    pairs += [("on-stage", stage) for stage in ("notice", "acknowledge", "triage", "decide", "verify")]
    for ink, ground in pairs:
        assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    pairs = [digit * 2 for digit in digits] if len(digits) == 3 else [digits[i : i + 2] for i in (0, 2, 4)]
    channels = [int(pair, 16) / 255 for pair in pairs]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_run_that_was_cut_off_shows_what_was_seen_live() -> None:
    """Without a judgement the picture has the values of the live view, and says that they were not judged."""
    page = _page([event for event in example_run() if event.t < 100])
    assert "Objectives as seen live, not judged" in page
    assert "the run was cut off" in page


@pytest.mark.parametrize(
    ("gone", "zero"),
    [
        ((), "the warm-up began"),
        (("warm_up",), "the baseline began"),
        (("warm_up", "baseline"), "the faults began"),
    ],
)
def test_without_rooms_both_axes_count_from_the_first_phase(gone: tuple[str, ...], zero: str) -> None:
    """No room is opened where there are none, and of no room's fate and size anything is said."""
    first, *others = example_run(headcount=0)
    events = [replace(first, fields={**first.fields, "scale": None}), *others]
    page = _page([event for event in events if event.phase not in gone])
    assert "room opened" not in page
    assert "when they come" not in page
    assert "Modelled: nothing." in page
    assert not {"The room", "Scale", "Lost listener-minutes"} & set(re.findall(r"<dt>([^<]*)", page))
    assert f"mm:ss since {zero}" in page
    assert f'aria-label="Real seconds since {zero}"' in page


def test_runs_side_by_side_share_one_axis_and_say_that_each_is_one_draw(tmp_path: Path) -> None:
    """Both fates, the same ticks, the sentence that these are draws, and each story in words."""
    page = _demo(tmp_path)
    text = " ".join(_Page(page).text.split())
    assert "six people: the room lived" in text
    assert "the room was lost at 15:10" in text
    assert "Each is one draw of chance" in text
    axes = re.findall(r'aria-label="Story time since the room opened">(.*?)</svg>', page)
    ticks = [re.findall(r">(\d\d:\d\d)<", axis)[:7] for axis in axes]
    assert len(ticks) == 2
    assert ticks[0] == ticks[1]
