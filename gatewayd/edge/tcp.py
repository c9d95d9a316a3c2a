"""Lines behind a serial server or a TCP peripheral."""

import asyncio
import socket

from gatewayd.edge.link import Factory, Opener

CONNECT_TIMEOUT = 5.0
# A serial server that lost its power says nothing. The bus notices after eight seconds; the
# kernel must give the socket up as well, or it would go on collecting what we write.
USER_TIMEOUT_MS = 10_000


def opener(host: str, port: int) -> Opener:
    """Return how to connect to `host`:`port`."""

    async def connect(factory: Factory) -> asyncio.WriteTransport:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_TIMEOUT):
            transport, _ = await loop.create_connection(factory, host, port)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        return transport

    return connect
