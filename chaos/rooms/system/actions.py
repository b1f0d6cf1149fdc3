"""The repairs that the rooms know, by the names that a runbook uses."""

ACTIONS = (
    "fail_over_bridge",
    "bypass_tokens",
    "shed_announcements",
    "shed_joins",
    "restart_process",
    "bring_node_back",
    "scale_out_media",
    "reopen_room",
    "relaunch_room",
    "clear_link",
)
"""The repairs that a runbook may name."""
