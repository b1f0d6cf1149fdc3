"""The dashboard of one run: what must hold, which faults were in force, what the rooms and the people did."""

from __future__ import annotations

from dashboards.frame import Choice, Row, Sheet
from dashboards.panels import Query, curves, number, states

ROOM = 'room=~"$room"'
OBJECTIVE = 'objective=~"$objective"'
RATE = "[$__rate_interval]"

VERDICT = Row(
    "What must hold",
    (
        number(
            "Run",
            "The experiment whose run this is. Times here are real; the run's story goes faster by its time_scale.",
            "string",
            Query("last_over_time(chaos_run_info[$__range])", "{{title}}"),
            span=6,
            named=True,
        ),
        states(
            "Objectives",
            "Whether each objective's last value was as expected. The verdict is judged over the whole window, and "
            "allows the breaks that the document allows.",
            Query(f"chaos_objective_holds{{{OBJECTIVE}}}", "{{objective}}"),
            words={"1": ("holds", "green"), "0": ("broken", "red")},
            span=18,
        ),
        states(
            "Faults in force",
            "From the moment a fault was applied to the moment it was undone.",
            Query("chaos_fault_active", "{{fault}} on {{target}}"),
            words={"1": ("in force", "red"), "0": ("undone", "transparent")},
            span=12,
        ),
        curves(
            "What the objectives measure",
            "The value of each objective, in its own unit.",
            "none",
            Query(f"chaos_objective_value{{{OBJECTIVE}}}", "{{objective}}"),
            span=12,
        ),
    ),
)

ROOMS = Row(
    "Rooms",
    (
        curves(
            "Listeners",
            "Who should be there by schedule, who was let in and has not left, and who hears fresh sound; at the run's "
            "scale.",
            "short",
            Query(f"sum by (room) (rooms_listeners_planned{{{ROOM}}})", "planned {{room}}"),
            Query(f"sum by (room) (rooms_listeners_admitted{{{ROOM}}})", "admitted {{room}}"),
            Query(f"sum by (room) (rooms_listeners_hearing{{{ROOM}}})", "hearing {{room}}"),
        ),
        curves(
            "Listeners who hear",
            "Of those admitted who have not left, those who hear. A room is lost where this stays under half for too "
            "long.",
            "percentunit",
            Query(f"rooms:hearing:ratio{{{ROOM}}}", "{{room}}"),
            limit=0.5,
            top=1,
        ),
        curves(
            "Joins that succeed",
            "Of the joins that ended in the last 15 s, those that let someone in. At least nine in ten must.",
            "percentunit",
            Query(f"rooms:join_success:ratio{{{ROOM}}}", "{{room}}"),
            limit=0.9,
            top=1,
        ),
        curves(
            "Time to join",
            "From pressing join to being in: what half and nine tenths of those let in needed at most, in real time.",
            "s",
            *(
                Query(
                    f"histogram_quantile({share}, sum by (room, le) (rate(rooms_join_seconds_bucket{{{ROOM}}}{RATE})))",
                    f"{name} {{{{room}}}}",
                )
                for share, name in ((0.5, "median"), (0.9, "p90"))
            ),
        ),
        curves(
            "Joins that failed, by reason",
            "Per real second, at the run's scale.",
            "reqps",
            Query(f"sum by (reason) (rate(rooms_joins_failed_total{{{ROOM}}}{RATE}))", "{{reason}}"),
            stacked=True,
        ),
        curves(
            "Lost listener-minutes",
            "Story minutes times full-scale listeners who should have heard and did not, since the room opened.",
            "suffix: listener-minutes",
            Query(f"sum by (room) (rooms_lost_listener_seconds_total{{{ROOM}}}) / 60", "{{room}}"),
        ),
    ),
)

PEOPLE = Row(
    "People",
    (
        curves(
            "People on call",
            "The modelled crew: free, leading an incident, helping, or not to be had.",
            "suffix: people",
            Query("crew_people", "{{state}}"),
            stacked=True,
            steps=True,
        ),
        curves(
            "Open incidents",
            "By the stage they are in.",
            "suffix: incidents",
            Query("crew_incidents", "{{stage}}"),
            stacked=True,
            steps=True,
        ),
        curves(
            "Repairs",
            "Carried out so far; a wrong diagnosis carries out the wrong action for real.",
            "suffix: repairs",
            Query("sum by (action, right) (crew_repairs_total)", "{{action}}, right: {{right}}"),
            steps=True,
        ),
        curves(
            "Time in each stage",
            "Mean over the incidents so far, in story time.",
            "s",
            Query(
                "sum by (stage) (crew_stage_seconds_sum) / (sum by (stage) (crew_stage_seconds_count) > 0)",
                "{{stage}}",
            ),
        ),
        curves(
            "Alerts that fire",
            "What the crew is called for (severity page) and what it sees when it looks (info).",
            "suffix: alerts",
            Query(
                'count by (alertname, severity) (ALERTS{alertstate="firing"})', "{{alertname}} ({{severity}})"
            ),
            stacked=True,
            steps=True,
        ),
        curves(
            "Could this machine keep up?",
            "How far the audience is behind its schedule, and how late the worst event loop is. A run whose load could "
            "not keep up is inconclusive.",
            "s",
            Query("rooms:audience_lag:seconds", "audience"),
            Query("max(rooms:loop_lag:seconds)", "worst event loop"),
        ),
    ),
)

SHEET = Sheet(
    uid="standby-experiment",
    title="Standby / Experiment",
    description="One run: objectives, faults as annotations, rooms and people. Live, or from a run's snapshot "
    "(`standby dashboards RUN`).",
    rows=(VERDICT, ROOMS, PEOPLE),
    choices=(
        Choice("objective", "Objective", "What must hold.", "chaos_objective_holds"),
        Choice("room", "Room", "The rooms of the run.", "rooms_listeners_planned"),
    ),
)
