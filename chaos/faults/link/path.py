"""Proof of path: the caller's own sockets lead to the link, and none leads around it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from chaos.errors import WorldError
from chaos.worlds.base import ProcessInfo, Proof, Proxy, World

WITHIN = 5.0
"""Real seconds after which no connection to the link counts as none."""
AT_LEAST = 0.5
"""Real seconds that are looked at in any case, for short connections around the link."""
PAUSE = 0.05
"""Real seconds between two looks."""


@dataclass
class _Seen:
    """What was seen of one caller: the most connections at a time, through the link and around it."""

    caller: ProcessInfo | None = None
    through: int = 0
    around: int = 0
    hidden: str = ""


async def prove(world: World, proxies: Sequence[Proxy], *, within: float = WITHIN) -> Proof:
    """Whether every caller of these proxies speaks through them and not straight to what is behind."""
    if not proxies:
        return Proof(None, "none of its proxies carries anything just now")
    seen = await asyncio.gather(*(_watch(world, proxy, within) for proxy in proxies))
    said = "; ".join(_told(proxy, one, within) for proxy, one in zip(proxies, seen, strict=True))
    if any(one.around for one in seen):
        return Proof(False, said)
    return Proof(True if all(one.through for one in seen) else None, said)


async def _watch(world: World, proxy: Proxy, within: float) -> _Seen:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    seen = _Seen()
    while True:
        try:
            seen.caller = world.process(proxy.caller)
            ends = await world.vantage.ends(seen.caller, proxy)
            seen.through, seen.around = max(seen.through, ends.through), max(seen.around, ends.around)
            seen.hidden = ""
        except WorldError as error:
            seen.hidden = str(error)
        spent = loop.time() - begun
        if seen.around or spent >= within or (seen.through and spent >= AT_LEAST):
            return seen
        await asyncio.sleep(PAUSE)


def _told(proxy: Proxy, seen: _Seen, within: float) -> str:
    runs = seen.caller is not None and seen.caller.runs
    who = f"{proxy.caller} ({seen.caller.told})" if seen.caller is not None and runs else proxy.caller
    if seen.hidden:
        return f"the sockets of {who} cannot be seen: {seen.hidden}"
    if not runs:
        return f"{who} is not running, so its sockets cannot be seen"
    held = "1 connection" if seen.through == 1 else f"{seen.through or 'no'} connections"
    text = f"{who} has {held} to the link at {proxy.listen}"
    if not seen.through:
        text += f" within {within:g} s"
    if seen.around:
        return f"{text}, and {seen.around} straight to {proxy.callee} at {proxy.upstream}, around the link"
    return f"{text} and none straight to {proxy.callee} at {proxy.upstream}"
