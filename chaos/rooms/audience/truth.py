"""The audience's truth as metrics: who tried, who got in, who hears, what was lost, and whether it kept up."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

FAIL_REASONS = (
    "timeout", "unreachable", "room_gone", "room_ended", "shed", "full", "bridge", "denied", "refused",
)  # fmt: skip
LEAVE_REASONS = ("stayed", "patience", "room_ended")
END_REASONS = ("planned", "host_gave_up", "closed")
JOIN_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0)


class Families:
    """Every metric family of the audience; `of` gives the children of one room."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, ["room", *labels], registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, ["room", *labels], registry=registry)

        self.tried = counter("rooms_joins_tried_total", "Times that someone pressed join.")
        self.succeeded = counter("rooms_joins_succeeded_total", "Joins that let someone in.")
        self.failed = counter("rooms_joins_failed_total", "Joins that did not.", "reason")
        self.reconnects = counter(
            "rooms_reconnects_total", "Ways back that the client took by itself, no join.", "result"
        )
        self.admitted = gauge(
            "rooms_listeners_admitted", "Live listeners let in once who have not left of their own will."
        )
        self.hearing = gauge(
            "rooms_listeners_hearing", "Live listeners to whom fresh sound of the host's came."
        )
        self.planned = gauge("rooms_listeners_planned", "Live listeners who should be there by schedule.")
        self.left = counter("rooms_listeners_left_total", "Admitted listeners who left.", "reason")
        self.open = gauge("rooms_room_open", "1 from the host's opening until the room ends.")
        self.on_air = gauge("rooms_host_on_air", "1 while media acknowledges the host's fresh sound.")
        self.ended = gauge("rooms_room_ended", "1 once the room has ended.", "reason")
        self.lost = counter(
            "rooms_lost_listener_seconds_total",
            "Story seconds x full-scale listeners who should hear and do not, here or where the room was relaunched.",
        )
        self.interruptions = counter("rooms_interruptions_total", "Times that someone's sound stopped.")
        self.seconds = Histogram(
            "rooms_join_seconds",
            "Real seconds from pressing join to being in.",
            ["room"],
            buckets=JOIN_BUCKETS,
            registry=registry,
        )
        self.until_sound = Histogram(
            "rooms_until_sound_seconds",
            "Real seconds from being let in to fresh sound.",
            ["room"],
            buckets=JOIN_BUCKETS,
            registry=registry,
        )

    def clear(self) -> None:
        """Forget all rooms: a new plan is a new audience."""
        for family in vars(self).values():
            family.clear()


class Counted:
    """One room's children, kept; every reason is there from the beginning, at 0."""

    def __init__(self, families: Families, room: str) -> None:
        self.tried = families.tried.labels(room)
        self.succeeded = families.succeeded.labels(room)
        self.failed = {reason: families.failed.labels(room, reason) for reason in FAIL_REASONS}
        self.reconnects = {result: families.reconnects.labels(room, result) for result in ("ok", "failed")}
        self.admitted = families.admitted.labels(room)
        self.hearing = families.hearing.labels(room)
        self.planned = families.planned.labels(room)
        self.left = {reason: families.left.labels(room, reason) for reason in LEAVE_REASONS}
        self.open = families.open.labels(room)
        self.on_air = families.on_air.labels(room)
        self.ended = {reason: families.ended.labels(room, reason) for reason in END_REASONS}
        self.lost = families.lost.labels(room)
        self.interruptions = families.interruptions.labels(room)
        self.seconds = families.seconds.labels(room)
        self.until_sound = families.until_sound.labels(room)
