"""A door on the way to the broker, so that a story can say who gets there first."""

import asyncio
from contextlib import suppress
from typing import Self

CHUNK = 65536


class Relay:
    """Listens on `port` and passes on to `onwards`, while it is open."""

    def __init__(self, onwards: int) -> None:
        self.port = 0
        self.open = True
        self._onwards = onwards
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.shut()
        await self._server.wait_closed()

    def shut(self) -> None:
        """Cut everybody off and let nobody in."""
        self.open = False
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.open:
                there = await asyncio.open_connection("127.0.0.1", self._onwards)
                self._writers |= {writer, there[1]}
                async with asyncio.TaskGroup() as group:
                    group.create_task(_pump(reader, there[1]))
                    group.create_task(_pump(there[0], writer))
                self._writers -= {writer, there[1]}
        except OSError:  # the broker is away
            pass
        finally:
            writer.transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
    sink.transport.abort()
