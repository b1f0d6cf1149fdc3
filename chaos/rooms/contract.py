"""What both tiers and the audience agree on."""

from __future__ import annotations

import re

TOKEN_VALID_STORY_S = 300.0  # a token is good for five minutes of story time (assumption)
DEADLINE_HEADER = "X-Deadline"  # seconds since 1970, after which nobody waits for the answer
CONTROL_HEADER = "X-Control-Token"
"""The control token, where `Authorization` does not arrive: a Kubernetes API server that proxies keeps it to itself."""
ROOM_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
EDGE = "edge"
MEDIA_TO_PLATFORM = "media-to-platform"
PLATFORM_TO_MEDIA = "platform-to-media"
