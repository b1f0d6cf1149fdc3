from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chaos.clients.prometheus import NoPrometheus
from chaos.clock import RealSeconds, StorySeconds, SystemClock
from chaos.engine import injection
from chaos.engine.injection import Injection
from chaos.engine.probing import Prober
from chaos.engine.sources import (
    LONGEST_SAID,
    CommandSource,
    Found,
    HttpSource,
    PythonSource,
    source_of,
)
from chaos.errors import PreflightError
from chaos.experiment.fault import FaultSpec, Proof
from chaos.experiment.objective import HttpCheck, Objective
from chaos.experiment.units import Expectation
from chaos.faults.base import Fault
from chaos.record import Record
from chaos.worlds.system import Goal

SECRET = "s3cret-" + "0123456789" * 3
SOON = RealSeconds(30.0)


class WordlessError(Exception):
    """An error that cannot even be told."""

    def __str__(self) -> str:
        raise ValueError("no words")


def told(found: Found) -> str:
    """The reason as a reader gets it, of a run without secrets."""
    return found.told(lambda text: text)


def raising(error: BaseException) -> Callable[[], object]:
    """A user's function that raises."""

    def check() -> object:
        raise error

    return check


async def asks(function: Callable[[], object]) -> Found:
    """What a function's source answers."""
    return await PythonSource("checks:ready", function, SOON).ask()


async def test_a_function_s_number_or_truth_is_its_value() -> None:
    """Numbers as they are, truths as 1 and 0, and nothing to explain."""
    assert await asks(lambda: 3) == Found(3.0)
    assert await asks(lambda: 0.5) == Found(0.5)
    assert await asks(lambda: True) == Found(1.0)
    assert await asks(lambda: False) == Found(0.0)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (raising(KeyError("rooms")), "raised KeyError: 'rooms' (test_sources.py:"),
        (raising(SystemExit(3)), "raised SystemExit: 3 (test_sources.py:"),
        (raising(StopIteration()), "raised StopIteration: (test_sources.py:"),
        (raising(WordlessError()), "raised WordlessError: (it cannot be told) (test_sources.py:"),
        (lambda: "ready", "returned a str, no number"),
        (lambda: None, "returned a NoneType, no number"),
        (lambda: float("nan"), "returned nan, no finite number"),
        (lambda: 10**400, "returned inf, no finite number"),
    ],
)
async def test_a_function_that_gives_no_value_says_what_it_did_instead(
    function: Callable[[], object], reason: str
) -> None:
    """What was raised, in its own words and where, or what came back that is no number: no value, and the reason."""
    found = await asks(function)
    assert found.value is None
    assert told(found).startswith(reason)


async def test_an_asynchronous_function_that_raises_says_the_same() -> None:
    """The kind of function makes no difference to the reason."""

    async def check() -> object:
        raise KeyError("rooms")

    assert told(await asks(check)).startswith("raised KeyError: 'rooms' (test_sources.py:")


async def test_a_function_that_hangs_is_told_from_one_that_still_does() -> None:
    """The first time it did not return in time; while it hangs it is not called again, and that is the reason."""
    over = threading.Event()
    source = PythonSource("checks:hang", over.wait, RealSeconds(0.05))
    try:
        assert [await source.ask(), await source.ask()] == [
            Found(None, "did not return within 0.05 s"), Found(None, "had not returned from an earlier call")
        ]  # fmt: skip
    finally:
        over.set()


@pytest.mark.parametrize(
    ("script", "value", "reason"),
    [
        ("echo 1; echo 0.25 s", 0.25, ""),
        ("echo fine", 1.0, ""),
        ("echo 7; echo no such room >&2; exit 3", 0.0, "ended with exit code 3: 7 no such room"),
        ("exit 3", 0.0, "ended with exit code 3"),
        ("sleep 60", 0.0, "did not end within 0.5 s"),
        ("echo 1e999", None, "printed inf, no finite number"),
    ],
)
async def test_a_command_that_fails_says_how(
    tmp_path: Path, script: str, value: float | None, reason: str
) -> None:
    """A failed check is 0, with its exit code and last words, or the time that it did not keep."""
    timeout = RealSeconds(0.5) if "sleep" in script else SOON
    found = await CommandSource(["sh", "-c", script], timeout, tmp_path, {}).ask()
    assert (found.value, told(found)) == (value, reason)


