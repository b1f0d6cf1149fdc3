"""Grafana's HTTP API, as far as a run needs it: leaving annotations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chaos.errors import ClientError, UsageError

if TYPE_CHECKING:  # heavy, and most runs ask no Grafana
    import aiohttp

TOKEN_ENV = "STANDBY_GRAFANA_TOKEN"
"""Where the token of a service account is found that may write annotations."""
TIMEOUT = 5.0
"""Real seconds that a request may take."""


@dataclass(frozen=True)
class Note:
    """An annotation of the whole organisation: a band from `begun` to `ended`, both in unix seconds."""

    begun: float
    ended: float
    tags: Sequence[str]
    text: str


@dataclass(frozen=True)
class Grafana:
    """One Grafana and the token that opens it."""

    url: str
    token: str

    @classmethod
    def given(cls, url: str) -> Grafana:
        """The Grafana at `url`, with the token of the environment. Raises UsageError when either will not do."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise UsageError(f"--grafana {url} is no address; give one such as https://grafana.example")
        token = os.environ.get(TOKEN_ENV, "")
        if not token:
            raise UsageError(
                f"--grafana needs ${TOKEN_ENV}: the token of a service account that may write annotations"
            )
        return cls(url.rstrip("/"), token)

    async def annotate(self, notes: Sequence[Note]) -> None:
        """Leave each annotation, in order. Raises ClientError with how many were left, and why no more."""
        import aiohttp

        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            headers={"Authorization": f"Bearer {self.token}", "Accept": "application/json"},
            trust_env=True,
        ) as session:
            for done, note in enumerate(notes):
                if why := await self._leave(session, note):
                    raise ClientError(
                        f"Grafana at {self.url} took {done} of {len(notes)} annotations, then {why}"
                    )

    async def _leave(self, session: aiohttp.ClientSession, note: Note) -> str:
        """Leave one annotation; why it could not be, empty when it was."""
        import aiohttp

        told = {
            "time": round(note.begun * 1000),
            "timeEnd": round(note.ended * 1000),
            "tags": list(note.tags),
            "text": note.text,
        }
        try:
            async with session.post(
                f"{self.url}/api/annotations", json=told, allow_redirects=False
            ) as answer:
                if answer.status == 200:
                    return ""
                said = (await answer.text(errors="replace"))[:200].replace(self.token, "[redacted]")
                hint = f"; is ${TOKEN_ENV} right, and may it write annotations?"
                return f"answered {answer.status}: {said}" + (hint if answer.status in (401, 403) else "")
        except TimeoutError:
            return f"did not answer within {TIMEOUT:g} s"
        except aiohttp.ClientError as error:
            return f"could not be reached: {error}"
