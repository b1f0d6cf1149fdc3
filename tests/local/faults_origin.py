"""A small real service for faults to hurt: prints its port, answers any path, and /payload?bytes=N with N bytes."""

import asyncio
import re
from contextlib import suppress


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection in their order."""
    with suppress(OSError, asyncio.IncompleteReadError):
        while True:
            asked = re.search(rb"bytes=(\d+)", await reader.readuntil(b"\r\n\r\n"))
            body = b"x" * int(asked[1]) if asked else b"ok"
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
    writer.close()


async def main() -> None:
    """Serve until somebody ends this process."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
