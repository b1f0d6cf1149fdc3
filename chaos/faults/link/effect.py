"""Proof of effect: probes through a link against a control straight to what is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import TypeAlias

from chaos.clients.probe import Answer, Question
from chaos.faults.share import wilson
from chaos.worlds.base import Link, Proof, Proxy, Vantage

FULL = 11
"""Probes per proxy at full toxicity."""
CONTROLS = 9
"""Probes straight to the callee."""
LOOKS = 2
"""How often is looked before a fault of full toxicity counts as not seen: a busy machine blurs a look."""
FEWEST, MOST = 20, 200
"""Probes per proxy below full toxicity."""
CONFIDENCE = 0.99
"""Of the interval that must hold the toxicity."""
ENOUGH = 0.8
"""The share of probes that must meet a fault of full toxicity; what delays it hides may let some slip."""
STARTS_WITHIN = 3.0
"""Real seconds for which a callee that takes no connection is waited for: it may be on its way back."""


@dataclass(frozen=True)
class Control:
    """What the callee answers when it is asked directly: medians, and how far the slow ones lie above.

    `spread` leaves the two slowest out: a hiccup is not the callee's way.
    """

    first: float
    last: float
    spread: float
    received: int
    pieces: float


Met: TypeAlias = Callable[[Answer, Control], bool | None]
"""Whether a probe met the fault; None when the probe cannot tell."""


@dataclass(frozen=True)
class Sight:
    """How a fault is seen on a connection: what to ask, who met it, and the figures for a reader.

    `blind` says why the fault cannot be seen on this link at all.
    """

    question: Question
    met: Met
    figures: Callable[[Sequence[Answer], Control], str]
    probes: int = FULL
    blind: str = ""


@dataclass(frozen=True)
class Unmeasured(Proof):
    """Nothing can be measured there, fault or not: an end of the link is not there. What holds is not from probes."""


async def control(vantage: Vantage, proxy: Proxy, sight: Sight) -> Control | str:
    """How the callee answers directly, or why that cannot be told; one that is starting is waited for."""
    loop = asyncio.get_running_loop()
    until = loop.time() + STARTS_WITHIN
    answers = await vantage.probe(proxy.upstream, sight.question, CONTROLS)
    while all(answer.end == "refused" for answer in answers) and loop.time() < until:
        await asyncio.sleep(0.1)
        answers = await vantage.probe(proxy.upstream, sight.question, CONTROLS)
    good = [answer for answer in answers if answer.end == "answered"]
    if len(good) * 2 <= len(answers):
        ends = ", ".join(sorted({answer.end for answer in answers}))
        return f"{proxy.callee} does not answer directly at {proxy.upstream} either ({ends})"
    last = median(answer.last for answer in good)
    return Control(
        first=median(answer.first for answer in good),
        last=last,
        spread=max(0.0, sorted(answer.last for answer in good)[-3] - last),
        received=round(median(answer.received for answer in good)),
        pieces=median(answer.pieces for answer in good),
    )


async def in_force(vantage: Vantage, proxy: Proxy, sight: Sight, toxicity: float) -> Proof:
    """Whether the probes through the link show the fault, on the share of connections that it should meet."""
    if sight.blind:
        return Proof(None, sight.blind)
    if toxicity == 1:
        return await _in_force_for_all(vantage, proxy, sight)
    straight = await control(vantage, proxy, sight)
    if isinstance(straight, str):
        return Unmeasured(None, straight)
    wanted = min(MOST, max(FEWEST, ceil(5 / toxicity), ceil(5 / (1 - toxicity))))
    answers = await _probe(vantage, proxy, sight, wanted)
    proof = _judge_share(answers, straight, sight, toxicity)
    if proof.holds is False:
        # One honest sample in a hundred lies outside: a second, larger look decides.
        answers += await _probe(vantage, proxy, sight, 2 * wanted)
        proof = _judge_share(answers, straight, sight, toxicity)
    return proof


async def _in_force_for_all(vantage: Vantage, proxy: Proxy, sight: Sight, looks: int = LOOKS) -> Proof:
    straight = await control(vantage, proxy, sight)
    if isinstance(straight, str):
        return Unmeasured(None, straight)
    proof = _judge_all(await _probe(vantage, proxy, sight, sight.probes), straight, sight)
    if proof.holds or looks == 1:
        return proof
    return await _in_force_for_all(vantage, proxy, sight, looks - 1)


async def clean(vantage: Vantage, proxy: Proxy, sight: Sight, within: float) -> Proof:
    """Whether probes through the link behave like the control, waiting for it up to `within` real seconds."""
    if sight.blind:
        return Proof(None, sight.blind)
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while True:
        straight = await control(vantage, proxy, sight)
        if isinstance(straight, str):
            return Proof(None, straight)
        answers = await _probe(vantage, proxy, sight, 3)
        hurt = sum(answer.end != "answered" or sight.met(answer, straight) is True for answer in answers)
        figures = sight.figures(answers, straight)
        if not hurt:
            return Proof(
                True, f"{len(answers)} of {len(answers)} probes are answered as without it: {figures}"
            )
        if loop.time() >= until:
            return Proof(False, f"{hurt} of {len(answers)} probes are still hurt: {figures}")
        await asyncio.sleep(0.2)


async def _probe(vantage: Vantage, proxy: Proxy, sight: Sight, count: int) -> list[Answer]:
    return await vantage.probe(proxy.listen, sight.question, count)


def _judge_all(answers: Sequence[Answer], straight: Control, sight: Sight) -> Proof:
    verdicts = [sight.met(answer, straight) for answer in answers]
    met, unclear = verdicts.count(True), verdicts.count(None)
    figures = sight.figures(answers, straight)
    if unclear * 2 >= len(verdicts):
        return Proof(None, f"{unclear} of {len(verdicts)} probes cannot tell: {figures}")
    return Proof(met >= ENOUGH * len(verdicts), f"{met} of {len(verdicts)} probes met it: {figures}")


def _judge_share(answers: Sequence[Answer], straight: Control, sight: Sight, toxicity: float) -> Proof:
    verdicts = [sight.met(answer, straight) for answer in answers]
    met, clear = verdicts.count(True), len(verdicts) - verdicts.count(None)
    if clear * 2 <= len(verdicts):
        return Proof(None, f"{len(verdicts) - clear} of {len(verdicts)} probes cannot tell")
    low, high = wilson(met, clear, CONFIDENCE)
    inside = low <= toxicity <= high
    text = (
        f"{met} of {clear} connections met it, {CONFIDENCE:.0%} interval {low:.0%} to {high:.0%}, "
        f"toxicity {toxicity:.0%} is {'inside' if inside else 'outside'}"
    )
    if inside and not met:
        return Proof(None, f"{text}; too rare to be seen on so many")
    return Proof(inside, text)


def milliseconds(seconds: float) -> str:
    """A time for a reader: `12 ms`."""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def ends(answers: Sequence[Answer]) -> str:
    """How probes ended, for a reader: `9 reset, 2 closed`."""
    found = [answer.end for answer in answers]
    return ", ".join(f"{found.count(end)} {end}" for end in sorted(set(found)))


def payload(link: Link, size: int) -> str | None:
    """The path that answers `size` bytes, if the link has one."""
    return link.payload.format(bytes=size) if link.payload else None
