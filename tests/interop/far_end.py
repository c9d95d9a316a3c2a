"""The far end of a line as a process: peripherals on a pseudo-terminal, moved by JSON lines.

Every such program understands these lines on standard input, and a few of its own:

    {"do": "close_pty"}  {"do": "open_pty"}  {"do": "count"}  {"do": "quit"}
    {"do": "drill", "seconds": 3, "gap": 0.05, "at_once": true}

and writes these to standard output; `at` is `time.monotonic()`, which processes of one
host share:

    {"ready": LINK}, once
    {"did": "close_pty", "at": 12.3}, and so on
    {"did": "count", "at": 12.3, "cpu": 0.4, "replies": {"1": 815}}
    {"did": "drill", "at": 12.3, "answered": [[1, 10.1, 10.2], …], "lost": 0}

Libraries may speak on standard output, so our own lines leave through a copy of it.
"""

import json
import os
import select
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from tests.interop.drill import Drill
from tests.interop.pseudo_terminal import Port

IDLE = 0.001  # seconds between two looks when nothing happens


class FarEnd(ABC):
    """All peripherals of one wire, and whoever moves them through standard input."""

    def __init__(self, port: Port, addresses: Sequence[int]) -> None:
        self.port = port
        self.addresses = tuple(addresses)
        self._out = keep_stdout()
        self._told: list[str] = []
        self._typed = b""
        self._going = True
        self._drill: Drill | None = None

    @abstractmethod
    def overhear(self, data: bytes) -> None:
        """Take what the panel wrote, perhaps nothing."""

    @abstractmethod
    def present(self, address: int) -> None:
        """Hold some card to a reader."""

    @abstractmethod
    def replies(self) -> Mapping[int, int]:
        """Return how many replies each address sent."""

    def state(self) -> dict[str, Any]:
        """Return what a count tells."""
        return {"cpu": time.process_time(), "replies": self.replies()}

    def obey(self, what: str, order: dict[str, Any]) -> None:
        """Do what only this kind of far end can do."""
        raise ValueError(f"nobody knows how to do {what!r} with {order}")

    def tell(self, **what: object) -> None:
        """Write a line when there is time."""
        self._told.append(json.dumps(what))

    def drove_output(self, address: int, at: float) -> None:
        """Say that an output was driven; a drill may wait for it."""
        if self._drill is not None:
            self._drill.heard(address, at)

    def run(self) -> None:
        """Work until told to quit, or until nobody is left to tell us."""
        self.port.plug_in()
        self.tell(ready=str(self.port.path))
        try:
            while self._going:
                self._flush()
                self._wait()
        finally:
            self.port.hang_up()

    def _wait(self) -> None:
        watched = [sys.stdin.fileno()]
        if self.port.descriptor is not None:
            watched.append(self.port.descriptor)
        ready, _, _ = select.select(watched, [], [], self._patience())
        if sys.stdin.fileno() in ready:
            self._take_orders(os.read(sys.stdin.fileno(), 1 << 16))
        self.present_due()
        self.overhear(self.port.read())

    def _patience(self) -> float:
        if self._drill is None:
            return IDLE
        return min(IDLE, max(0.0, self._drill.next_due - time.monotonic()))

    def present_due(self) -> None:
        """Hold those cards to readers whose time has come."""
        drill = self._drill
        if drill is None:
            return
        for address in drill.due(time.monotonic()):
            self.present(address)
        if drill.over:
            self._drill = None
            self.tell(
                did="drill", at=time.monotonic(), answered=drill.answered, lost=drill.lost
            )

    def _take_orders(self, typed: bytes) -> None:
        self._going = bool(typed)
        *lines, self._typed = (self._typed + typed).split(b"\n")
        for line in lines:
            order = json.loads(line)
            self._obey(order.pop("do"), order)

    def _obey(self, what: str, order: dict[str, Any]) -> None:
        at = time.monotonic()
        match what:
            case "quit":
                self._going = False
            case "close_pty":
                self.port.hang_up()
            case "open_pty":
                self.port.plug_in()
            case "count":
                self.tell(did=what, at=at, **self.state())
                return
            case "drill":
                self._begin_drill(at, **order)
                return
            case _:
                self.obey(what, order)
        self.tell(did=what, at=at)

    def _begin_drill(self, at: float, *, seconds: float, gap: float, at_once: bool) -> None:
        lanes = [(each,) for each in self.addresses] if at_once else [self.addresses]
        self._drill = Drill(lanes, begin=at, seconds=seconds, gap=gap)

    def _flush(self) -> None:
        if self._told:
            os.write(self._out, ("\n".join(self._told) + "\n").encode())
            self._told.clear()


def keep_stdout() -> int:
    """Return standard output for our lines; whatever others print goes to standard error."""
    ours = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return ours


def read_line() -> bytes:
    """Read one line of standard input and not a byte more; the rest is for `select`."""
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(sys.stdin.fileno(), 1) or b"\n"
    return line
