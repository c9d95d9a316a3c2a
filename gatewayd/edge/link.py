"""A byte pipe to a line, kept open.

A `Link` belongs to one line for good; ports and sockets come and go underneath it. What
happens arrives as calls on its `Conversation`: `link_up`, any number of `received`,
`link_down`; and `no_link` with each new reason why there is none. Nothing here is awaited
by the conversation: `write` hands bytes to the kernel at once, or to the transport's buffer
if the kernel is full.

The only task per line sleeps all the time, except while a port or socket that went away
is opened again: at once, then with a growing pause. Only one that lasted, and brought
something, starts from the shortest pause again: nobody comes and goes ten times a second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from gatewayd.edge.backoff import Backoff

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
LASTING = 2.0  # seconds
WRITE_BOUND = 16 * 1440  # bytes waiting in a transport; more means that the line takes nothing
READ_BOUND = 4 * 1440  # bytes at once; nobody answers more to one command: this is a flood

Factory = Callable[[], asyncio.Protocol]
Opener = Callable[[Factory], Awaitable[asyncio.WriteTransport]]


class Conversation(Protocol):
    """Whoever talks over the link."""

    def link_up(self) -> None:
        """Bytes can be written from now on."""

    def received(self, data: bytes) -> None:
        """Take what was read."""

    def link_down(self, why: str) -> None:
        """The link is gone; what was written may or may not have left."""

    def no_link(self, why: str) -> None:
        """It cannot be opened, and that is why; it is tried again."""


class Link(asyncio.Protocol):
    """One line's way to its port or socket."""

    def __init__(self, opener: Opener, conversation: Conversation) -> None:
        self._open = opener
        self._conversation = conversation
        self._transport: asyncio.WriteTransport | None = None
        self._lost = asyncio.Event()
        self._backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        self._since = 0.0
        self.why: str | None = "not opened yet"  # None while it is up

    async def run(self) -> None:
        """Keep the link open until cancelled."""
        try:
            while True:
                await self._keep_open()
        finally:
            self.close()

    def write(self, data: bytes) -> None:
        """Send; on a link that is down or takes nothing the bytes are dropped."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() > WRITE_BOUND:
            self._give_up()
            return
        self._transport.write(data)

    def close(self) -> None:
        """Give up the port or socket."""
        self._give_up()

    def _give_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _keep_open(self) -> None:
        self._lost.clear()
        try:
            await self._open(lambda: self)
        except (OSError, ValueError) as exc:  # ValueError: a name that can be no host or port
            self._not_opened(str(exc))
        else:
            await self._lost.wait()
        await asyncio.sleep(self._backoff.next_pause())

    def _not_opened(self, why: str) -> None:
        if why != self.why:
            self._conversation.no_link(why)
        self.why = why

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._since = asyncio.get_running_loop().time()
        self.why = None
        self._conversation.link_up()

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if len(data) > READ_BOUND:
            self._give_up()
            return
        if asyncio.get_running_loop().time() - self._since > LASTING:
            self._backoff.reset()
        self._conversation.received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._transport = None
        self.why = str(exc) if exc else "closed"
        self._lost.set()
        self._conversation.link_down(self.why)
