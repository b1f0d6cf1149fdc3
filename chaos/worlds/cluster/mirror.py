"""A run's journal as a ConfigMap in the target's namespace, so that whoever can reach that can undo the run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chaos.clients import routes
from chaos.clients.cluster import Cluster, NotInClusterError
from chaos.errors import ApiAwayError, ClientError
from chaos.record import Json
from chaos.worlds.cluster.target import Target

if TYPE_CHECKING:
    import requests

MARK = "standby.chaos/journal"
"""The label of these ConfigMaps; its value is the run's name."""
KEY = "journal.jsonl"
TIMEOUT = 5.0
"""Real seconds that one write may take; the act that it announces waits for it."""


def name_of(run: str) -> str:
    """The name of a run's ConfigMap."""
    return f"standby-journal-{run}"


class Mirror:
    """Writes one run's journal to its ConfigMap. It blocks, as the journal itself does."""

    def __init__(self, target: Target, run: str) -> None:
        self._target = target
        self._run = run
        way = routes.access(target.context)
        self._session = way.session()
        self._url = f"{way.server}/api/v1/namespaces/{target.namespace}/configmaps"

    def write(self, text: str) -> None:
        """Put the journal's whole text there. Raises ClientError."""
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name_of(self._run), "labels": {MARK: self._run}},
            "data": {KEY: text},
        }
        answer = self._ask("PUT", f"{self._url}/{name_of(self._run)}", body)
        if answer.status_code == 404:
            answer = self._ask("POST", self._url, body)
        if answer.status_code >= 300:
            raise ClientError(
                f"the journal of {self._run} could not be written to {self._target} ({answer.status_code}): "
                f"{' '.join(answer.text.split())[:200]}"
            )

    def _ask(self, method: str, url: str, body: Mapping[str, object]) -> requests.Response:
        import requests

        try:
            return self._session.request(method, url, json=body, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise ApiAwayError(
                f"the journal of {self._run} could not be written to {self._target}: the API server does not answer "
                f"({type(error).__name__})"
            ) from error


@dataclass(frozen=True)
class Mirrored:
    """A journal that was found in a namespace: whose it is, and its text."""

    run: str
    text: str


async def mirrored(cluster: Cluster, target: Target) -> Sequence[Mirrored]:
    """The journals in a namespace, by run."""
    path = f"/api/v1/namespaces/{target.namespace}/configmaps"
    found = await cluster.ask("GET", path, f"list the journals in {target}", labelSelector=MARK)
    return sorted(
        (
            Mirrored(one["metadata"]["labels"][MARK], (one.get("data") or {}).get(KEY, ""))
            for one in found["items"]
        ),
        key=lambda one: one.run,
    )


async def text_of(cluster: Cluster, target: Target, run: str) -> str | None:
    """The text of a run's journal; None where it is not in the namespace any more."""
    path = f"/api/v1/namespaces/{target.namespace}/configmaps/{name_of(run)}"
    try:
        found = await cluster.ask("GET", path, f"show the journal of {run} in {target}")
    except NotInClusterError:
        return None
    return str((found.get("data") or {}).get(KEY, ""))


def seen_from(context: str, text: str) -> str:
    """A journal as whoever reaches its cluster by `context` can use it.

    A run knows the cluster by the name that its own machine has for it (a pod: `in-cluster`). That name may mean
    nothing here, or another cluster. One that is damaged stays as it is, for its reader to say so.
    """
    try:
        rows = [json.loads(line) for line in text.splitlines()]
    except ValueError:
        return text
    own = next((urlsplit(str(row.get("world"))).netloc for row in rows if row.get("entry") == "run"), "")
    if not own:
        return text
    return "".join(f"{json.dumps(_renamed(row, own, context), ensure_ascii=False)}\n" for row in rows)


def _renamed(value: Json, own: str, context: str) -> Json:
    if isinstance(value, Mapping):
        return {
            key: context if key == "context" and one == own else _renamed(one, own, context)
            for key, one in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_renamed(one, own, context) for one in value]
    before = f"{routes.SCHEME}://{own}/"
    if isinstance(value, str) and value.startswith(before):
        return f"{routes.SCHEME}://{context}/{value.removeprefix(before)}"
    return value


async def remove(cluster: Cluster, target: Target, run: str) -> None:
    """Remove a run's journal from the namespace; one that is gone already is no error."""
    path = f"/api/v1/namespaces/{target.namespace}/configmaps/{name_of(run)}"
    try:
        await cluster.ask("DELETE", path, f"remove the journal of {run} from {target}")
    except NotInClusterError:
        return