async def test_a_command_that_cannot_be_started_gives_no_value(tmp_path: Path) -> None:
    """What could not be asked is neither good nor bad, and ends nobody else's asking."""
    found = await CommandSource(["no-such-command"], SOON, tmp_path, {}).ask()
    assert found.value is None
    assert told(found).startswith("could not be started: `no-such-command` cannot be started in ")


@asynccontextmanager
async def server(answer: int | None | Literal["hangs up"]) -> AsyncIterator[str]:
    """The address of a server that gives every request the same status, none at all, or hangs up."""

    async def serve(request: web.Request) -> web.Response:
        if answer is None:
            await asyncio.Event().wait()
        if answer == "hangs up" and request.transport is not None:
            request.transport.close()
        return web.Response(status=answer if isinstance(answer, int) else 500)

    app = web.Application()
    app.router.add_get("/", serve)
    async with TestServer(app) as listening:
        yield str(listening.make_url("/"))


@pytest.mark.parametrize(
    ("answer", "value", "reason"),
    [
        (200, 1.0, ""),
        (503, 0.0, "was answered 503, not 200"),
        (None, 0.0, "was not answered within 0.3 s"),
        ("hangs up", 0.0, "broke off with ServerDisconnectedError: Server disconnected"),
    ],
)
async def test_a_request_that_is_not_answered_as_it_should_be_says_how(
    answer: int | None | Literal["hangs up"], value: float, reason: str
) -> None:
    """Another status, no answer in time, a connection that ends: 0, and which of them it was."""
    async with server(answer) as url:
        found = await HttpSource(HttpCheck(url=url), RealSeconds(0.3) if answer is None else SOON).ask()
    assert (found.value, told(found)) == (value, reason)


async def test_a_request_that_nobody_takes_says_so() -> None:
    """A refused connection is 0, in the words of the system."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found = await HttpSource(HttpCheck(url=f"http://127.0.0.1:{free.getsockname()[1]}/"), SOON).ask()
    assert found.value == 0.0
    assert told(found).startswith("was given no connection: Cannot connect to host 127.0.0.1:")


async def test_the_headers_of_a_request_are_filled_in_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An objective's and a proof's: the server gets the secret, and what it says of it is not recorded."""
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    got: list[str | None] = []

    async def serve(request: web.Request) -> web.Response:
        got.append(request.headers.get("Authorization"))
        return web.Response()

    app = web.Application()
    app.router.add_get("/", serve)
    record = Record()
    async with TestServer(app) as listening:
        check = HttpCheck(url=str(listening.make_url("/")), headers={"Authorization": "Bearer $SHOP_TOKEN"})
        for asked in (Objective(name="up", http=check), Proof(http=check, expect=Expectation.parse("== 0"))):
            source = source_of(asked, tmp_path, {}, name="up", hide=record.hide)
            assert source is not None
            assert (await source.ask()).value == 1.0
            assert SECRET not in source.text
    assert got == [f"Bearer {SECRET}"] * 2
    assert record.event("heard", said=f"no such token: {SECRET}")["said"] == "no such token: [redacted]"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", r"needs the environment variable \$SHOP_TOKEN"),
        ("secret\n", r"the value of \$SHOP_TOKEN has a line br"),
    ],
)
def test_a_header_that_cannot_be_filled_in_is_told_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, why: str
) -> None:
    """No variable, or one that no header can hold: whose header, which variable, and never the value."""
    monkeypatch.setenv("SHOP_TOKEN", value)
    asked = Objective(name="up", http=HttpCheck(url="http://x/", headers={"X-Key": "$SHOP_TOKEN"}))
    with pytest.raises(PreflightError, match=rf"^the objective up: http\.headers\.X-Key .*{why}") as told:
        source_of(asked, tmp_path, {}, name="the objective up", hide=Record().hide)
    assert not value or value.strip() not in str(told.value)


