"""The reference of the metrics: each family as its process registers it, then the rules made of them."""

from __future__ import annotations

import asyncio
import re
from importlib.resources import files
from typing import NamedTuple

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector
from ruamel.yaml import YAML

from chaos.crew.metrics import CrewMetrics
from chaos.engine.metrics import RunMetrics
from chaos.rooms.audience.app import Audience
from chaos.rooms.media.app import Media
from chaos.rooms.platform.app import Platform
from chaos.rooms.server import Tier
from handbook.text import cell, table


class Family(NamedTuple):
    """A metric family: its name as it is asked for, what it is, and the labels that tell its series apart."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


class _Listing(CollectorRegistry):
    """A registry that knows in which order collectors came."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Collector] = []

    def register(self, collector: Collector) -> None:
        super().register(collector)
        self.seen.append(collector)

    def families(self) -> list[Family]:
        """What was registered."""
        found = []
        for collector in self.seen:
            described = getattr(collector, "describe", collector.collect)()
            for metric in described:
                name = f"{metric.name}_total" if metric.type == "counter" else metric.name
                labels = tuple(getattr(collector, "_labelnames", ()))
                found.append(Family(name, metric.type, labels, metric.documentation))
        return found


INTRODUCTION = """
Every metric family, as its process registers it. The unit stands in the name; where none does, it is a count, or a
truth (1 or 0). `seconds` are real seconds unless the text says story seconds. Labels are bounded: rooms, links,
instances and fixed words.
"""


RULES = """
What objectives ask for. Evaluated every second over metrics scraped every second; where nothing can be said there is
no sample.
"""


def families() -> dict[str, list[Family]]:
    """Every family by the process that exports it. What all tiers share is told once."""
    run = _Listing()
    RunMetrics(run)
    CrewMetrics(run)
    found = {"The run": run.families()} | asyncio.run(_tiers())
    shared = set.intersection(*(set(found[name]) for name in ("Platform", "Media", "Audience")))
    for name in ("Platform", "Media", "Audience"):
        found[name] = [family for family in found[name] if family not in shared]
    return found | {"Every process of the rooms": sorted(shared)}


async def _tiers() -> dict[str, list[Family]]:
    """The tiers' own, from tiers that are made and not served."""
    found: dict[str, list[Family]] = {}
    for name in ("platform", "media", "audience"):
        registry = _Listing()
        tier = Tier(name, name, registry)
        match name:
            case "platform":
                Platform(tier, {"media-1": "http://127.0.0.1:1"}, {})
            case "media":
                Media(tier, "http://127.0.0.1:1", "http://127.0.0.1:1", {})
            case _:
                Audience(tier, "http://127.0.0.1:1", {})
        found[name.capitalize()] = registry.families()
        runner = web.AppRunner(tier.app)
        await runner.setup()
        await runner.cleanup()  # closes what they opened
    return found


def unit(name: str) -> str:
    """The unit of a metric, which its name tells."""
    words = re.split(r"[_:]", name)
    return next(
        (word for word in ("seconds", "ratio", "bool", "bytes") if word in words),
        "",
    )


def metrics_page() -> str:
    """Families, recording rules and alerts."""
    parts = [
        "# Metrics\n",
        INTRODUCTION,
    ]
    for heading, found in families().items():
        rows = [
            [
                f"`{one.name}`",
                one.kind,
                unit(one.name),
                ", ".join(f"`{label}`" for label in one.labels),
                cell(one.text),
            ]
            for one in found
        ]
        parts.append(f"## {heading}\n\n{table(['metric', 'type', 'unit', 'labels', 'what it says'], rows)}")
    parts += [_rules(), _alerts()]
    return "\n".join(parts)


def _rules() -> str:
    """The recording rules; what each says is the comment above it."""
    text = (files("chaos.rooms") / "rules" / "recording.yaml").read_text(encoding="utf-8")
    rows, said = [], []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            said.append(stripped.lstrip("# "))
        elif stripped.startswith("- record:"):
            name = stripped.removeprefix("- record:").strip()
            rows.append([f"`{name}`", unit(name), cell(" ".join(said))])
            said = []
        elif not stripped or stripped.startswith("- name:"):
            said = []
    return f"## Recording rules\n{RULES}\n{table(['rule', 'unit', 'what it says'], rows)}"


def _alerts() -> str:
    text = (files("chaos.rooms") / "rules" / "alerts.yaml").read_text(encoding="utf-8")
    rows = [
        [f"`{rule['alert']}`", cell(rule.get("annotations", {}).get("summary", ""))]
        for group in YAML(typ="safe", pure=True).load(text)["groups"]
        for rule in group["rules"]
    ]
    return "## Alerts\n\nWhat calls the crew.\n\n" + table(["alert", "what it says"], rows)
