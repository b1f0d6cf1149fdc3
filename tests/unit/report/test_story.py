"""A run in plain words."""

from __future__ import annotations

from chaos.record import Event, Json
from chaos.report.story import tell, thing
from chaos.report.summary import summarise
from chaos.testing.events import example_run

LOSS = (
    "At 15:10 the room was lost: “townhall: at least half hear sound” did not hold for 16 min 50 s; "
    "2 min are allowed."
)


def _told(events: list[Event]) -> list[str]:
    return tell(summarise(events), events)


def test_a_lost_room_is_told_from_the_opening_to_the_loss() -> None:
    """Faults, the wrong turn, the repairs and the loss are told in order, in words without identifiers."""
    told = _told(example_run())
    wanted = [
        "The room opens at 00:00; up to 678 listeners (at a scale of 1/1000) want to be in it. 3 people are on call.",
        "At 05:00 the bridge from media to platform became slow (delay 900 ms, jitter 300 ms).",
        "At 05:52 person 1 was paged for “BridgeSlow media-to-platform”.",
        "At 09:02 person 1 took it for “platform overloaded”, which it was not.",
        "At 09:42 person 1 restarted platform, which was the wrong thing to do.",
        "At 13:20 “RoomGone townhall” had to wait: nobody was free for it.",
        LOSS,
        "At 18:42 person 1 failed the bridge from media to platform over to its spare.",
        "In the end the room was lost at 15:10; 6.3 million listener-minutes were lost.",
        "This is one draw, seed 7: with another seed the same crew may fare otherwise.",
    ]
    places = [told.index(sentence) for sentence in wanted]
    assert places == sorted(places)


def test_a_room_that_lived_is_said_to_have_lived() -> None:
    """The end of the story is the fate, with what was lost all the same and who was not needed."""
    told = _told(example_run(survived=True, headcount=6))
    assert "In the end the room lived; 214,000 listener-minutes were lost." in told
    assert "3 people of the crew never had to do anything." in told
    assert not any("was lost:" in sentence for sentence in told)


def test_a_room_lost_over_the_whole_window_is_told_with_the_reason() -> None:
    """A survival objective that is judged once has no moment; the story then tells what was too little."""
    joins: dict[str, Json] = {
        "name": "joins",
        "verdict": "fail",
        "expect": ">= 0.9",
        "worst": 0.459,
        "samples": 1,
        "survival": True,
    }
    events = [
        Event("objective_judged", 100.0, 0.0, "judging", joins),
        Event(
            "verdict",
            101.0,
            0.0,
            "judging",
            {"verdict": "fail", "why": "x", "exit_code": 1, "survived": False},
        ),
    ]
    assert _told(events)[1] == (
        "In the end the room was lost. "
        "It counts as lost because over the whole time “joins” came to 0.459, ≥ 0.9 is required."
    )


def test_a_run_without_a_crew_is_no_draw() -> None:
    """Nobody on call: the story says so and speaks of no draw."""
    told = _told(example_run(headcount=0))
    assert "No crew is modelled" in told[0]
    assert not any("one draw" in sentence for sentence in told)


def test_an_inconclusive_run_says_that_nothing_can_be_concluded() -> None:
    """A cut-off run ends with that sentence, and with no fate."""
    told = _told([event for event in example_run() if event.t < 100])
    assert any(sentence.startswith("Nothing can be concluded from this run") for sentence in told)
    assert not any(sentence.startswith("In the end") for sentence in told)


def test_a_fault_that_is_not_shown_is_not_told_as_a_fact() -> None:
    """Where the proof is missing the story says so."""
    events = [event for event in example_run() if event.name != "fault_observed"]
    assert any("became slow" in each and "is not shown" in each for each in _told(events))


def test_people_who_did_not_answer_are_told() -> None:
    """Who is not available in this draw is counted apart from who was not needed."""
    available: Json = [1, 2, 3, 4]
    begun = Event("crew_begun", 6.1, 0.0, "warm_up", {"headcount": 6, "available": available})
    told = _told([*example_run(headcount=6), begun])
    assert "2 people of the crew did not answer at all." in told
    assert "1 person of the crew never had to do anything." in told


def test_places_are_named_as_people_name_them() -> None:
    """Links between the tiers are the bridge, other links are links, processes lose their pids."""
    assert (
        thing("media-to-platform/media-1, media-to-platform/media-2") == "the bridge from media to platform"
    )
    assert thing("api-to-db") == "the link from api to db"
    assert thing("edge/media-1") == "the way from the listeners to media"
    assert thing("process platform (pid 4711)") == "process platform"
    assert thing("room=townhall") == "townhall"
    assert thing("") == "something"
