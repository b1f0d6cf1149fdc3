"""SVG that keeps its type size at any width: places are percentages, only curves are stretched.

No scripts and no inline styles: what things look like is decided by classes in the page's style sheet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from chaos.report import words

_STRETCH = 1000
"""The width of a curve's own coordinates; the page stretches them to the width of the plot."""
_WIDE, _NARROW = 860, 310
"""The widths in pixels that a plot has at least on a desk and on a phone; labels are fitted to both."""
_LETTER = 6.2
"""The width in pixels of an average letter of a plot's type, rounded up."""
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)


def tag(name: str, *children: str, **attributes: str | float | None) -> Markup:
    """One element. Text and attributes are escaped; an attribute that is None is left out.

    `_` in an attribute's name stands for `-`; one at the end is dropped (`class_`).
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _plain(value))
        for key, value in attributes.items()
        if value is not None
    )
    inner = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, inner)  # noqa: S704  a name from this code


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def title(text: str) -> Markup:
    """What a pointer that rests on the element is told."""
    return tag("title", text)


@dataclass(frozen=True)
class Axis:
    """The story-time axis that all rows of a page share, from 0 to `end` story seconds.

    `now` is where a run stands that still goes on: what has not ended is drawn up to there.
    """

    end: float
    time_scale: float
    now: float | None = None

    @property
    def reached(self) -> float:
        """How far the story has come."""
        return self.end if self.now is None else min(self.now, self.end)

    @property
    def open_end(self) -> str:
        """What the end of something is called that has not ended."""
        return "the end" if self.now is None else "now"

    def share(self, story: float) -> float:
        """Where a moment lies, in percent of the width; what lies outside is put at the edge."""
        return 100 * min(1.0, max(0.0, story / self.end))

    def at(self, story: float) -> str:
        """Where a moment lies, as an SVG length."""
        return f"{self.share(story):.3f}%"

    def width(self, begin: float, end: float) -> str:
        """How wide a stretch is, as an SVG length; something that took place is never without width."""
        return f"{max(0.15, self.share(end) - self.share(begin)):.3f}%"

    def ticks(self) -> list[float]:
        """Round story moments, about eight of them."""
        return _ticks(self.end)

    def real_ticks(self) -> list[float]:
        """Story moments at which a round number of real seconds has passed."""
        return [real * self.time_scale for real in _ticks(self.end / self.time_scale)]


def _ticks(end: float) -> list[float]:
    step = next((step for step in _STEPS if end / step <= 10), _STEPS[-1])
    while end / step > 10:
        step *= 2
    return [float(place * step) for place in range(int(end / step + 0.01) + 1)]


def plot(height: float, label: str, *children: str, kind: str = "") -> Markup:
    """A drawing of the whole width. `label` says what it shows to who cannot see it."""
    return tag(
        "svg",
        *children,
        class_=f"plot {kind}".strip(),
        width="100%",
        height=height,
        role="img",
        aria_label=label,
    )


def band(axis: Axis, begin: float, end: float, y: float, height: float, *, kind: str, tip: str) -> Markup:
    """A stretch of time."""
    return tag(
        "rect",
        title(tip),
        class_=kind,
        x=axis.at(begin),
        width=axis.width(begin, end),
        y=y,
        height=height,
        rx=2,
    )


def upright(axis: Axis, moment: float, height: float, *, kind: str) -> Markup:
    """A vertical line at a moment."""
    return tag("line", class_=kind, x1=axis.at(moment), x2=axis.at(moment), y1=0, y2=height)


def level(y: float, *, kind: str) -> Markup:
    """A horizontal line across the plot."""
    return tag("line", class_=kind, x1="0", x2="100%", y1=y, y2=y)


def label(x: str, y: float, text: str, *, kind: str = "", anchor: str = "start", shift: float = 0) -> Markup:
    """Text at a place; `shift` moves it by pixels."""
    return tag("text", text, x=x, y=y, dx=shift or None, class_=f"t {kind}".strip(), text_anchor=anchor)


def fits(axis: Axis, begin: float, end: float, text: str, *, narrow: bool) -> bool:
    """Whether a text has room between two moments, on a desk or on a phone."""
    pixels = (axis.share(end) - axis.share(begin)) / 100 * (_NARROW if narrow else _WIDE)
    return pixels >= _LETTER * len(text) + 6


def fitted(axis: Axis, begin: float, end: float, y: float, texts: Sequence[str], *, kind: str = "") -> Markup:
    """The longest of `texts` (longest first) that has room in a band, chosen apart for a desk and for a phone."""
    wide = next((text for text in texts if fits(axis, begin, end, text, narrow=False)), None)
    narrow = next((text for text in texts if fits(axis, begin, end, text, narrow=True)), None)
    middle = axis.at((max(0.0, begin) + min(axis.end, end)) / 2)
    if wide == narrow:
        return label(middle, y, wide, kind=kind, anchor="middle") if wide else Markup("")
    parts = [(wide, "wide"), (narrow, "narrow")]
    return Markup("").join(
        label(middle, y, text, kind=f"{kind} {where}", anchor="middle") for text, where in parts if text
    )


def beside(axis: Axis, begin: float, end: float, y: float, text: str, *, kind: str = "") -> Markup:
    """Text just after a band, or just before it when there is more room."""
    before, after = axis.share(begin), 100 - axis.share(end)
    if after >= before:
        return label(axis.at(end), y, text, kind=kind, shift=4)
    return label(axis.at(begin), y, text, kind=kind, anchor="end", shift=-4)


def stretched(height: float, *children: str) -> Markup:
    """Curves in their own coordinates, stretched to the width of the plot."""
    return tag(
        "svg",
        *children,
        x="0",
        y="0",
        width="100%",
        height=height,
        viewBox=f"0 0 {_STRETCH} {height:g}",
        preserveAspectRatio="none",
    )


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` onto pixels from `bottom` up to `top`."""

    low: float
    high: float
    top: float
    bottom: float

    def y(self, value: float) -> float:
        """Where a value lies; what lies outside is put at the edge."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return self.bottom - min(1.0, max(0.0, share)) * (self.bottom - self.top)


Points = Sequence[tuple[float, float | None]]
"""Samples in story time; None breaks the curve."""


def curve(axis: Axis, scale: Scale, points: Points, *, kind: str, filled: bool = False) -> Markup:
    """A line through samples, broken where there are none, within `stretched`; `filled` also shades below it."""
    pieces = list(_pieces(thinned(points, axis.end)))
    lines: list[str] = []
    areas: list[str] = []
    for piece in pieces:
        places = [(axis.share(t) * _STRETCH / 100, scale.y(value)) for t, value in piece]
        if len(places) == 1:
            places.append((places[0][0] + 1.0, places[0][1]))
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        lines.append(f"M{path}")
        areas.append(f"M{places[0][0]:.1f} {scale.bottom:.1f}L{path}L{places[-1][0]:.1f} {scale.bottom:.1f}Z")
    line = tag("path", class_=f"line {kind}", d="".join(lines)) if lines else Markup("")
    area = tag("path", class_=f"area {kind}", d="".join(areas)) if filled and areas else Markup("")
    return area + line


def thinned(points: Points, end: float, buckets: int = 600) -> list[tuple[float, float | None]]:
    """At most some two thousand samples that look the same: the extremes of each narrow stretch of time."""
    if len(points) <= 2 * buckets or end <= 0:
        return list(points)
    grouped: dict[int, list[tuple[float, float | None]]] = {}
    for point in points:
        grouped.setdefault(int(point[0] / end * buckets), []).append(point)
    found: list[tuple[float, float | None]] = []
    for _, group in sorted(grouped.items()):
        values = [(value, t) for t, value in group if value is not None]
        gaps = [point for point in group if point[1] is None][:1]
        extremes = {min(values), max(values)} if values else set()
        found += sorted([*((t, value) for value, t in extremes), *gaps], key=lambda point: point[0])
    return found


def _pieces(points: Points) -> Iterable[list[tuple[float, float]]]:
    piece: list[tuple[float, float]] = []
    for t, value in points:
        if value is not None:
            piece.append((t, value))
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def readout(axis: Axis, height: float, named: Sequence[tuple[str, Points]], columns: int = 90) -> Markup:
    """Invisible columns over a plot that tell the values at their moment when a pointer rests on them."""
    found: list[Markup] = []
    step = axis.end / columns
    for column in range(columns):
        begin = column * step
        values = [
            f"{name} {words.figure(value)}"
            for name, points in named
            if (value := _last_before(points, begin, begin + step)) is not None
        ]
        if values:
            tip = f"{words.clock(begin + step / 2)}: {', '.join(values)}"
            found.append(band(axis, begin, begin + step, 0, height, kind="ghost", tip=tip))
    return Markup("").join(found)


def _last_before(points: Points, begin: float, end: float) -> float | None:
    found: float | None = None
    for t, value in points:
        if t > end:
            break
        if t >= begin - (end - begin) and value is not None:
            found = value
    return found
