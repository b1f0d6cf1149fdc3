"""A real Prometheus behind a proxy that adds 30 s to every time it tells: as if its clock were ahead.

    python shifted_prometheus.py FOLDER

Prints its URL, and ends both on SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from aiohttp import ClientSession, web

from chaos.clients.tools import find
from chaos.ports import Ports

AHEAD = 30.0


def shifted(value: object) -> object:
    """A Prometheus answer with every [time, value] shifted; scalars of `time()` are times themselves."""
    if isinstance(value, dict):
        if value.get("resultType") == "scalar":
            stamp, number = value["result"]
            return {**value, "result": [stamp + AHEAD, str(float(number) + AHEAD)]}
        return {key: shifted(below) for key, below in value.items()}
    if isinstance(value, list):
        if len(value) == 2 and isinstance(value[0], float | int) and isinstance(value[1], str):
            return [value[0] + AHEAD, value[1]]
        return [shifted(below) for below in value]
    return value


async def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    ports = Ports()
    real, own = ports.take(), ports.take()
    (folder / "shifted.yml").write_text("global: {scrape_interval: 1s}\n")
    server = await asyncio.create_subprocess_exec(
        str(find("prometheus")),
        f"--config.file={folder / 'shifted.yml'}",
        f"--storage.tsdb.path={folder / 'shifted'}",
        f"--web.listen-address=127.0.0.1:{real}",
        "--log.level=error",
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with ClientSession() as client:

        async def answer(request: web.Request) -> web.Response:
            body = {key: str(value) for key, value in (await request.post()).items()}
            for key in ("time", "start", "end"):
                if key in body:
                    body[key] = str(float(body[key]) - AHEAD)
            async with client.request(
                request.method, f"http://127.0.0.1:{real}{request.path}", data=body or None
            ) as told:
                return web.json_response(shifted(json.loads(await told.read())), status=told.status)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", own).start()
        while True:
            try:
                async with client.get(f"http://127.0.0.1:{real}/-/ready") as ready:
                    if ready.status == 200:
                        break
            except OSError:
                pass
            await asyncio.sleep(0.05)
        sys.stdout.write(f"http://127.0.0.1:{own}\n")
        sys.stdout.flush()
        await stop.wait()
        await runner.cleanup()
    server.terminate()
    await server.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
