"""Docker's API with a few containers behind it, at a socket of its own, in this event loop.

async with FakeDocker() as docker:
    docker.containers["standby-worker"] = FakeContainer("c1", "standby")
    await Docker(docker.address).node("standby-worker", "standby")
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from aiohttp import web

_AFTER = {"kill": "exited", "stop": "exited", "pause": "paused", "start": "running", "unpause": "running"}


@dataclass
class FakeContainer:
    """A container; `cluster` is the value of kind's label, empty for none. `deaf`: nothing changes it."""

    id: str
    cluster: str = ""
    state: str = "running"
    deaf: bool = False


@dataclass
class FakeDocker:
    """The engine; use it as an async context manager. `log` holds `ACT name`."""

    containers: dict[str, FakeContainer] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """What $DOCKER_HOST would be."""
        return f"unix://{self._socket}"

    async def __aenter__(self) -> Self:
        # Not in a test's own folder: the path of a socket has about a hundred characters at most.
        self._folder = TemporaryDirectory(prefix="docker-")
        self._socket = Path(self._folder.name) / "d.sock"
        app = web.Application()
        app.router.add_get("/containers/{name}/json", self._show)
        app.router.add_post("/containers/{id}/{act}", self._act)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self._socket)).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        self._folder.cleanup()

    async def _show(self, request: web.Request) -> web.Response:
        found = self.containers.get(request.match_info["name"])
        if found is None:
            return web.json_response({"message": "No such container"}, status=404)
        labels = {"io.x-k8s.kind.cluster": found.cluster} if found.cluster else {}
        return web.json_response(
            {"Id": found.id, "Config": {"Labels": labels}, "State": {"Status": found.state}}
        )

    async def _act(self, request: web.Request) -> web.Response:
        act = request.match_info["act"]
        for name, found in self.containers.items():
            if found.id == request.match_info["id"]:
                self.log.append(f"{act} {name}")
                if not found.deaf:
                    found.state = _AFTER[act]
                return web.Response(status=204)
        return web.json_response({"message": "No such container"}, status=404)
