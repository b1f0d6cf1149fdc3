"""The picture of a document as SVG: who calls whom, and when each fault is there; one file, no script, no network."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from chaos.authoring.outline import Outline, Span
from chaos.report.words import clock

WIDE, NARROW = 860, 380
"""Widths in pixels, on a desk and on a phone."""
_STYLE = """
svg{font:14px system-ui,sans-serif;color-scheme:light dark;--ink:#1d2330;--soft:#5b6472;--line:#c4cad4;--box:#f3f5f8;
--hurt:#c2410c;--pale:#fde4d6;--page:#fff;background:var(--page)}
@media(prefers-color-scheme:dark){svg{--ink:#e7eaf0;--soft:#a3adbd;--line:#4a5263;--box:#232a36;--hurt:#fb923c;
--pale:#4a2a17;--page:#151a22}}
text{fill:var(--ink)}.soft{fill:var(--soft);font-size:12px}.head{font-size:18px;font-weight:600}.strong{font-weight:600}
.mid{text-anchor:middle}.end{text-anchor:end}.box{fill:var(--box);stroke:var(--line)}
.box.hurt{fill:var(--pale);stroke:var(--hurt);stroke-width:2}.way{stroke:var(--soft);fill:none;stroke-width:1.5}
.way.hurt{stroke:var(--hurt);stroke-width:3;stroke-dasharray:7 4}.tip{fill:var(--soft)}.tip.hurt,.said{fill:var(--hurt)}
.bar{fill:var(--hurt)}.bar.open{fill:var(--pale);stroke:var(--hurt)}.phase{fill:var(--box);stroke:var(--line)}
.phase.touched{fill:var(--pale)}
"""
_LINE, _EDGE = 20, 16
_MOMENT = 38
"""Pixels of a moment, with some room."""
_LETTER = 7.2
"""Pixels of an average letter, rounded up."""


def svg(plan: Outline, width: int = WIDE) -> str:
    """The whole picture, `width` pixels wide."""
    return _Drawing(plan, width).whole()


def html(plan: Outline) -> str:
    """A page with the picture for a desk and for a phone."""
    title = escape(plan.experiment.title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        "<style>:root{color-scheme:light dark}html{background:#fff}"
        "@media(prefers-color-scheme:dark){html{background:#151a22}}"
        "body{margin:0 auto;max-width:860px}.narrow{display:none}"
        "@media(max-width:859px){.wide{display:none}.narrow{display:block}}svg{max-width:100%;height:auto}</style>"
        f'<div class="wide">{svg(plan, WIDE)}</div><div class="narrow">{svg(plan, NARROW)}</div></html>\n'
    )


@dataclass(frozen=True)
class _Drawing:
    plan: Outline
    width: int

    def whole(self) -> str:
        parts: list[str] = []
        y = 0.0
        for block in (self._head, self._ways, self._schedule):
            drawn, y = block(y + _EDGE)
            parts += drawn
        label = escape(f"What the experiment {self.plan.experiment.title} would do", quote=True)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{y + _EDGE:.0f}" '
            f'viewBox="0 0 {self.width} {y + _EDGE:.0f}" role="img" aria-label="{label}"><style>{_STYLE}</style>'
            f"{''.join(parts)}</svg>"
        )

    def _head(self, y: float) -> tuple[list[str], float]:
        parts = []
        asked = self.plan.experiment
        for text, kind, step in ((asked.title, "head", 26), (asked.question, "soft", _LINE)):
            letter = _LETTER * (1.35 if kind == "head" else 0.9)
            for line in _wrapped(text, int((self.width - 2 * _EDGE) / letter)):
                y += step
                parts.append(_text(_EDGE, y, line, kind))
        return parts, y

    def _ways(self, y: float) -> tuple[list[str], float]:
        """A row for each link: caller, arrow, called; then the tiers without a link."""
        parts, plan = [], self.plan
        box = min(150.0, self.width * 0.28)
        left, right = _EDGE, self.width - _EDGE - box
        if self.width > 600:
            left, right = 90, self.width - 90 - box
        for way in plan.links:
            hurt = " hurt" if way.name in plan.hurt_links else ""
            middle, begin, end = y + 22, left + box + 4, right - 4
            parts += self._box(way.caller, left, y, box)
            parts += self._box(way.called, right, y, box)
            parts.append(f'<path class="way{hurt}" d="M{begin:.0f} {middle:.0f}H{end - 9:.0f}"/>')
            parts.append(f'<path class="tip{hurt}" d="M{end:.0f} {middle:.0f}l-11 -6v12z"/>')
            kind = f"mid{' said' if hurt else ''}"
            for at, name in zip((middle - 7, middle + 17), _halved(way.name, end - begin - 8), strict=False):
                parts.append(_text((begin + end) / 2, at, name, kind))
            y += 58
        linked = {name for way in plan.links for name in (way.caller, way.called)}
        alone = [name for name in plan.tiers if name not in linked]
        per_row = max(1, int((self.width - 2 * _EDGE) // (box + 12)))
        for place, name in enumerate(alone):
            parts += self._box(name, _EDGE + place % per_row * (box + 12), y, box)
            if place % per_row == per_row - 1 or name == alone[-1]:
                y += 58
        return parts, y

    def _box(self, name: str, x: float, y: float, width: float) -> list[str]:
        hurt = " hurt" if name in self.plan.hurt_tiers else ""
        return [
            f'<rect class="box{hurt}" x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="44" rx="6"/>',
            _text(x + width / 2, y + 27, _cut(name, width - 8), "mid strong"),
        ]

    def _schedule(self, y: float) -> tuple[list[str], float]:
        """The phases on one axis, and a row for each fault below them."""
        parts, plan = self._moments(y + 14), self.plan
        for phase in plan.phases:
            x, end = self._at(phase.begins), self._at(phase.ends)
            touched = " touched" if phase.name == "faults" else ""
            parts.append(
                f'<rect class="phase{touched}" x="{x:.1f}" y="{y + 20:.0f}" width="{end - x:.1f}" height="24">'
                f"<title>{phase.name}: {clock(phase.begins)} to {clock(phase.ends)}</title></rect>"
            )
            if len(phase.name) * _LETTER < end - x:
                parts.append(_text((x + end) / 2, y + 37, phase.name, "mid"))
        y += 52
        for fault in plan.faults:
            drawn, y = self._fault(
                fault.span, f"{fault.span.name} on {fault.target}", y, open_=fault.until_repaired
            )
            parts += drawn
        if not plan.faults:
            parts.append(_text(_EDGE, y + 14, "no fault: a control", "soft"))
            y += _LINE
        if any(fault.until_repaired for fault in plan.faults):
            parts.append(_text(_EDGE, y + 14, "outlined: until a repair ends it, at the latest here", "soft"))
            y += _LINE
        return parts, y

    def _moments(self, y: float) -> list[str]:
        """When phases begin and the last one ends, as far as there is room; those of the faults first."""
        faults = [phase for phase in self.plan.phases if phase.name == "faults"]
        moments = [moment for phase in faults for moment in (phase.begins, phase.ends)]
        parts: dict[float, str] = {}
        for moment in (*moments, 0.0, self.plan.ends, *(phase.begins for phase in self.plan.phases)):
            x = min(self._at(moment), self.width - _EDGE - _MOMENT)
            if all(abs(x - taken) > _MOMENT for taken in parts):
                parts[x] = _text(x, y, clock(moment), "soft")
        return [*parts.values()]

    def _fault(self, span: Span, label: str, y: float, *, open_: bool) -> tuple[list[str], float]:
        x, end = self._at(span.begins), self._at(span.ends)
        kind = "bar open" if open_ else "bar"
        most = int((self.width - 2 * _EDGE) / _LETTER)
        lines = _wrapped(f"{label}, {clock(span.begins)}–{clock(span.ends)}", most)
        room = max(map(len, lines)) * _LETTER
        parts = []
        for line in lines:
            parts.append(_text(max(_EDGE, min(x, self.width - _EDGE - room)), y + 13, line, ""))
            y += _LINE
        parts.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{y - 2:.0f}" width="{max(2.0, end - x):.1f}" height="12" rx="2"/>'
        )
        return parts, y + 22

    def _at(self, moment: float) -> float:
        return _EDGE + (self.width - 2 * _EDGE) * moment / self.plan.ends


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(text)}</text>'


def _cut(text: str, room: float) -> str:
    most = max(3, int(room / _LETTER))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _halved(name: str, room: float) -> list[str]:
    """A name, in two lines at one of its hyphens where one line has no room for it."""
    if len(name) * _LETTER <= room or "-" not in name:
        return [_cut(name, room)]
    words = name.split("-")
    halves = [("-".join(words[:at]) + "-", "-".join(words[at:])) for at in range(1, len(words))]
    return [_cut(half, room) for half in min(halves, key=lambda pair: max(map(len, pair)))]


def _wrapped(text: str, most: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]
