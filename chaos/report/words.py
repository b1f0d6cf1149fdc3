"""How figures are written for people."""

from __future__ import annotations

import math
import re


def clock(seconds: float) -> str:
    """`mm:ss` (or `h:mm:ss` from 100 minutes on) of a moment or a length in seconds."""
    whole = round(abs(seconds))
    sign = "-" if seconds < 0 and whole else ""
    minutes, rest = divmod(whole, 60)
    if minutes >= 100:
        hours, minutes = divmod(minutes, 60)
        return f"{sign}{hours}:{minutes:02d}:{rest:02d}"
    return f"{sign}{minutes:02d}:{rest:02d}"


def length(seconds: float) -> str:
    """A length of time in the largest fitting units: `450 ms`, `3.2 s`, `4 min 10 s`, `1 h 5 min`."""
    if abs(seconds) < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds else "0 s"
    if abs(seconds) < 59.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def after(seconds: float | None) -> str:
    """A length of time that something took to happen; an en dash for what did not."""
    return "–" if seconds is None else length(seconds)


def figure(value: float | None) -> str:
    """A measured value with three significant digits, thousands separated; an en dash for none."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e12 or size < 1e-4:
        return f"{value:.2e}"
    digits = max(0, 2 - math.floor(math.log10(size)))
    shown = f"{value:,.{digits}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def count(value: float) -> str:
    """A large count as people say it: `950`, `12,400`, `1.3 million`."""
    if abs(value) < 999_950:
        return f"{value:,.0f}"
    for name, unit in (("million", 1e6), ("billion", 1e9)):
        if abs(value) < 999.95 * unit or name == "billion":
            return f"{value / unit:,.1f} {name}".replace(".0 ", " ")
    return f"{value:,.0f}"


def ratio(value: float) -> str:
    """A scale as a fraction of one: `1/1000`; as a plain figure when it is not close to one."""
    if 1e-9 < value < 1:
        parts = 1 / value
        if abs(parts - round(parts)) < 1e-6 * parts:
            return f"1/{round(parts):,}".replace(",", "\u2009") if parts >= 10_000 else f"1/{round(parts)}"
    return figure(value)


def counted(amount: int, one: str, many: str | None = None) -> str:
    """`1 person`, `2 people`."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def listed(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def spoken(name: str) -> str:
    """An identifier as words: `process_kill` → `process kill`."""
    return name.replace("_", " ")


def answer(value: bool | None) -> str:
    """`yes`, `no`, `not shown`."""
    return "not shown" if value is None else "yes" if value else "no"


_LIMIT = re.compile(
    r"^\s*(>=|<=|==|!=|>|<|=)\s*([-+]?\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*(%|ms|s|m|h)?\s*$"
)
_UNITS = {"%": 0.01, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def limit(expect: str) -> tuple[str, float] | None:
    """The comparison and the figure of an expectation such as `>= 0.9`; None when it has another form."""
    match = _LIMIT.match(expect)
    if match is None:
        return None
    value = float(match[2].replace("_", "")) * _UNITS.get(match[3] or "", 1.0)
    return (match[1], value) if math.isfinite(value) else None


def compared(expect: str) -> str:
    """An expectation in typographic form: `>= 0.9` → `≥ 0.9`."""
    return expect.replace(">=", "≥").replace("<=", "≤").replace("!=", "≠").replace("==", "=")


def single(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())


def places(on: str) -> list[str]:
    """Where something is, in short, each place once: links without their proxies, processes without their pids, labels
    without their keys."""
    named = (re.sub(r"^[a-z_]+=", "", part.strip()) for part in on.split(","))
    short = (re.sub(r"\s*\(pid \d+\)", "", part) for part in named)
    heads = (re.sub(r"^([a-z0-9-]+)/[\w./-]+$", r"\1", part) for part in short)
    return list(dict.fromkeys(filter(None, heads)))
