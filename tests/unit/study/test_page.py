from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from chaos.study.concurrency import judged
from chaos.study.conduct import conduct
from chaos.study.page import study_page, worth_words
from chaos.study.plots import percent
from chaos.study.result import Bounds, StudyResult, Worth
from chaos.study.validation import validate
from tests.unit.study.standin import STUDY, simulate, written
from tests.unit.study.test_concurrency import AUTO, tried
from tests.unit.study.test_validation import LIVE, Again, trial


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """The small study with a name that must not become markup."""
    text = STUDY.replace("by the room", "by <b>the</b> room").replace("{simulated: 2000}", "{simulated: 200}")
    return conduct(written(tmp_path_factory.mktemp("study"), text), simulate)


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_answer_comes_first(result: StudyResult) -> None:
    """The page's first heading is the answer, and the first words of its body."""
    page = study_page(result, "standby study s.yaml")
    heading = re.search(r"<h1>(.*?)</h1>", page)
    assert heading is not None
    assert heading[1] == result.answer
    assert page.index("<h1>") < page.index("<h2>")


def test_the_page_needs_no_script_and_no_network(result: StudyResult) -> None:
    """Well-formed, one style sheet under a policy that allows it alone, nothing fetched, no inline style or handler."""
    page = study_page(result, "standby study s.yaml")
    elements = _Elements()
    elements.feed(page)
    assert not elements.open
    assert not {"script", "link", "img", "iframe", "a"} & set(elements.tags)
    assert not {
        name for name in elements.attributes if name.startswith("on") or name in ("style", "src", "href")
    }
    assert "default-src 'none'; style-src 'sha256-" in page


def test_names_are_text(result: StudyResult) -> None:
    """What a document calls an arm is shown, never read as markup."""
    page = study_page(result, "standby study s.yaml")
    assert "by <b>the</b> room" not in page
    assert "by &lt;b&gt;the&lt;/b&gt; room" in page


def test_every_part_of_the_result_is_on_the_page(result: StudyResult) -> None:
    """Both curves in words, the causes, the mechanisms, the parameters, the assumptions with sources, how to repeat."""
    page = study_page(result, "standby study s.yaml")
    as_found = result.arms[0].points[2]
    assert f"2: {percent(as_found.survived / as_found.trials)}" in page
    for heading in (
        "worth in heads", "To what it is due", "How headcount acts", "What matters most", "How long rooms live",
        "By time scale", "What is assumed", "To repeat it",
    ):  # fmt: skip
        assert heading in page
    assert all(one.source.split(";")[0].split("'")[0] in page for one in result.assumptions[:5])
    assert "standby study s.yaml" in page


def test_a_study_of_arms_alone_has_a_page(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every section but the arms may be missing, and what varies need not be people."""
    head, _, _ = STUDY.partition("others:")
    text = head.replace(
        "{values: [0, 1, 2, 3, 4, 5]}", "{path: rooms.capacity.media, values: [40%, 70%, 100%]}"
    )
    found = conduct(written(tmp_path_factory.mktemp("study"), text), simulate)
    page = study_page(found, "standby study s.yaml")
    assert "rooms.capacity.media" in found.answer
    assert "What matters most" not in page


@pytest.mark.parametrize(
    ("share", "told"), [(0.0, "0%"), (0.004, "0.4%"), (0.5, "50%"), (0.9967, "99.7%"), (1.0, "100%")]
)
def test_nearly_certain_is_not_certain(share: float, told: str) -> None:
    """Only what never or always happened is 0 or 100 %."""
    assert percent(share) == told


@pytest.mark.parametrize(
    ("heads", "more_than", "told"),
    [
        (3.0, None, "worth 3 heads"),
        (1.0, None, "worth 1 head "),
        (None, 8.0, "more than 8"),
        (None, None, "not known"),
    ],
)
def test_worth_is_told_as_far_as_it_is_known(heads: float | None, more_than: float | None, told: str) -> None:
    """A difference, a bound, or neither."""
    interval = Bounds(low=1.0, high=5.0)
    worth = Worth(
        arm="b",
        against="a",
        heads=heads,
        more_than=more_than,
        no_number_is_enough=heads is None,
        interval=interval,
    )
    assert told in worth_words(worth)


def test_what_differs_from_live_evenings_is_told_first_and_shown(tmp_path: Path) -> None:
    """The finding is the first thing said; the stages of both halves, the measured duration, those that are not, and
    the A/A test follow.
    """
    loaded = written(tmp_path, LIVE.replace("{simulated: 2000}", "{simulated: 100}"))
    valid = validate(loaded, [trial(seed, later=60.0 + seed) for seed in range(7, 15)], Again())
    calibration = valid.calibration.model_copy(update={"concurrency": judged(AUTO, tried(lag=0.2))})
    page = study_page(
        conduct(loaded, simulate, calibration=calibration, durations=valid.durations), "standby study s.yaml"
    )
    said = page[page.index("To be said with it") :]
    assert re.search(r"<li>(.*?)</li>", said)[1].startswith("Stages begin at other moments")  # type: ignore[index]
    shown = page[page.index("Against live evenings") :]
    assert "triage</td>" in shown
    assert "a process is ended, started and ready" in shown
    assert "n = 12" in shown
    known = [one for one in calibration.durations if one.measured]
    assert f"{len(known)} of {len(calibration.durations)} durations are measured on these evenings" in shown
    others = shown[shown.index("Real durations that are not measured") :]
    assert "listeners notice that their room is elsewhere" in others
    assert "a look-up each second, then up to 3 s of spread" in others
    assert not any(f"{one.what} <span" in others for one in known)
    assert "with 2 at once audience lag may change" in shown