def test_what_a_function_takes_from_the_environment_is_not_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`${NAME}` in its arguments, at any depth: the function may fill it in, and tell it in an error."""
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    record = Record()
    asked = Objective(
        name="up", python="json:dumps", arguments={"obj": [{"key": "Bearer ${SHOP_TOKEN:-none}"}]}
    )
    source_of(asked, tmp_path, {}, name="up", hide=record.hide)
    assert record.masked(f"{SECRET} is refused") == "[redacted] is refused"


def test_a_reason_is_short_and_never_shows_a_part_of_a_secret() -> None:
    """However the cut falls across a secret, none of it is left; what is left is one line of bounded length."""
    pieces = [SECRET[start : start + 6] for start in range(len(SECRET) - 5)]
    for after in range(LONGEST_SAID):
        said = "\x1b[31m" + "x" * 5000 + SECRET + "\n\x1b[0m" + "y" * after
        reason = Found(None, "raised KeyError", said).told(Record(secrets=[SECRET]).masked)
        assert reason.startswith("raised KeyError: ...")
        assert len(reason) == len("raised KeyError: ") + LONGEST_SAID
        assert not [piece for piece in pieces if piece in reason]
        assert reason.isprintable()


async def test_the_run_notes_each_reason_with_the_secrets_masked() -> None:
    """A source's reason stands in the record beside the missing value, and is kept for judging, without secrets."""
    record = Record(secrets=[SECRET])
    goal = Goal(
        "ready", "", Expectation.parse("== 1"), ("baseline",), StorySeconds(0), None, SOON, False,
        interval=RealSeconds(0.1),
    )  # fmt: skip
    sources = {"ready": PythonSource("checks:ready", raising(KeyError(SECRET)), SOON)}
    prober = Prober([goal], sources, record, SystemClock())
    asking = asyncio.create_task(prober.run())
    while not prober.taken["ready"].slips:
        await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    slip = prober.taken["ready"].slips[0]
    assert slip.empty
    assert slip.why.startswith("raised KeyError: '[redacted]' (test_sources.py:")
    assert [record.events[0][key] for key in ("value", "holds", "why")] == [None, None, slip.why]


async def test_whoever_stops_asking_leaves_no_question_open() -> None:
    """A run that ends in the middle of a call: the record, which is closed then, gets nothing of it any more."""
    record, over = Record(), threading.Event()
    goal = Goal(
        "ready", "", Expectation.parse("== 1"), ("baseline",), StorySeconds(0), None, SOON, False,
        interval=RealSeconds(0.1),
    )  # fmt: skip
    prober = Prober([goal], {"ready": PythonSource("checks:hang", over.wait, SOON)}, record, SystemClock())
    before = asyncio.all_tasks()
    asking = asyncio.create_task(prober.run())
    while not prober._asking:
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert asyncio.all_tasks() == before
    over.set()
    assert record.events == []


async def test_a_proof_that_gives_no_value_says_why_the_fault_is_not_proven(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The doubt about a fault repeats what its proof raised, without secrets."""
    monkeypatch.setattr(injection, "OWN_PROOF_LOOKS", 1)
    wanted = Proof(python="checks:ready", expect=Expectation.parse(">= 1"))
    one = Injection(
        "RUN-f1", FaultSpec(fault="odd", proof=wanted), cast("Fault[FaultSpec]", None), StorySeconds(60.0),
        NoPrometheus(), proves=PythonSource("checks:ready", raising(KeyError(SECRET)), SOON),
    )  # fmt: skip
    proof = await one._own_proof(wanted, Record(secrets=[SECRET]))
    assert proof.holds is None
    assert proof.evidence.startswith(
        "checks:ready() has no data; the last time it raised KeyError: '[redacted]' (test_sources.py:"
    )
