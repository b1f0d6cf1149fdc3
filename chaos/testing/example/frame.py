"""How the example run begins, and its phases."""

from __future__ import annotations

from chaos.record import Event, Json
from chaos.testing.example.maker import OPENED, PHASES, Maker


def started(make: Maker, title: str, headcount: int, seed: int) -> Event:
    """How the run introduces itself."""
    timeline: dict[str, Json] = dict(PHASES)
    crew: dict[str, Json] = {
        "headcount": headcount,
        "attending": False,
        "people": {"acknowledge median": "2.9 min", "mis-triage": "25 %", "skills": "platform, media"},
        "assumptions": [
            {
                "what": "time to acknowledge a page",
                "value": "lognormal, median 2.9 min, sigma 0.8",
                "source": "published on-call figures: mean 4 min",
            },
            {
                "what": "wrong diagnosis at the first try",
                "value": "25 %",
                "source": "assumption; studies report 4 % to 92 %",
            },
            {
                "what": "people on one physical task, 2, 3 and 4 or more",
                "value": "1.43, 1.33 and 1.0 times the time",
                "source": "NIST fire crews",
            },
        ],
    }
    return make.real(
        "run_started",
        0.0,
        "preflight",
        run="20261121-140000-launch",
        title=title,
        question="With which crew would the room have lived?",
        file="experiments/failure-to-launch.yaml",
        world="local",
        world_owned=True,
        cluster=None,
        seed=seed,
        time_scale=make.time_scale,
        timeline=timeline,
        versions={"standby": "0.1.0", "toxiproxy": "2.12.0", "prometheus": "3.7.3", "python": "3.13.1"},
        command=f"standby run experiments/failure-to-launch.yaml --seed {seed} --set crew.headcount={headcount}",
        document=_DOCUMENT.replace("TITLE", title),
        expected={"verdict": "fail", "because": "the bridge is naive and there are too few people"},
        scale=0.001,
        warnings=["detection takes 12 % of the median acknowledgement at time_scale 12"],
        crew=crew if headcount else None,
        machine={"cores": 2, "memory": "8 GB", "system": "Linux"},
    )


def settings(make: Maker) -> list[Event]:
    """The processes that start, and the settings that are applied and proven."""
    processes = (
        ("platform", "platform", "node-p"),
        ("media-1", "media", "node-1"),
        ("media-2", "media", "node-2"),
    )
    return [
        *(
            make.real(
                "process_started",
                0.4 + 0.3 * place,
                "preflight",
                process=name,
                tier=tier,
                node=node,
                pid=4000 + place,
            )
            for place, (name, tier, node) in enumerate(processes)
        ),
        make.real(
            "process_started", 1.4, "preflight", process="audience", tier="audience", node="node-a", pid=4003
        ),
        make.real(
            "settings_applied",
            4.0,
            "preflight",
            target="all tiers",
            settings={"profile": "as-found", "scale": 0.001, "capacity": {"platform": 0.4, "media": 0.4}},
            why="the document's `rooms`",
        ),
        make.real(
            "settings_proven",
            5.0,
            "preflight",
            holds=True,
            evidence="rooms_config_info shows 4f2a91c0 on 4 of 4 processes",
        ),
    ]


def phase_events(make: Maker) -> list[Event]:
    """The beginning and the end of each phase."""
    found = [
        make.real("phase_started", 0.01, "preflight", story=0.0),
        make.real("phase_ended", OPENED - 0.01, "preflight"),
    ]
    story = 0.0
    for name, lasts in PHASES:
        found.append(make.real("phase_started", make.t(story), name, story=story))
        story += lasts
        found.append(make.real("phase_ended", make.t(story) - 0.001, name))
    found.append(make.real("phase_started", make.t(story), "judging", story=story))
    return found


_DOCUMENT = """\
version: 1
title: TITLE
question: With which crew would the room have lived?
world: local
time_scale: 12
timeline: {warm_up: 2m, baseline: 2m, faults: 20m, recovery: 4m, after: 2m}
rooms:
  scale: 1/1000
  profile: as-found
  audience:
    - {room: townhall, listeners: 678_000, from: 0m, join_over: 20m, shape: launch}
objectives:
  - {name: the room plays on, query: 'rooms:hearing:ratio{room="townhall"}', expect: ">= 0.5", may_break_for: 2m}
faults:
  - {fault: latency, link: media-to-platform, delay: 900ms, jitter: 300ms, at: 1m, until: repaired}
crew:
  headcount: 3
"""
