"""The dashboard of the tiers and the bridge between them: rate, errors and duration on both sides of each link."""

from __future__ import annotations

from dashboards.frame import Row, Sheet
from dashboards.panels import Query, curves, rows, states

RATE = "[$__rate_interval]"
ON_OFF = {"1": ("open", "red"), "0": ("closed", "green")}


def _p90(seconds: str, kept: str) -> str:
    return f"histogram_quantile(0.9, sum by (kind, le) (rate({seconds}_bucket{{{kept}}}{RATE})))"


def _share(calls: str, kept: str, failed: str) -> str:
    bad = f"sum(rate({calls}{{{kept},{failed}}}{RATE}))"
    return f"{bad} / (sum(rate({calls}{{{kept}}}{RATE})) > 0)"


def _link(link: str, caller: str, callee: str) -> Row:
    """A link of the bridge: the calls as the caller counted them, and as the callee answered them."""
    kept = f'link="{link}"'
    calls, seconds = f"{caller}_bridge_calls_total", f"{caller}_bridge_call_seconds"
    served, took = f"{callee}_served_total", f"{callee}_served_seconds"
    both = f"Solid: {caller}, which calls. The names with a dot: {callee}, which answers."
    return Row(
        f"{link}: {caller} calls {callee}",
        (
            curves(
                "Rate",
                f"Tries that ended, per real second. {both}",
                "reqps",
                Query(f"sum by (kind) (rate({calls}{{{kept}}}{RATE}))", "{{kind}}"),
                Query(f"sum by (kind) (rate({served}{{{kept}}}{RATE}))", f"· {callee}: {{{{kind}}}}"),
            ),
            curves(
                "Errors",
                "The share that failed: as the caller saw it (time-outs, unreachable, breaker open, errors), and as "
                "the callee did. What only the caller sees is the bridge's doing. A refusal is no error.",
                "percentunit",
                Query(_share(calls, kept, 'result!~"ok|refused"'), caller),
                Query(_share(served, kept, 'result="error"'), f"· {callee}"),
                top=1,
            ),
            curves(
                "Duration",
                "What nine tenths of the calls took at most, in real time. What the callee took is within what the "
                "caller waited; the rest is the bridge, and the way to it.",
                "s",
                Query(_p90(seconds, kept), "{{kind}}"),
                Query(_p90(took, kept), f"· {callee}: {{{{kind}}}}"),
            ),
        ),
    )


EDGE = Row(
    "edge: the audience calls media",
    (
        curves(
            "Rate",
            "Joins that ended as the audience counted them, and what media answered, per real second.",
            "reqps",
            Query(
                f"sum(rate(rooms_joins_succeeded_total{RATE})) + sum(rate(rooms_joins_failed_total{RATE}))",
                "joins",
            ),
            Query(f'sum by (kind) (rate(media_served_total{{link="edge"}}{RATE}))', "· media: {{kind}}"),
        ),
        curves(
            "Errors",
            "The share of the joins that failed for the audience, whatever the reason, and of all calls that media "
            "answered with an error.",
            "percentunit",
            Query(
                f"sum(rate(rooms_joins_failed_total{RATE})) / (sum(rate(rooms_joins_succeeded_total{RATE})) + "
                f"sum(rate(rooms_joins_failed_total{RATE})) > 0)",
                "audience",
            ),
            Query(_share("media_served_total", 'link="edge"', 'result="error"'), "· media"),
            top=1,
        ),
        curves(
            "Duration",
            "What nine tenths of the joins, and of the calls that media answered, took at most, in real time.",
            "s",
            Query(
                f"histogram_quantile(0.9, sum by (le) (rate(rooms_join_seconds_bucket{RATE})))",
                "joins",
            ),
            Query(_p90("media_served_seconds", 'link="edge"'), "· media: {{kind}}"),
        ),
    ),
)

SATURATION = Row(
    "Saturation",
    (
        curves(
            "Tokens asked for, of what can be served",
            "At 100 % a line begins to grow; the crew is called at 90 %.",
            "percentunit",
            Query(f"sum(rate(platform_tokens_total{RATE})) / sum(platform_token_capacity)", "platform"),
            limit=0.9,
        ),
        curves(
            "Line for tokens",
            "Real seconds that a token asked for now would wait.",
            "s",
            Query("platform_token_queue_seconds", "{{instance}}"),
        ),
        curves(
            "Announcements behind",
            "Story seconds of announcement work that is not yet sent.",
            "s",
            Query("platform_announcements_backlog_seconds", "{{instance}}"),
        ),
        curves(
            "Sound asked for, of what can be sent",
            "At 100 % segments begin to wait, and listeners to hear nothing.",
            "percentunit",
            Query("media_egress_utilisation", "{{instance}}"),
            limit=0.9,
        ),
        curves(
            "Calls under way on the bridge",
            "Those that hang count on.",
            "suffix: calls",
            Query("sum by (link) (media_bridge_in_flight)", "{{link}}"),
            Query("sum by (link) (platform_bridge_in_flight)", "{{link}}"),
        ),
        curves(
            "Processes that wait for a processor",
            "The share of the last 10 s in which each was ready to run and got none: this machine's doing alone.",
            "percentunit",
            Query("rooms:cpu_wait:ratio", "{{instance}}"),
        ),
    ),
)

DEFENCES = Row(
    "Breaker and cache",
    (
        states(
            "Circuit breakers",
            "While one is open its tier does not call; profile hardened alone has them.",
            Query("media_breaker_open", "{{instance}} → {{peer}}"),
            Query("platform_breaker_open", "{{instance}} → {{peer}}"),
            words=ON_OFF,
            span=8,
        ),
        curves(
            "Token cache",
            "Joins and renewals that media answered from its cache, per real second; 0 where the profile has none.",
            "reqps",
            Query(f"sum by (instance) (rate(media_token_cache_hits_total{RATE}))", "{{instance}}"),
        ),
        curves(
            "Joins at media, by result",
            "Per real second.",
            "reqps",
            Query(f"sum by (result) (rate(media_joins_total{RATE}))", "{{result}}"),
            stacked=True,
        ),
        curves(
            "Thrown out",
            "Listeners whom media sent away again, per real second, by reason.",
            "reqps",
            Query(f"sum by (reason) (rate(media_thrown_out_total{RATE}))", "{{reason}}"),
            stacked=True,
        ),
        rows(
            "Settings in force",
            "The profile, scale and time scale that each tier says it has.",
            "none",
            Query("last_over_time(rooms_config_info[$__range])"),
            "tier", "instance", "profile", "scale", "time_scale",
            value="is",
            span=16,
        ),
    ),
)  # fmt: skip

SHEET = Sheet(
    uid="standby-tiers",
    title="Standby / Tiers and bridge",
    description="The two tiers and the links between them, each seen from both of its sides.",
    rows=(
        _link("media-to-platform", "media", "platform"),
        _link("platform-to-media", "platform", "media"),
        EDGE,
        SATURATION,
        DEFENCES,
    ),
)
