"""One talk on a line: a machine that speaks, a link that carries, a timer that wakes.

For the tools that set units up while no daemon has the line. What the daemon does for good
(`OsdpLine`) is done here for a few seconds, and a line that cannot be opened or goes away ends
it at once. The machine is a `Bus` or a `Scan`; what it tells is kept in `told`.

    async with Talk(opener, scan, "/dev/ttyUSB0") as talk:
        await talk.until(lambda: scan.done, patience=10.0)
"""

import asyncio
import contextlib
import errno
import math
from collections.abc import Callable
from typing import Generic, ParamSpec, Protocol, Self, TypeVar

from gatewayd.edge.link import Factory, Link, Opener
from gatewayd.errors import GatewayError, LineFailed, NotPermitted, PortInUse

TOLD_BOUND = 10_000  # events of one talk
_IN_USE = {errno.EAGAIN, errno.EBUSY}

Event = TypeVar("Event")
P = ParamSpec("P")
Told_co = TypeVar("Told_co", covariant=True)


class Machine(Protocol[Told_co]):
    """Bytes and the time in, bytes and events out; see `protocol.osdp.bus`."""

    @property
    def deadline(self) -> float:
        """When to call `receive` at the latest."""

    def link_up(self, now: float) -> None:
        """The line can be written to."""

    def link_down(self, now: float) -> None:
        """The line is gone."""

    def outgoing(self, now: float) -> bytes:
        """Return what to write."""

    def receive(self, data: bytes, now: float) -> None:
        """Take what was read."""

    def next_event(self) -> Told_co | None:
        """Return the oldest event not yet taken."""


class Talk(Generic[Event]):
    """A context: the line is open inside, and closed when it is left."""

    def __init__(self, opener: Opener, machine: Machine[Event], port: str) -> None:
        """`port`: what to call it when it fails."""
        self.told: list[Event] = []
        self._machine = machine
        self._opener = opener
        self._port = port
        self._link = Link(self._open, self)
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()
        self._up = False
        self._trouble: Exception | None = None

    async def __aenter__(self) -> Self:
        """Raise PortInUse, NotPermitted or LineFailed if the line cannot be opened."""
        self._task = asyncio.create_task(self._link.run())
        try:
            await self.until(lambda: self._up, math.inf)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the line."""
        await self._end()

    async def until(self, true: Callable[[], bool], patience: float) -> bool:
        """Wait for something to be true, for so many seconds; return whether it is.

        Raises LineFailed if the line goes away.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if math.isinf(patience) else patience):
                while self._trouble is None and not true():
                    self._news.clear()
                    await self._news.wait()
        if self._trouble is not None:
            raise self._trouble
        return true()

    def now(self) -> float:
        """Return the time that the machine knows."""
        return asyncio.get_running_loop().time()

    def pump(self) -> None:
        """Write what is due; after whatever was asked of the machine."""
        now = self.now()
        while True:
            while (event := self._machine.next_event()) is not None:
                self._keep(event)
            wire = self._machine.outgoing(now)
            if not wire:
                break
            self._link.write(wire)
        while (event := self._machine.next_event()) is not None:
            self._keep(event)
        self._arm()
        self._news.set()

    # --- what the link brings ---------------------------------------------------------

    def link_up(self) -> None:
        """Called by the link."""
        self._up = True
        self._step(self._machine.link_up, self.now())

    def received(self, data: bytes) -> None:
        """Called by the link."""
        self._step(self._machine.receive, data, self.now())

    def link_down(self, why: str) -> None:
        """Called by the link."""
        self._fail(LineFailed(f"{self._port} went away: {why}"))

    def no_link(self, why: str) -> None:
        """Called by the link; `_open` has said it better."""

    # --- how it works -----------------------------------------------------------------

    async def _open(self, factory: Factory) -> asyncio.WriteTransport:
        try:
            return await self._opener(factory)
        except (OSError, ValueError) as error:
            self._fail(_said(error, self._port))
            raise

    def _step(self, happen: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            happen(*args, **kwargs)
            self.pump()
        except Exception as fault:  # noqa: BLE001  `until` raises it
            self._fail(fault)

    def _keep(self, event: Event) -> None:
        self.told.append(event)
        if len(self.told) > TOLD_BOUND:
            self._fail(LineFailed(f"{self._port}: more is said there than can be kept"))

    def _fail(self, trouble: Exception) -> None:
        self._trouble = self._trouble or trouble
        self._news.set()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not math.isinf(self._machine.deadline):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._machine.deadline, self._time_has_come)

    def _time_has_come(self) -> None:
        self._timer = None
        self.received(b"")

    async def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        while self._up and self._link.why is None:  # the port is free once the link is down
            self._news.clear()
            await self._news.wait()


def _said(error: OSError | ValueError, port: str) -> GatewayError:
    """Say what is in the way, and what to do about it."""
    number = error.errno if isinstance(error, OSError) else None
    if number in _IN_USE:
        return PortInUse(
            f"{port} is in use. If gatewayd has it: `systemctl stop gatewayd`, try again, and "
            "start it afterwards"
        )
    if number == errno.EACCES:
        return NotPermitted(f"{port} is not for this user; try as root or in its group")
    return LineFailed(f"{port} cannot be opened: {str(error) or 'no answer'}")
